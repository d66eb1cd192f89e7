//! Segments of the log: batches in tagged sectors, and what is left of them after a crash.

use crate::codec::{Malformed, checksum};

/// What a disk writes whole or not at all, in bytes.
pub const SECTOR: usize = 512;

/// Of a sector, that much is tag.
const TAG: usize = 4;
const CONTENT: usize = SECTOR - TAG;
/// The tag of a header.
const HEADER_TAG: u32 = 0x5A5A_5A5A;
const MAGIC: [u8; 8] = *b"kvlog\0\0\x01";

/// A number, a length, a checksum over the body, and one over these.
const BATCH_HEADER: usize = 8 + 4 + 8 + 8;

/// The tag of a batch: the end of its number, and the same with every bit turned. So no flipped bit makes one tag of another,
/// nor a 0, which is what a sector has that was never written.
fn tag(batch: u64) -> u32 {
    let number = u32::from(batch as u16);
    number << 16 | u32::from(!(batch as u16))
}

/// What the first sector of a segment says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Header {
    pub(crate) segment: u64,
    /// Whose log it is.
    pub(crate) server: u64,
    /// The number of its first batch.
    pub(crate) first_batch: u64,
    /// The segment before, and where its last batch ends; both 0 where there is none.
    pub(crate) previous: u64,
    pub(crate) previous_end: u64,
}

impl Header {
    pub(crate) fn encode(self) -> Vec<u8> {
        let mut bytes = HEADER_TAG.to_le_bytes().to_vec();
        bytes.extend(MAGIC);
        for field in [self.segment, self.server, self.first_batch, self.previous, self.previous_end] {
            bytes.extend(field.to_le_bytes());
        }
        bytes.resize(SECTOR - 8, 0);
        bytes.extend(checksum(&bytes).to_le_bytes());
        bytes
    }

    /// The header that a segment begins with; `None` where its first sector was never written: a crash came before
    /// anything of it was durable.
    pub(crate) fn decode(segment: &[u8]) -> Result<Option<Self>, Malformed> {
        let Some(sector) = segment.first_chunk::<SECTOR>() else {
            return if segment.iter().all(|byte| *byte == 0) { Ok(None) } else { Err(Malformed::CutShort) };
        };
        if sector.iter().all(|byte| *byte == 0) {
            // The header becomes durable with the first batch.
            let mut written = tags(segment).filter(|tag| *tag != 0);
            let first = written.next();
            let is_torn = written.all(|tag| Some(tag) == first);
            return if is_torn { Ok(None) } else { Err(Malformed::Nonsense("the header that was durable is empty")) };
        }
        let (content, sum) = sector.split_at(SECTOR - 8);
        if number(sum) != checksum(content) {
            return Err(Malformed::Checksum);
        }
        if content[TAG..TAG + 8] != MAGIC {
            return Err(Malformed::Nonsense("not a segment of this version's log"));
        }
        let field = |place: usize| number(&content[TAG + 8 + 8 * place..]);
        let (segment, server, first_batch) = (field(0), field(1), field(2));
        Ok(Some(Self { segment, server, first_batch, previous: field(3), previous_end: field(4) }))
    }
}

fn number(bytes: &[u8]) -> u64 {
    bytes.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

/// How many bytes a batch takes whose body has `length`.
pub(crate) fn extent(length: usize) -> usize {
    (BATCH_HEADER + length).div_ceil(CONTENT) * SECTOR
}

/// Appends the sectors of a batch.
pub(crate) fn write_batch(segment: u64, batch: u64, body: &[u8], sectors: &mut Vec<u8>) {
    sectors.reserve(extent(body.len()));
    let tag = tag(batch).to_le_bytes();
    let header = batch_header(segment, batch, body);
    let (first, rest) = body.split_at(body.len().min(CONTENT - BATCH_HEADER));
    sectors.extend(tag);
    sectors.extend(header);
    sectors.extend(first);
    for content in rest.chunks(CONTENT) {
        sectors.extend(tag);
        sectors.extend(content);
    }
    sectors.resize(sectors.len().next_multiple_of(SECTOR), 0);
}

fn batch_header(segment: u64, batch: u64, body: &[u8]) -> [u8; BATCH_HEADER] {
    let mut header = [0; BATCH_HEADER];
    header[..8].copy_from_slice(&batch.to_le_bytes());
    header[8..12].copy_from_slice(&(body.len() as u32).to_le_bytes());
    // A batch that stands in another segment than it was written to is not believed.
    header[12..20].copy_from_slice(&(checksum(body) ^ segment.rotate_left(32)).to_le_bytes());
    let sum = checksum(&header[..20]);
    header[20..].copy_from_slice(&sum.to_le_bytes());
    header
}

/// What stands at a place of a segment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Found {
    /// A whole batch, with its body and where the next begins.
    Batch { body: Vec<u8>, end: usize },
    /// Nothing: the log ends here.
    End,
    /// A part of the next batch: a crash came before it was durable. The log ends here.
    Torn,
}

fn tags(sectors: &[u8]) -> impl Iterator<Item = u32> {
    sectors.chunks(SECTOR).map(|sector| sector.first_chunk().map_or(0, |tag| u32::from_le_bytes(*tag)))
}

/// Looks for batch `batch` at `offset` of a segment, a multiple of [`SECTOR`].
///
/// # Errors
/// Where something that was durable is damaged: see the [module's front page](super).
pub(crate) fn look(segment: u64, bytes: &[u8], offset: usize, batch: u64) -> Result<Found, Malformed> {
    let rest = bytes.get(offset..).unwrap_or_default();
    let own = tag(batch);
    match tags(rest).next() {
        None => return Ok(Found::End),
        Some(0) => {
            // The first sector of a torn batch may be missing; nothing else may follow.
            return match tags(rest).find(|tag| *tag != 0) {
                None => Ok(Found::End),
                Some(_) if tags(rest).all(|tag| tag == 0 || tag == own) => Ok(Found::Torn),
                Some(_) => Err(Malformed::Nonsense("a sector that was durable is empty")),
            };
        }
        Some(tag) if tag != own => {
            return Err(Malformed::Nonsense("a sector belongs to no batch that could stand here"));
        }
        Some(_) => {}
    }
    let header = rest.get(TAG..TAG + BATCH_HEADER).ok_or(Malformed::CutShort)?;
    if number(&header[20..]) != checksum(&header[..20]) {
        return Err(Malformed::Checksum);
    }
    if number(header) != batch {
        return Err(Malformed::Nonsense("a batch has another number than its place says"));
    }
    let length = u32::from_le_bytes([header[8], header[9], header[10], header[11]]) as usize;
    let end = extent(length);
    let is_whole = rest.len() >= end && tags(&rest[..end]).all(|tag| tag == own);
    if !is_whole {
        let sectors = &rest[..end.min(rest.len())];
        let later = &rest[sectors.len()..];
        let is_torn = tags(sectors).all(|tag| tag == own || tag == 0) && tags(later).all(|tag| tag == 0);
        return if is_torn {
            Ok(Found::Torn)
        } else {
            Err(Malformed::Nonsense("a sector that was durable is missing"))
        };
    }
    let mut body = Vec::with_capacity(end / SECTOR * CONTENT);
    rest[..end].chunks(SECTOR).for_each(|sector| body.extend_from_slice(&sector[TAG..]));
    body.drain(..BATCH_HEADER);
    body.truncate(length);
    if number(&header[12..]) != checksum(&body) ^ segment.rotate_left(32) {
        return Err(Malformed::Checksum);
    }
    Ok(Found::Batch { body, end: offset + end })
}

/// The body of a batch as it was written to a segment, with or without the segment's header before it: for whoever watches
/// a disk. `None` where it is not whole.
#[must_use]
pub fn batch_in(data: &[u8]) -> Option<Vec<u8>> {
    let first = tags(data).next()?;
    let sectors = if first == HEADER_TAG { data.get(SECTOR..)? } else { data };
    let header = sectors.get(TAG..TAG + BATCH_HEADER)?;
    let (batch, sum) = (number(header), number(&header[12..]));
    let length = u32::from_le_bytes([header[8], header[9], header[10], header[11]]) as usize;
    let sectors = sectors.get(..extent(length))?;
    if !tags(sectors).all(|found| found == tag(batch)) {
        return None;
    }
    let mut body = Vec::with_capacity(sectors.len());
    sectors.chunks(SECTOR).for_each(|sector| body.extend_from_slice(&sector[TAG..]));
    body.drain(..BATCH_HEADER);
    body.truncate(length);
    let segment = (sum ^ checksum(&body)).rotate_right(32);
    (look(segment, sectors, 0, batch) == Ok(Found::Batch { body: body.clone(), end: sectors.len() })).then_some(body)
}
