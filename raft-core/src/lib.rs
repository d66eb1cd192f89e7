//! Raft as a pure state machine.
//!
//! One server is one [`Raft`]. It has no clock, no threads, no I/O and no randomness of its own: a driver
//! tells it what happened, one [`Input`] at a time, and carries out the [`Effect`]s that come back.
//!
//! Implemented is all of Raft: ["In Search of an Understandable Consensus Algorithm"](https://raft.github.io/raft.pdf)
//! (Ongaro and Ousterhout 2014; `§` in this crate means a section of it) and what Ongaro's
//! [dissertation](https://github.com/ongardie/dissertation) adds: pre-votes (§9.6), the check for a quorum (§6.2),
//! leadership transfer (§3.10), membership changes with learners (chapter 4), snapshots (chapter 5) and reads without
//! the log (§6.4). `examples/three_nodes.rs` is the shortest driver there is, and the place to begin.
//!
//! # The driver's contract
//!
//! ```text
//! Raft::new(&config, what the disk holds, now, rng)
//!
//! loop:
//!     wait for a message, a request, a completed write, or next_deadline()
//!     raft.step(now, input, &mut effects)
//!     for each effect, in order:
//!         Persist            start the write; when it is durable: step(Persisted { sequence })
//!         Send               put it on the wire
//!         Apply              apply raft.log().slice(first..=last) to the state machine
//!         RestoreSnapshot    put the snapshot, which is durable now, in the state machine's place
//!         LoadSnapshotChunk  read a part of a snapshot; then: step(SnapshotChunkLoaded { .. })
//!         ProposalOutcome    answer the client
//!         ReadOutcome        answer the client, from the state machine as it is now
//!         TransferOutcome    answer the operator
//!         RoleChanged, MembershipChanged    tell whoever watches
//!         FollowerLostLog    alarm the operator: a disk lied
//!         Fatal              stop: the node's own rules are broken
//! ```
//!
//! - **Time** is the node's own monotonic clock, in nanoseconds ([`Time`]), read after the input has arrived: leases
//!   count on it. There are no ticks: an idle follower costs nothing until its deadline.
//! - **Every effect may be carried out on sight.** What promises something durable (a vote, an
//!   acknowledgement, a commit) is withheld until the driver reports the write, and is judged again then. A
//!   driver cannot get the order of writing and sending wrong.
//! - **Writes complete in order**, each whole. `Persisted` is cumulative, so that one fsync may cover many.
//! - **Messages** may be lost, delayed, duplicated and reordered, never forged: the driver vouches for the sender.
//! - **Every proposal, read and transfer ends in exactly one outcome** while the process lives.
//! - **No input panics.** Nonsense is refused with an [`InputError`] and changes nothing.
//!
//! # Restarts
//!
//! [`Restored`] is what the disk holds: the sum of all writes that were reported durable, and of those that happened to
//! survive. The driver restores its state machine from the snapshot named there before it steps the node; entries after
//! it are applied again. A node that lost its disk is a new node: it needs a new id, and starts with
//! [`Config::joining`].
//!
//! # Snapshots
//!
//! The application decides when to take one. It writes the bytes, and says so with [`Input::SnapshotTaken`]; the
//! [`Persist`] that follows drops what the log needs no more ([`SnapshotWrite::Taken`]). A follower that lacks what was
//! dropped is sent the bytes in parts, which it stages with [`SnapshotWrite::Chunk`]. Keep the latest snapshot, and those
//! that [`Raft::snapshots_in_use`] names.
//!
//! # Members
//!
//! The cluster begins with the members of [`Config::voters`] and [`Config::learners`]; from then on the log says who they
//! are. [`Input::ChangeMembership`] takes any number of changes at once and goes through a joint configuration where more
//! than one voter comes or goes. [`MemberChange::AddVoterOnceCaughtUp`] is the safe way to add one.
//!
//! # Reads
//!
//! [`Input::Read`] costs a round of heartbeats, shared with all reads that wait, or with a lease nothing. A follower asks
//! its leader and then serves the read itself. Leases trust clocks: see [`Config::lease_clock_drift_ppm`].
//!
//! # One server alone
//!
//! ```
//! use raft_core::{Config, Effect, Input, NodeId, ProposalId, Raft, Restored, Time};
//! use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
//!
//! let config = Config::new(NodeId(1), vec![NodeId(1)]);
//! let mut raft: Raft<&str> = Raft::new(&config, Restored::default(), Time(0), ChaCha8Rng::seed_from_u64(7))?;
//! let mut effects = Vec::new();
//!
//! let deadline = raft.next_deadline().expect("a follower has one");
//! raft.step(deadline, Input::DeadlineReached, &mut effects)?;
//! raft.step(deadline, Input::Propose { id: ProposalId(1), command: "x = 1" }, &mut effects)?;
//! // Not the leader yet: its own vote is not durable. The driver writes, and says so.
//! while let Some(Effect::Persist(write)) = effects.iter().find(|e| matches!(e, Effect::Persist(_))).cloned() {
//!     effects.clear();
//!     raft.step(deadline, Input::Persisted { sequence: write.sequence }, &mut effects)?;
//! }
//! raft.step(deadline, Input::Propose { id: ProposalId(2), command: "x = 2" }, &mut effects)?;
//! assert_eq!(raft.leader(), Some(NodeId(1)));
//! assert_eq!(raft.log().last_index().0, 2, "who the members are, and the command");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod append;
mod command;
mod commit;
mod config;
mod durability;
mod effect;
mod election;
mod entry;
mod fingerprint;
mod ids;
mod input;
mod invariants;
mod leadership;
mod log;
mod lost_log;
mod membership;
mod message;
mod pre_vote;
mod progress;
mod proposal;
mod quorum;
mod raft;
mod read;
mod reconfiguration;
mod replication;
mod settings;
mod snapshot;
mod snapshot_receive;
mod snapshot_send;
mod status;
mod time;
mod transfer;
mod validation;

pub use command::Command;
pub use config::{Config, ConfigError, Restored};
pub use effect::{
    Effect, FatalError, LogWrite, Persist, ProposalOutcome, ReadOutcome, RejectReason, RoleName, SnapshotWrite,
    TransferOutcome, TransferReject,
};
pub use entry::{Entries, Entry, Payload};
pub use ids::{LogIndex, LogPosition, NodeId, ProposalId, ReadId, Round, Sequence, Term, TermAndVote};
pub use input::{Input, InputError, ReadMode};
pub use log::Log;
pub use membership::{Member, MemberChange, MemberRole, Membership, MembershipError};
pub use message::{
    AppendEntries, AppendEntriesReply, AppendOutcome, InstallSnapshot, InstallSnapshotReply, LogLost, Message, PreVote,
    PreVoteReply, ReadIndex, ReadIndexReply, RequestVote, RequestVoteReply, TimeoutNow,
};
pub use progress::{Flow, InFlight, Progress, SnapshotTransfer};
pub use raft::Raft;
pub use snapshot::{Snapshot, SnapshotId};
pub use status::{FlowStatus, FollowerStatus, Status};
pub use time::Time;
