//! The protocol under test.

mod claim;
mod disk;
mod input;
mod observation;
mod output;

use std::fmt::Debug;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::choices::Choice;
use crate::fault::WriteError;
use crate::linearizability::{Access, Outcome};
use crate::membership::Membership;
use crate::node::{NodeId, NodeSet};

pub use claim::{Candidacy, Claim, OfLeader, Promise, Silence};
pub use disk::Disk;
pub use input::{Input, RequestId, Setup};
pub use observation::{AppliedDigest, LogEntry, Observation, Role, TermAndVote};
pub use output::{Outputs, Response};

/// A protocol behind one small door: the simulator drives any that fits.
///
/// One value is one running node. It is stepped with what happens to it and answers with what it wants done;
/// what survives a crash is its [`Disk`], from which [`start`](Subject::start) makes it anew.
///
/// # What is checked
///
/// After every event, as much as the subject shows. Nothing of it is needed to run: panics, stops, refused messages,
/// answers that were not asked for, runaways and runs that do not repeat themselves are noticed of any subject.
///
/// | A subject that has | is held to |
/// |---|---|
/// | [`invariant`](Subject::invariant), with [`HAS_INVARIANT`](Subject::HAS_INVARIANT) | what it says itself of all nodes and disks (checker `invariant`) |
/// | [`decided`](Subject::decided), with [`SHOWS_DECIDED`](Subject::SHOWS_DECIDED) | validity, agreement and order of what is decided (`decided`), and what clients are told of it (`acknowledged`) |
/// | [`observe`](Subject::observe) and [`log_entry`](Subject::log_entry) | every property of Figure 3 of the Raft paper, and what clients are told (`acknowledged`); a plan may have a healed phase (`liveness`) |
/// | [`Disk::term_and_vote`], [`Disk::log_entry`] and the rest of [`Disk`] | what is committed is on a quorum of disks (`durability`), terms and votes outlive a crash |
/// | [`claim`](Subject::claim) | nothing is promised that a crash could break (`promises`, `one_vote`, `election_quorum`), and a leader hands over to whoever has its log (`handovers`) |
/// | [`Observation::membership`], [`log_membership`](Subject::log_membership) | quorums of the configuration in force, and Raft's rules of changes (`membership`) |
/// | [`Observation::snapshot_index`], [`snapshot_term`](Subject::snapshot_term), [`Observation::applied`] | snapshots that stand for what is committed (`snapshots`, `applied`) |
/// | [`state_digest`](Subject::state_digest) | state machines that are deterministic, and snapshots that hold all of their state (`same_state`) |
/// | [`observe_progress`](Subject::observe_progress) | what a leader believes of its followers (`progress_order`) |
/// | [`access`](Subject::access) and [`outcome`](Subject::outcome) | a history that is linearizable (`linearizability`); beside `observe` or `decided`, reads of what was there (`linearizable_reads`) |
/// | [`lease_vouchers`](Subject::lease_vouchers) | nobody who vouches for a lease votes (`leases`) |
/// | [`silence`](Subject::silence), [`says_of_leader`](Subject::says_of_leader), [`claim`](Subject::claim) | nobody who has just heard from a leader votes for another (`silence`), or for an older log than its own (`election_restriction`) |
/// | [`asks_first`](Subject::asks_first), [`claim`](Subject::claim) | nobody begins a term in which no quorum would vote for it (`pre_vote`) |
/// | [`patience_ns`](Subject::patience_ns) | a leader that has heard from no quorum for too long gives up (`check_quorum`) |
/// | [`is_confirmed_read`](Subject::is_confirmed_read) | a leader answers a read once a quorum has answered what it sent since (`read_confirmation`) |
///
/// # What fits
///
/// | A core that | fits as it is, or so |
/// |---|---|
/// | gates its durability itself | it asks for a [write](Outputs::write), and lets go of what rests on it when it hears of [`Input::Written`] |
/// | writes inside the step, and goes on when the write returns | behind [`Synchronous`](crate::Synchronous), which lets it stand in its write |
/// | is ticked | its deadline is its next tick (`scenarios/src/tikv_raft`) |
/// | has outputs that its driver takes out when it likes | whether to take them now is drawn from [`Setup::jitter`]: what waits is merged with what comes (`scenarios/src/tikv_raft`, `drains_late_ppm`) |
/// | serialises its messages | its [`Message`](Subject::Message) is the bytes: each copy is decoded where it arrives (`scenarios/src/kvstore_subject`) |
/// | writes where one write may be done before another | [`WRITES_MAY_OVERTAKE`](Subject::WRITES_MAY_OVERTAKE) |
/// | has no disk | a [`Disk`] of nothing: a restart is a new server (`scenarios/src/kvstore_go`) |
///
/// Without `observe` and `decided` nothing is known of a log: then [`Response::Done`] names no index, and what clients are told is
/// held against itself alone (`linearizability`). Without `observe` nobody is known to lead: then clients are
/// [`Closed`](crate::Clients::Closed), and no plan has a healed phase.
///
/// `sim/examples/token_ring.rs` is a small subject with an invariant, `examples/own-protocol` a crate with one that shows what it has
/// decided, and `scenarios/src/raft_core_subject` a whole Raft.
pub trait Subject: Sized {
    /// What an operator sets, the same on every node of a run. Part of the plan, so plain data.
    type Settings: Clone + Debug + Serialize + DeserializeOwned + Send + Sync + 'static;
    /// What nodes say to each other.
    type Message: Clone + Debug;
    /// What clients ask for.
    type Command: Clone + Debug;
    /// What clients are told.
    type Answer: Clone + Debug;
    /// What a crash leaves.
    type Disk: Disk;

    /// The name by which users choose it.
    const NAME: &'static str;
    /// The types of messages: [`message_kind`](Subject::message_kind) is an index into it.
    const MESSAGE_KINDS: &'static [&'static str];

    /// What a run may exercise of the protocol, for [`Outputs::exercised`] to count: each is named in reports.
    const FEATURES: &'static [&'static str] = &[];

    /// Those of the [`FEATURES`](Subject::FEATURES) that are rare states worth reaching: reported with the
    /// [`Mark`](crate::Mark)s that every Raft has, and expected of very long campaigns only.
    const MARKS: &'static [&'static str] = &[];

    /// Whether the subject has an [`invariant`](Subject::invariant) to be looked at.
    const HAS_INVARIANT: bool = false;

    /// Whether the subject shows what it has [`decided`](Subject::decided), and nothing else: it is not asked to
    /// [`observe`](Subject::observe).
    const SHOWS_DECIDED: bool = false;

    /// Whether a node promises to apply only what is on its own disk, beyond what Raft asks for.
    const APPLIES_ONLY_DURABLE: bool = false;

    /// Whether a node that its own configuration does not name never campaigns, beyond what Raft asks for: it may have
    /// to be elected once more, to commit the very configuration that leaves it out (dissertation §4.2.2).
    const ONLY_MEMBERS_CAMPAIGN: bool = false;

    /// Whether whoever is the only voter leads no sooner than its vote for itself is durable, beyond what Raft asks for:
    /// that nobody hears of the term, and nothing is committed in it, as long as a crash could take the vote back.
    const LEADS_ONLY_BY_DURABLE_VOTES: bool = true;

    /// Whether every request that a node takes comes to an end while it is up, answered or [given up](Outputs::give_up), in a
    /// cluster that gets on with its work.
    const ENDS_REQUESTS: bool = false;

    /// Whether writes may complete in another order than that in which they were started, as independent files or sectors
    /// do: the node is told of those that overtake others by [`overtaken`](Subject::overtaken).
    const WRITES_MAY_OVERTAKE: bool = false;

    /// Settings that differ from these by being simpler, each in one respect: what shrinking tries. Always as many, and in
    /// the same order.
    fn simpler_settings(settings: &Self::Settings) -> Vec<Self::Settings> {
        let _ = settings;
        Vec::new()
    }

    /// A node that starts, or starts again, with what its disk holds.
    ///
    /// # Errors
    /// Where the disk or the settings make no sense to it: reported as a crash of the node.
    fn start(setup: Setup<'_, Self::Settings>, disk: &Self::Disk) -> Result<Self, String>;

    /// Takes one input at `now_ns` on the node's own clock.
    fn step(&mut self, now_ns: u64, input: Input<Self>, out: &mut impl Outputs<Self>);

    /// The oldest write under way has failed, and so has every one started after it. Returns whether the node goes on:
    /// one that does writes again what it still wants written. One that does not, as by default, has stopped by the book,
    /// and starts again from its disk once that is well.
    fn write_failed(&mut self, now_ns: u64, error: WriteError, out: &mut impl Outputs<Self>) -> bool {
        let _ = (now_ns, error, out);
        false
    }

    /// The write at `place` among those under way, counted from the oldest at 0, is durable now, and those before it are not:
    /// a crash may still lose them. It is under way no more, so that those behind it move up. Only where
    /// [`WRITES_MAY_OVERTAKE`](Subject::WRITES_MAY_OVERTAKE) says that this may be, and never with a `place` of 0, which is
    /// an [`Input::Written`].
    fn overtaken(&mut self, now_ns: u64, place: usize, out: &mut impl Outputs<Self>) {
        let _ = (now_ns, place, out);
    }

    /// Other settings than `settings` for a node that starts again, of those that may differ from node to node, as in the
    /// middle of an upgrade; `None`, as by default: there are none.
    fn upgraded(settings: &Self::Settings, node: NodeId, choice: &mut Choice) -> Option<Self::Settings> {
        let _ = (settings, node, choice);
        None
    }

    /// Whether nodes with these settings trust clocks to drift within bounds, as for leases: then no plan may have clocks
    /// set or stopped.
    fn trusts_clocks(settings: &Self::Settings) -> bool {
        let _ = settings;
        false
    }

    /// When the node wants to be stepped with [`Input::DeadlineReached`] if nothing happens before, on its own clock.
    fn deadline_ns(&self) -> Option<u64>;

    /// The type of a message, an index into [`MESSAGE_KINDS`](Subject::MESSAGE_KINDS).
    fn message_kind(message: &Self::Message) -> u8;

    /// What a client asks for next. `number` counts the client's operations from 0 and makes the command unlike any other.
    fn draw_command(settings: &Self::Settings, client: u16, number: u32, choice: &mut Choice) -> Self::Command;

    /// A number that only this command has, to be found again in [`LogEntry::digest`].
    fn command_digest(command: &Self::Command) -> u64;

    /// What a command does to a map from keys to values, for the history of the run to be judged by; `None`: nothing that
    /// the checker's map knows.
    fn access(command: &Self::Command) -> Option<Access> {
        let _ = command;
        None
    }

    /// What `answer` tells whoever asked with an [`access`](Self::access); `None`: not what became of it.
    fn outcome(answer: &Self::Answer) -> Option<Outcome> {
        let _ = answer;
        None
    }

    /// Whether the command takes effect once however often a client asks for it under one [`RequestId`], and is answered
    /// the same each time. Clients then ask again where they do not know what became of it.
    fn takes_effect_once(command: &Self::Command) -> bool {
        let _ = command;
        false
    }

    /// What a timeline shows of a message, in a few words.
    fn describe(message: &Self::Message) -> String {
        format!("{message:?}")
    }

    /// What `message`, on its way from `from` to `to`, holds its sender to.
    fn claim(from: NodeId, to: NodeId, message: &Self::Message) -> Option<Claim> {
        let _ = (from, to, message);
        None
    }

    /// How long `node`, which has these settings, is silent towards candidates after it has heard from a leader; `None`: it is
    /// not, or nobody can tell.
    fn silence(settings: &Self::Settings, node: NodeId) -> Option<Silence> {
        let _ = (settings, node);
        None
    }

    /// Whether `node`, which has these settings, campaigns only once a quorum has said that it would vote for it, as it says by
    /// [`Claim::WouldVote`], or when a leader has asked it to, as that says by [`Claim::HandsOver`].
    fn asks_first(settings: &Self::Settings, node: NodeId) -> bool {
        let _ = (settings, node);
        false
    }

    /// How long `node`, which has these settings, leads on at most without hearing from a quorum, as it notices at a deadline of
    /// its own; `None`: for ever.
    fn patience_ns(settings: &Self::Settings, node: NodeId) -> Option<u64> {
        let _ = (settings, node);
        None
    }

    /// What `message` tells a voter of who leads, or would, for its votes and its [`silence`](Self::silence) to be judged by.
    fn says_of_leader(message: &Self::Message) -> Option<OfLeader> {
        let _ = message;
        None
    }

    /// What must hold at every moment, of all nodes at once (`None`: that one is down) and of what their disks hold. Looked at
    /// after each step and each crash, where [`HAS_INVARIANT`](Subject::HAS_INVARIANT) says so.
    ///
    /// # Errors
    /// What does not hold, with the nodes and the numbers: the run fails with it in the checker `invariant`.
    fn invariant(nodes: &[Option<&Self>], disks: &[Self::Disk]) -> Result<(), String> {
        let _ = (nodes, disks);
        Ok(())
    }

    /// What the node has decided, from position `from` on, counted from 1: the [digest](Subject::command_digest) of the
    /// command at each, [`LogEntry::NO_COMMAND`] where there is none. A node that decides out of order shows what has no
    /// gap before it. One that starts again may show less than before, for as long as it has to learn it anew.
    ///
    /// Taken after each step from the last position shown before, where [`SHOWS_DECIDED`](Subject::SHOWS_DECIDED) says so.
    fn decided(&self, from: u64) -> impl Iterator<Item = u64> {
        let _ = from;
        std::iter::empty()
    }

    /// Whether `command` is a read that a leader answers without the log and without trusting any clock: only once a quorum has
    /// answered something that it sent after the read came.
    fn is_confirmed_read(command: &Self::Command) -> bool {
        let _ = command;
        false
    }

    /// The state that the node's state machine is in, in one number: equal states give equal numbers, whatever snapshots they came
    /// through. Taken where [`observe`](Self::observe) or [`decided`](Self::decided) shows that more was applied; `None`: not this
    /// time, for a subject whose state is too large to be looked at each time.
    fn state_digest(&self) -> Option<u64> {
        None
    }

    /// What the Raft checkers may see. Taken after every step of the node; `None` for what is not a Raft.
    fn observe(&mut self) -> Option<Observation> {
        None
    }

    /// The entry at `index` of the node's log; `None` where a snapshot has taken its place.
    fn log_entry(&self, index: u64) -> Option<LogEntry> {
        let _ = index;
        None
    }

    /// The configuration that the entry at `index` of the node's log holds, if it holds one. Asked for where an entry is
    /// seen for the first time in any log, and wherever it turned out to hold one.
    ///
    /// A subject that answers here is held to Raft's rules of changes; one that shows its
    /// [`membership`](Observation::membership) alone is judged by the quorums of that.
    fn log_membership(&self, index: u64) -> Option<Membership> {
        let _ = index;
        None
    }

    /// The configurations that changes in the node's log will bring and that it does not go by yet: where a change is in force
    /// once it is applied, and not, as with [`log_membership`](Self::log_membership), from the moment that it is in a log.
    fn coming_memberships(&self) -> impl Iterator<Item = Membership> {
        std::iter::empty()
    }

    /// The term of the entry at the snapshot's last index, as the node remembers it.
    fn snapshot_term(&self) -> Option<u64> {
        None
    }

    /// On whose word a lease rests that this node holds at `now_ns` on its own clock, and by which it would answer reads
    /// alone: the nodes that have promised to stay silent towards candidates. Nobody's: it holds none.
    fn lease_vouchers(&self, now_ns: u64) -> NodeSet {
        let _ = now_ns;
        NodeSet::default()
    }

    /// Every follower's `(node, match_index, next_index)`, on a leader, learners among them. A match that comes of a snapshot
    /// is acknowledged like any other, with a [`Promise::Log`].
    fn observe_progress(&self) -> impl Iterator<Item = (NodeId, u64, u64)> {
        std::iter::empty()
    }
}
