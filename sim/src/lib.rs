//! A deterministic world for any sans-IO consensus protocol.
//!
//! One seed is one whole run of a cluster: its clocks, message deliveries, losses, partitions, disks, crashes and
//! client calls. The same seed gives the same run, today and on another machine.
//!
//! # From a protocol to a test
//!
//! 1. Put the protocol behind [`Subject`]: one step function, one deadline, a [`Disk`] that survives a crash, and
//!    what the checkers may see.
//! 2. Say what may happen to it: a [`Scenario`] draws a [`Plan`] from a seed, most often through a [`Nemesis`].
//! 3. Run seeds: [`check`] in a test, a [`Campaign`] in a program, [`run_plan`] for one plan by hand.
//!
//! A subject that [shows its state as a Raft](Subject::observe) is held to every property in [`checkers`], after
//! every event.
//!
//! ```text
//!          seed ──▶ Scenario ──▶ Plan ──▶ World ──▶ RunReport
//!                                          │ next event: a message, a deadline, a write, a client, a fault
//!                                          ▼
//!                   Subject::step(now, input) ──▶ Outputs ──▶ network, disk, clients ──▶ new events
//!                                          │
//!                                          ▼
//!                                  checkers, trace hash
//! ```
//!
//! # What decides
//!
//! The plan decides what is large (cluster, settings, faults and when they strike); the seed's [choices]
//! decide what is small (each latency, each loss). Nothing else does: no clock, no thread, no hash order, no float.

#![forbid(unsafe_code)]

pub mod checkers;
pub mod choices;
pub mod engine;
pub mod environment;
pub mod explain;
pub mod linearizability;
pub mod queue;
pub mod tape;
pub mod trace;

mod atlas;
mod blocks;
mod campaign;
mod clients;
mod clock;
mod coverage;
mod failure;
mod fault;
mod faults;
mod folder;
mod heal;
mod history;
mod in_words;
mod latency;
mod marks;
mod membership;
mod nemesis;
mod network;
mod node;
mod operation;
mod plan;
mod plan_error;
mod run;
mod runner;
mod scenario;
mod shrink;
mod subject;
mod synchronous;
mod totals;
mod world;

pub use blocks::Blocks;
pub use campaign::{Campaign, CampaignReport};
pub use choices::Choice;
pub use coverage::{RUNS_THAT_MEET_ALL, RUNS_THAT_REACH_ALL, never_met};
pub use engine::{Engine, Explorable, Pct, explore};
pub use failure::{Failure, FailureKind, Violation};
pub use fault::{Aim, Fault, Moment, Shape, TimedFault, Trigger, WriteError};
pub use faults::{FaultClass, FaultCounts};
pub use folder::{FILES, how_far, write_folder};
pub use heal::{Heal, Outside};
pub use history::{ClientOp, History, Stamp};
pub use latency::{LatencyShape, LinkLatency};
pub use marks::{Mark, MarkCounts};
pub use membership::Membership;
pub use nemesis::Nemesis;
pub use node::{MAX_NODES, NodeId, NodeSet};
pub use operation::{Operation, OperationClass, TimedOperation};
pub use plan::{Clients, DiskPlan, Network, Plan};
pub use plan_error::PlanError;
pub use run::{RunReport, finish, record_seed, record_tape, replay_tape, run_plan, run_seed, run_tape};
pub use runner::check;
pub use scenario::Scenario;
pub use shrink::{Shrinking, Shrunk, USUAL_EVENTS, shrink_seed, shrink_tape, spell_out};
pub use subject::{
    AppliedDigest, Candidacy, Claim, Disk, Input, LogEntry, Observation, OfLeader, Outputs, Promise, RequestId,
    Response, Role, Setup, Silence, Subject, TermAndVote,
};
pub use synchronous::Synchronous;
pub use tape::{Tape, TapeError};
pub use totals::{FeatureCounts, Totals};
pub use world::World;
