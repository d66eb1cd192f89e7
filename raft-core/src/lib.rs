//! Raft as a pure state machine.
//!
//! One server is one [`Raft`]. It has no clock, no threads, no I/O and no randomness of its own: a driver
//! tells it what happened, one [`Input`] at a time, and carries out the [`Effect`]s that come back.
//! Implemented is Figure 2 of ["In Search of an Understandable Consensus
//! Algorithm"](https://raft.github.io/raft.pdf) (Ongaro and Ousterhout 2014); `§` in this crate means a
//! section of it.
//!
//! # The driver's contract
//!
//! ```text
//! Raft::new(config, what the disk holds, now, rng)
//!
//! loop:
//!     wait for a message, a proposal, a completed write, or next_deadline()
//!     raft.step(now, input, &mut effects)
//!     for each effect, in order:
//!         Persist         start the write; when it is durable: step(Persisted { sequence })
//!         Send            put it on the wire
//!         Apply           apply raft.log().slice(first..=last) to the state machine
//!         ProposalOutcome answer the client
//!         RoleChanged     tell whoever watches
//!         Fatal           stop: the node's own rules are broken
//! ```
//!
//! - **Time** is the node's own monotonic clock, in nanoseconds ([`Time`]). There are no ticks: an idle follower
//!   costs nothing until its deadline.
//! - **Every effect may be carried out on sight.** What promises something durable (a vote, an
//!   acknowledgement, a commit) is withheld until the driver reports the write, and is judged again then. A
//!   driver cannot get the order of writing and sending wrong.
//! - **Writes complete in order**, each whole. `Persisted` is cumulative, so that one fsync may cover many.
//! - **Messages** may be lost, delayed, duplicated and reordered, never forged: the driver vouches for the sender.
//! - **Every proposal ends in exactly one outcome** while the process lives.
//! - **No input panics.** Nonsense is refused with an [`InputError`] and changes nothing.
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
//! assert_eq!(raft.log().last_index().0, 2, "the leader's no-op and the command");
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
mod ids;
mod input;
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
