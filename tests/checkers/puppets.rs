//! Whole runs of servers that do what a script says, to see what the world makes of it: which facts reach which checker.

use std::cell::{Cell, RefCell};

use sim::linearizability::{Access, Outcome, Value};
use sim::{
    Choice, Claim, Clients, Disk, DiskPlan, Failure, Fault, FaultClass, Input, LogEntry, MarkCounts, Membership,
    Network, NodeId, NodeSet, Observation, Outputs, Plan, Promise, RequestId, Response, Role, RunReport, Setup,
    Subject, TermAndVote, TimedFault, run_plan,
};

use crate::disks::{PaperDisk, PaperWrite};
use crate::entries::{entry, forged, given, log};

/// What a server does, one act a millisecond.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    /// Its disk has this term and vote from now on.
    Votes(u64, Option<NodeId>),
    /// Its disk has a log of these terms from now on, the same as before below the first index.
    Stores(u64, &'static [u64]),
    /// Its disk has a log of these terms from now on, of which the first so many are a snapshot.
    Snapshots(u64, &'static [u64]),
    /// It looks like this from now on.
    Shows(Shown),
    /// It makes a promise to n1.
    Promises(Promise),
    /// It tells this server that it would vote for it in this term.
    WouldVote(u64, NodeId),
    /// It leads this term, and asks this server to campaign at once.
    HandsOver(u64, NodeId),
    /// It shows what it knows of a follower: match index and next index.
    Follows(NodeId, u64, u64),
    /// At this time a client asks it, if it leads, for the command that stands at index 1 of a log of term 1.
    IsAsked,
    /// It answers that request, whoever was asked: with this index, or that it has no effect.
    Answers(Option<u64>),
    /// It answers that request, whoever was asked, and says where in the log it took effect, or nothing of a log, and what
    /// it found if it was a read.
    Tells(Option<u64>, Option<u64>),
    /// Its log is of these terms from now on, and it does not say so.
    Rewrites(&'static [u64]),
    /// It refuses what it is sent.
    Refuses,
    /// It crashes, and starts again with what its disk has.
    Crashes,
    /// It crashes, and starts again with this in place of the term and vote that its disk has.
    WakesWith(u64, Option<NodeId>),
    /// Its disk is destroyed, if the others can do without it.
    IsWiped,
    /// It crashes, and its disk has lost some of its last entries, if the others can do without it.
    LosesLog,
}

/// What a server looks like.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shown {
    seen: Observation,
    log: Vec<LogEntry>,
    /// The configurations in the log, and their indexes.
    configurations: Vec<(u64, Membership)>,
    snapshot_term: Option<u64>,
    state: Option<u64>,
}

/// A follower in `term`.
pub(crate) fn shows(term: u64) -> Shown {
    let term_and_vote = TermAndVote { term, voted_for: None };
    Shown { seen: Observation { term_and_vote, ..Observation::default() }, ..Shown::default() }
}

impl Shown {
    pub(crate) fn voted_for(mut self, candidate: NodeId) -> Self {
        self.seen.term_and_vote.voted_for = Some(candidate);
        self
    }

    pub(crate) fn campaigns(mut self) -> Self {
        self.seen.role = Role::Candidate;
        self
    }

    pub(crate) fn leads(mut self) -> Self {
        self.seen.role = Role::Leader;
        self
    }

    pub(crate) fn log(mut self, terms: &[u64]) -> Self {
        self.log = log(terms);
        self.seen.last_index = self.log.len() as u64;
        self
    }

    pub(crate) fn committed(mut self, index: u64) -> Self {
        self.seen.commit_index = index;
        self
    }

    pub(crate) fn applied(mut self, index: u64) -> Self {
        self.seen.applied_index = index;
        self
    }

    /// Its log begins behind a snapshot of `index` entries.
    pub(crate) fn compacted(mut self, index: u64) -> Self {
        self.seen.snapshot_index = index;
        self
    }

    /// It takes the last of them for an entry of `term`.
    pub(crate) fn compacted_in(mut self, index: u64, term: u64) -> Self {
        self.snapshot_term = Some(term);
        self.compacted(index)
    }

    /// It goes by this configuration.
    pub(crate) fn goes_by(mut self, membership: Membership) -> Self {
        self.seen.membership = Some(membership);
        self
    }

    /// Its entry at `index` holds this configuration, and it goes by it.
    pub(crate) fn holds(mut self, index: u64, membership: Membership) -> Self {
        self.configurations.push((index, membership));
        self.goes_by(membership)
    }

    /// Its state machine is in this state.
    pub(crate) fn in_state(mut self, digest: u64) -> Self {
        self.state = Some(digest);
        self
    }

    /// Its state machine was given these.
    pub(crate) fn given(mut self, entries: &[LogEntry]) -> Self {
        self.seen.applied = Some(given(entries));
        self
    }
}

type Script = Vec<(NodeId, Act)>;

thread_local! {
    // Beside the plan and not in it: settings are data to be written down, the script of one test is not.
    static SCRIPT: RefCell<Script> = const { RefCell::new(Vec::new()) };
    static ACCESS: Cell<Option<Access>> = const { Cell::new(None) };
    static FIRST: Cell<Option<Membership>> = const { Cell::new(None) };
    static MANNERS: Cell<Manners> = const { Cell::new(Manners { asks_first: false, patience_ns: None }) };
}

/// What all servers of a run hold themselves to.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Manners {
    pub(crate) asks_first: bool,
    pub(crate) patience_ns: Option<u64>,
}

pub(crate) const ACT_NS: u64 = 1_000_000;

fn time_ns(act: usize) -> u64 {
    (act as u64 + 1) * ACT_NS
}

/// The request of [`Act::IsAsked`].
const REQUEST: RequestId = RequestId { client: 0, number: 0 };

/// Three servers that all vote act the script, all disks at once.
pub(crate) fn play(script: Script) -> Option<Failure> {
    play_from(None, script)
}

/// Three servers that all vote act the script, in which the client's request does this.
pub(crate) fn play_access(access: Access, script: Script) -> Option<Failure> {
    ACCESS.set(Some(access));
    let failure = play_from(None, script);
    ACCESS.set(None);
    failure
}

/// Three servers that all vote and have these manners act the script.
pub(crate) fn play_with(manners: Manners, script: Script) -> Option<Failure> {
    MANNERS.set(manners);
    let failure = play_from(None, script);
    MANNERS.take();
    failure
}

/// Three servers act the script, and the cluster starts with this configuration.
pub(crate) fn play_from(first: Option<Membership>, script: Script) -> Option<Failure> {
    run_script(first, script).failure
}

/// A lawful run of the same, and the states that it reached.
pub(crate) fn marks(first: Option<Membership>, script: Script) -> MarkCounts {
    let report = run_script(first, script);
    assert_eq!(report.failure, None);
    report.totals.marks
}

/// How many of the disks that are to be destroyed are, in a lawful run of the same.
pub(crate) fn wipes(first: Membership, script: Script) -> u64 {
    let report = run_script(Some(first), script);
    assert_eq!(report.failure, None);
    report.totals.faults[FaultClass::Wipe]
}

fn run_script(first: Option<Membership>, script: Script) -> RunReport {
    FIRST.set(first);
    let strikes = |(act, (node, what)): (usize, &(NodeId, Act))| {
        let fault = match what {
            Act::Crashes | Act::WakesWith(..) => {
                Fault::Crash { nodes: NodeSet::default().with(*node), down_ns: ACT_NS / 2 }
            }
            Act::LosesLog => Fault::LoseLog { node: *node, down_ns: ACT_NS / 2 },
            Act::IsWiped => Fault::Wipe { node: *node, ask_every_ns: ACT_NS },
            _ => return None,
        };
        Some(TimedFault::at(time_ns(act), fault))
    };
    let end_ns = time_ns(script.len());
    let asked = script.iter().position(|(_, act)| matches!(act, Act::IsAsked));
    let plan = Plan {
        nodes: 3,
        members: NodeSet::all(3),
        duration_ns: end_ns,
        settings: (),
        network: Network {
            latency_ns: (1, 1),
            loss_ppm: 0,
            duplication_ppm: 0,
            reordering_ppm: 0,
            reordering_ns: 0,
            ..Network::default()
        },
        links: Vec::new(),
        disk: DiskPlan { write_ns: (0, 0), loses: true, tears: false, ..DiskPlan::default() },
        clock_drift_ppm: vec![0; 3],
        clients: Clients::Open { every_ns: asked.map_or(end_ns, time_ns) },
        faults: script.iter().enumerate().filter_map(strikes).collect(),
        operations: Vec::new(),
        heal: None,
        engine: sim::Engine::Time,
    };
    SCRIPT.set(script);
    run_plan::<Puppet>(&plan, 1).expect("a plan that makes sense")
}

/// A server that acts.
#[derive(Clone, Debug)]
struct Puppet {
    node: NodeId,
    shown: Shown,
    next_act: Option<usize>,
    follower: Option<(NodeId, u64, u64)>,
}

impl Puppet {
    fn next_act(node: NodeId, now_ns: u64) -> Option<usize> {
        SCRIPT.with_borrow(|script| {
            let mut acts = script.iter().enumerate();
            acts.position(|(act, (actor, _))| *actor == node && time_ns(act) > now_ns)
        })
    }

    /// What it looked like before the crash: an entry on the disk holds the configuration that it held in memory.
    fn last_shown(node: NodeId, now_ns: u64) -> Shown {
        SCRIPT.with_borrow(|script| {
            let past = script.iter().take((now_ns / ACT_NS) as usize).rev();
            let mut shown = past.filter_map(|(actor, act)| match act {
                Act::Shows(shown) if *actor == node => Some(shown.clone()),
                _ => None,
            });
            shown.next().unwrap_or_default()
        })
    }

    fn act(&mut self, act: Act, out: &mut impl Outputs<Self>) {
        match act {
            Act::Votes(term, voted_for) => out.write(PaperWrite::TermAndVote(TermAndVote { term, voted_for })),
            Act::Stores(from, terms) => {
                out.write(PaperWrite::Log { from, entries: log(terms).split_off((from - 1) as usize) });
            }
            Act::Snapshots(index, terms) => out.write(PaperWrite::Snapshot { index, entries: log(terms) }),
            Act::Shows(shown) => {
                let same = self.shown.log.iter().zip(&shown.log).take_while(|(one, other)| one == other).count();
                let is_same = same == self.shown.log.len() && same == shown.log.len();
                self.shown = shown;
                self.shown.seen.log_changed_from = (!is_same).then_some(same as u64 + 1);
            }
            Act::Promises(promise) => out.send(NodeId(0), promise.into()),
            Act::WouldVote(term, candidate) => out.send(candidate, Claim::WouldVote { term, candidate }),
            Act::HandsOver(term, to) => out.send(to, Claim::HandsOver { term, to }),
            Act::Follows(node, match_index, next_index) => self.follower = Some((node, match_index, next_index)),
            Act::Answers(index) => {
                let done = |index| Response::Done { answer: None, index: Some(index) };
                out.respond(REQUEST, index.map_or(Response::NoEffect, done));
            }
            Act::Tells(index, answer) => out.respond(REQUEST, Response::Done { answer, index }),
            Act::Rewrites(terms) => self.shown.log = log(terms),
            Act::Refuses => out.refuse("it is told to".to_owned()),
            // The plan sees to it.
            Act::IsAsked | Act::Crashes | Act::WakesWith(..) | Act::IsWiped | Act::LosesLog => {}
        }
    }
}

impl Subject for Puppet {
    type Settings = ();
    type Message = Claim;
    type Command = u64;
    type Answer = Option<u64>;
    type Disk = PaperDisk;

    const NAME: &'static str = "puppet";
    const MESSAGE_KINDS: &'static [&'static str] = &["claim"];

    fn start(setup: Setup<'_, ()>, disk: &PaperDisk) -> Result<Self, String> {
        let (node, now_ns) = (setup.node, setup.now_ns);
        let found = SCRIPT.with_borrow(|script| {
            let crash = (now_ns / ACT_NS).checked_sub(1).and_then(|act| script.get(act as usize));
            match crash {
                Some((_, Act::WakesWith(term, voted_for))) => Some(TermAndVote { term: *term, voted_for: *voted_for }),
                _ => disk.term_and_vote(),
            }
        });
        let term_and_vote = found.unwrap_or_default();
        let snapshot_index = disk.snapshot_index();
        let seen = Observation {
            term_and_vote,
            last_index: disk.last_index(),
            snapshot_index,
            commit_index: snapshot_index,
            applied_index: snapshot_index,
            membership: FIRST.get(),
            ..Observation::default()
        };
        let mut shown = Shown { seen, log: disk.entries().to_vec(), ..Shown::default() };
        for (index, membership) in Self::last_shown(node, now_ns).configurations {
            if index <= disk.last_index() {
                shown = shown.holds(index, membership);
            }
        }
        Ok(Self { node, shown, next_act: Self::next_act(node, now_ns), follower: None })
    }

    fn step(&mut self, now_ns: u64, input: Input<Self>, out: &mut impl Outputs<Self>) {
        if let Input::DeadlineReached = input
            && let Some(act) = self.next_act
        {
            self.next_act = Self::next_act(self.node, now_ns);
            self.act(SCRIPT.with_borrow(|script| script[act].1.clone()), out);
        }
    }

    fn deadline_ns(&self) -> Option<u64> {
        self.next_act.map(time_ns)
    }

    fn message_kind(_: &Claim) -> u8 {
        0
    }

    fn draw_command((): &(), _: u16, number: u32, _: &mut Choice) -> u64 {
        // The client goes on asking, for what no log has.
        if number == REQUEST.number { entry(1, 1).digest } else { forged(1, 1).digest }
    }

    fn command_digest(command: &u64) -> u64 {
        *command
    }

    fn access(command: &u64) -> Option<Access> {
        // Only for the requests of those who ask for reads and writes.
        ACCESS.get().filter(|_| *command == entry(1, 1).digest)
    }

    fn outcome(answer: &Option<u64>) -> Option<Outcome> {
        let found = answer.map(|number| Value::of(&number.to_le_bytes()));
        Some(if ACCESS.get().is_some_and(|access| access.is_read()) { Outcome::Found(found) } else { Outcome::Done })
    }

    fn claim(_: NodeId, _: NodeId, message: &Claim) -> Option<Claim> {
        Some(*message)
    }

    fn asks_first((): &(), _: NodeId) -> bool {
        MANNERS.get().asks_first
    }

    fn patience_ns((): &(), _: NodeId) -> Option<u64> {
        MANNERS.get().patience_ns
    }

    fn state_digest(&self) -> Option<u64> {
        self.shown.state
    }

    fn observe(&mut self) -> Option<Observation> {
        let seen = self.shown.seen;
        self.shown.seen.log_changed_from = None;
        Some(seen)
    }

    fn log_entry(&self, index: u64) -> Option<LogEntry> {
        if index <= self.shown.seen.snapshot_index {
            return None;
        }
        self.shown.log.get(index.checked_sub(1)? as usize).copied()
    }

    fn log_membership(&self, index: u64) -> Option<Membership> {
        self.shown.configurations.iter().find(|(known, _)| *known == index).map(|(_, membership)| *membership)
    }

    fn snapshot_term(&self) -> Option<u64> {
        self.shown.snapshot_term
    }

    fn observe_progress(&self) -> impl Iterator<Item = (NodeId, u64, u64)> {
        self.follower.into_iter()
    }
}
