//! What the core asks of its driver.

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::fmt;

use crate::entry::Entries;
use crate::ids::{LogIndex, LogPosition, NodeId, ProposalId, ReadId, Sequence, Term, TermAndVote};
use crate::membership::{Membership, MembershipError};
use crate::message::Message;
use crate::snapshot::{Snapshot, SnapshotId};

/// One thing to do. Effects come in order, and each may be carried out on sight: whatever must wait
/// for a write is withheld by the core until [`Input::Persisted`](crate::Input::Persisted).
#[derive(Clone, PartialEq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Effect<P> {
    /// Make this durable, then say so.
    Persist(Persist<P>),
    /// Send `message`. It may be lost, delayed, duplicated or overtaken.
    Send {
        /// The server to send to.
        to: NodeId,
        /// What to say.
        message: Message<P>,
    },
    /// The entries `first..=last` are committed and on this node's disk: apply them, in order.
    /// [`Raft::log`](crate::Raft::log) holds them until the next step, and they never change. A state machine that
    /// remembers by itself how far it is skips what it has already: after a restart it is given everything after
    /// the snapshot.
    Apply {
        /// The first entry that was not handed out before.
        first: LogIndex,
        /// The last entry to apply.
        last: LogIndex,
    },
    /// The snapshot, received from the leader and durable now, takes the place of the state machine.
    RestoreSnapshot(Arc<Snapshot>),
    /// Read a part of a snapshot, of this node's own or of one restored, and come back with
    /// [`Input::SnapshotChunkLoaded`](crate::Input::SnapshotChunkLoaded), now or later.
    LoadSnapshotChunk {
        /// The follower it is for.
        to: NodeId,
        /// Which snapshot.
        snapshot: SnapshotId,
        /// Where to begin, in bytes from the start of the snapshot.
        offset: u64,
        /// How many bytes. 0 only of an empty snapshot.
        length: u64,
    },
    /// The end of a proposal or of a change of membership.
    ProposalOutcome {
        /// The caller's name for it.
        id: ProposalId,
        /// How it ended.
        outcome: ProposalOutcome,
    },
    /// The end of a read.
    ReadOutcome {
        /// The caller's name for it.
        id: ReadId,
        /// How it ended.
        outcome: ReadOutcome,
    },
    /// The end of a leadership transfer.
    TransferOutcome {
        /// The server that was to lead.
        to: NodeId,
        /// How it ended.
        outcome: TransferOutcome,
    },
    /// The node took up another role, or learned who leads.
    RoleChanged {
        /// In this term.
        term: Term,
        /// The role now held.
        role: RoleName,
        /// The leader of the term, where known.
        leader: Option<NodeId>,
    },
    /// The members of the cluster are others now, as far as this node's log says: not committed yet, and taken back if
    /// the entry is truncated.
    MembershipChanged {
        /// The entry that says so.
        index: LogIndex,
        /// The members.
        membership: Arc<Membership>,
    },
    /// This leader has proof that a follower lost entries which it had acknowledged: its disk lied or was exchanged.
    /// It gets nothing more from this leader. Wipe it, and let it join under a new id.
    FollowerLostLog {
        /// Which server.
        follower: NodeId,
        /// Up to here it had acknowledged the log.
        acknowledged: LogIndex,
    },
    /// The node found its own rules broken and has stopped, before any harm was written down.
    /// Every later input is refused.
    Fatal(FatalError),
}

/// One atomic write: after a crash it is there whole or, while unacknowledged, not at all; entries may also
/// survive as a prefix if what stands beside them does.
#[derive(Clone, PartialEq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Persist<P> {
    /// Names the write in [`Input::Persisted`](crate::Input::Persisted).
    pub sequence: Sequence,
    /// The term and vote to store, where they changed.
    pub term_and_vote: Option<TermAndVote>,
    /// What changed about snapshots. Comes before `log`.
    pub snapshot: Option<Box<SnapshotWrite>>,
    /// The entries to store, where the log changed.
    pub log: Option<LogWrite<P>>,
}

/// A change of the stored log: drop `first` and everything after it, then store `entries` from `first` on.
#[derive(Clone, PartialEq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct LogWrite<P> {
    /// The index of the first of `entries`.
    pub first: LogIndex,
    /// What the log holds from there on.
    pub entries: Entries<P>,
}

/// A change of the stored snapshots.
#[derive(Clone, PartialEq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum SnapshotWrite {
    /// `snapshot`, which the application took, is the node's latest; entries up to `base` are not needed any more.
    Taken {
        /// Which snapshot.
        snapshot: Arc<Snapshot>,
        /// The place right before the first entry that is still needed: the next
        /// [`Restored::base`](crate::Restored::base).
        base: LogPosition,
    },
    /// A part of a snapshot on its way from the leader. It is staged beside the node's own: whatever was staged of
    /// another snapshot goes.
    Chunk {
        /// Which snapshot.
        snapshot: Arc<Snapshot>,
        /// Where `data` begins; everything before is staged already.
        offset: u64,
        /// The bytes.
        data: Arc<[u8]>,
        /// Whether this completes it. Then it becomes the node's latest snapshot, and the whole log goes: it begins
        /// anew after `snapshot.last`.
        is_complete: bool,
    },
}

/// How a proposal ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum ProposalOutcome {
    /// The entry is committed, and the [`Effect::Apply`] that covers it came before. Of a change through a joint
    /// configuration, this is the joint one: the cluster leaves it by itself.
    Committed {
        /// Where it stands in the log.
        index: LogIndex,
        /// The term of its entry.
        term: Term,
    },
    /// The entry is not in the log and never will be.
    Rejected(RejectReason),
    /// Another entry was committed in its place, or one of a later term before it: the command took no effect. Said only
    /// once that is certain, since a truncated entry can still return from another server (Figure 8).
    Superseded,
    /// Nobody here knows: a snapshot took the place of the part of the log where the entry would stand, or this node is a
    /// member no more and hears of nothing.
    Unknown,
}

/// Why a proposal was refused at once.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum RejectReason {
    /// Only the leader takes proposals.
    NotLeader {
        /// The leader of the current term, where known.
        leader: Option<NodeId>,
    },
    /// Leadership is on its way to another server: ask that one, or again when the transfer has failed.
    TransferInProgress {
        /// The server that is to lead.
        to: NodeId,
    },
    /// So much is on its way already that this does not fit
    /// [`Config::max_uncommitted_bytes`](crate::Config::max_uncommitted_bytes).
    TooMuchUncommitted {
        /// What is uncommitted, in bytes.
        uncommitted_bytes: u64,
    },
    /// The change of membership before this one is not complete (dissertation §4.1).
    ChangeInProgress,
    /// The leader has committed nothing in its own term yet, so it cannot know whether an earlier change is complete.
    NothingCommittedYet,
    /// The change makes no sense.
    Membership(MembershipError),
}

/// How a read ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum ReadOutcome {
    /// The state machine is fit to answer: every [`Effect::Apply`] up to `index` came before.
    Ready {
        /// The state to read from, or any later one.
        index: LogIndex,
    },
    /// This node does not serve reads; ask the leader.
    NotLeader {
        /// The leader of the current term, where known.
        leader: Option<NodeId>,
    },
    /// Nobody could vouch for the state in time: leadership changed or the leader did not answer. Ask again.
    Lost,
}

/// How a leadership transfer ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum TransferOutcome {
    /// It was not even begun.
    Rejected(TransferReject),
    /// This node leads no more: most likely the target does.
    SteppedDown,
    /// The target did not take over within an election timeout. This node goes on leading.
    TimedOut,
    /// Another transfer took its place.
    Replaced,
}

/// Why a leadership transfer was refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum TransferReject {
    /// Only the leader hands leadership over.
    NotLeader {
        /// The leader of the current term, where known.
        leader: Option<NodeId>,
    },
    /// The target does not vote.
    NotAVoter,
    /// The target leads already.
    AlreadyLeader,
}

/// The roles (§5.1; pre-candidates: dissertation §9.6).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum RoleName {
    /// Answers leaders and candidates.
    Follower,
    /// Asks whether it would be elected.
    PreCandidate,
    /// Asks for votes.
    Candidate,
    /// Serves clients.
    Leader,
}

/// A rule of this node's own that was found broken: a bug in the core, a peer that lies, or a disk that lied.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum FatalError {
    /// A leader's append contradicts an entry that is committed here (§5.4).
    CommittedEntryConflict {
        /// The committed index.
        index: LogIndex,
    },
    /// `compacted <= committed`, `applied <= committed` or `committed <= last` does not hold.
    IndexOrder {
        /// The base of the log.
        compacted: LogIndex,
        /// The last entry handed out to be applied.
        applied: LogIndex,
        /// The commit index.
        committed: LogIndex,
        /// Where the log ends.
        last: LogIndex,
    },
    /// This node had acknowledged entries that it does not hold any more. It must never vote again: wipe it, and let
    /// it join under a new id.
    LogLost {
        /// Up to here it had acknowledged the log.
        acknowledged: LogIndex,
        /// What its disk holds.
        durable: LogIndex,
    },
}

impl fmt::Display for FatalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CommittedEntryConflict { index } => {
                write!(f, "the leader's log contradicts the committed entry {index}")
            }
            Self::IndexOrder { compacted, applied, committed, last } => {
                write!(
                    f,
                    "compacted {compacted}, applied {applied} <= committed {committed} <= last {last} does not hold"
                )
            }
            Self::LogLost { acknowledged, durable } => {
                write!(f, "entries up to {acknowledged} were acknowledged, and the log ends at {durable}")
            }
        }
    }
}

impl core::error::Error for FatalError {}
