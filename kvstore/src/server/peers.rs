//! The way in from the peers: whoever dials shows that it is one of them, and then speaks for itself alone.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use raft_core::NodeId;
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::timeout;
use tracing::{info, warn};

use super::book::Book;
use super::frame::{self, Content, HEADER, Refusal, Seal};
use super::handshake::{self, HELLO, PROOF, Secret};
use super::link::nonce;
use super::metrics::Metrics;
use super::node::Event;

/// So many connections may be shaking hands, or be open, at once.
const MOST_CONNECTIONS: usize = 256;
const HANDSHAKE: Duration = Duration::from_secs(3);
/// A frame that was begun is complete within this time.
const SLOWEST_FRAME: Duration = Duration::from_secs(30);
/// A frame grows as it comes, by no more than this at once.
const PIECE: usize = 64 << 10;

#[derive(Clone)]
pub(super) struct Peers {
    pub(super) own: NodeId,
    pub(super) secret: Secret,
    pub(super) book: Book,
    pub(super) events: mpsc::Sender<Event>,
    pub(super) metrics: Arc<Metrics>,
}

enum Closed {
    Io(io::Error),
    Refused(Refusal),
    Slow,
    /// This server stops.
    Stopping,
}

impl From<io::Error> for Closed {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<Refusal> for Closed {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl Peers {
    pub(super) async fn listen(self, listener: TcpListener) {
        let places = Arc::new(Semaphore::new(MOST_CONNECTIONS));
        loop {
            let Ok(place) = places.clone().acquire_owned().await else { return };
            let (stream, address) = match listener.accept().await {
                Ok(accepted) => accepted,
                Err(error) => {
                    warn!(%error, "cannot accept a peer");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            };
            let peers = self.clone();
            tokio::spawn(async move {
                let _place = place;
                let closed = match peers.serve(stream).await {
                    Err(Closed::Refused(refusal)) => refusal.to_string(),
                    Err(Closed::Slow) => "it is too slow".to_owned(),
                    Err(Closed::Io(error)) if error.kind() != io::ErrorKind::UnexpectedEof => {
                        info!(%address, %error, "peer's connection ended");
                        return;
                    }
                    _ => return,
                };
                peers.metrics.connections_refused.add(1);
                warn!(%address, reason = closed, "peer's connection closed");
            });
        }
    }

    async fn serve(&self, mut stream: TcpStream) -> Result<(), Closed> {
        let (from, mut seal) = timeout(HANDSHAKE, self.shake_hands(&mut stream)).await.map_err(|_| Closed::Slow)??;
        info!(peer = from.0, "peer connected");
        let mut stream = BufReader::with_capacity(PIECE, stream);
        let mut bytes = Vec::new();
        loop {
            read_frame(&mut stream, &mut bytes).await?;
            match seal.read(&bytes)? {
                Content::Raft(message) => {
                    self.metrics.messages_received.add(1);
                    let event = Event::Received { from, message };
                    self.events.send(event).await.map_err(|_| Closed::Stopping)?;
                }
                Content::Introduction { clients } => self.book.set_clients(from, &clients),
            }
            bytes.shrink_to(PIECE);
        }
    }

    async fn shake_hands(&self, stream: &mut TcpStream) -> Result<(NodeId, Seal), Closed> {
        stream.set_nodelay(true)?;
        let mut hello = [0; HELLO];
        stream.read_exact(&mut hello).await?;
        let from = handshake::read_hello(self.own, &hello)?;
        if self.book.get(from).is_none() {
            return Err(Refusal::Unknown(from).into());
        }
        let nonce = nonce().map_err(io::Error::other)?;
        let welcome = handshake::welcome(&self.secret, self.own, &hello, nonce);
        stream.write_all(&welcome).await?;
        let mut proof = [0; PROOF];
        stream.read_exact(&mut proof).await?;
        Ok((from, handshake::accept_proof(&self.secret, &hello, &welcome, &proof)?))
    }
}

/// Reads one frame, header and all, into `bytes`.
async fn read_frame(stream: &mut BufReader<TcpStream>, bytes: &mut Vec<u8>) -> Result<(), Closed> {
    let mut header = [0; HEADER];
    // Between frames there may be silence for as long as it likes.
    stream.read_exact(&mut header[..1]).await?;
    let rest = async {
        stream.read_exact(&mut header[1..]).await?;
        let mut left = frame::rest_of_frame(header)?;
        bytes.clear();
        bytes.extend(header);
        while left > 0 {
            let (start, count) = (bytes.len(), left.min(PIECE));
            bytes.resize(start + count, 0);
            stream.read_exact(&mut bytes[start..]).await?;
            left -= count;
        }
        Ok::<(), Closed>(())
    };
    timeout(SLOWEST_FRAME, rest).await.map_err(|_| Closed::Slow)?
}
