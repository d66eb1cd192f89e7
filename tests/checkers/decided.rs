//! Histories of what nodes decide that must be refused, and lawful ones that come close; first one by one, then as whole
//! runs of nodes that show nothing else.

use std::cell::{Cell, RefCell};

use sim::checkers::decided::Decided;
use sim::{
    Choice, Clients, Disk, DiskPlan, Engine, Failure, Fault, Input, Network, NodeId, NodeSet, Outputs, Plan, RequestId,
    Response, Setup, Subject, TimedFault, Violation, run_plan,
};

use crate::verdicts::{N1, N2, N3, assert_rejected};

const NAME: &str = "decided";

/// Clients have asked for the commands 1 to 9.
fn asked() -> Decided {
    let mut decided = Decided::default();
    (1..10).for_each(|digest| decided.asked(digest));
    decided
}

/// `node` shows all that it has decided.
fn shows(decided: &mut Decided, node: NodeId, sequence: &[u64]) -> Result<usize, Box<Violation>> {
    decided.shows(node, 1, sequence.iter().copied()).map(<[_]>::len)
}

fn after(history: &[(NodeId, &[u64])]) -> Decided {
    let mut decided = asked();
    for (node, sequence) in history {
        shows(&mut decided, *node, sequence).expect("it is lawful so far");
    }
    decided
}

#[test]
fn another_command_at_a_position_that_somebody_has_decided_is_rejected() {
    let mut decided = after(&[(N1, &[1, 2])]);
    assert_rejected(shows(&mut decided, N3, &[1, 3]), NAME, &["n3", "0x3 at 2", "n1", "0x2"]);
}

#[test]
fn no_command_in_the_place_of_one_is_rejected() {
    assert_rejected(shows(&mut after(&[(N1, &[1])]), N2, &[0]), NAME, &["n2", "0x0 at 1", "n1", "0x1"]);
}

#[test]
fn two_nodes_that_decide_in_another_order_are_rejected() {
    assert_rejected(shows(&mut after(&[(N1, &[1, 2])]), N2, &[2, 1]), NAME, &["n2", "0x2 at 1", "n1"]);
}

#[test]
fn a_node_that_decides_otherwise_after_a_restart_is_rejected() {
    let mut decided = after(&[(N1, &[1, 2])]);
    decided.started(N1);
    assert_rejected(shows(&mut decided, N1, &[1, 3]), NAME, &["n1", "0x3 at 2", "0x2"]);
}

#[test]
fn a_whole_cluster_that_decides_otherwise_after_a_restart_is_rejected() {
    let mut decided = after(&[(N1, &[1]), (N2, &[1]), (N3, &[1])]);
    [N1, N2, N3].into_iter().for_each(|node| decided.started(node));
    assert_rejected(shows(&mut decided, N2, &[4]), NAME, &["n2", "0x4 at 1", "n1"]);
}

#[test]
fn a_decision_that_is_taken_back_is_rejected() {
    assert_rejected(shows(&mut after(&[(N1, &[1, 2])]), N1, &[1]), NAME, &["n1", "up to 1", "up to 2"]);
}

#[test]
fn the_last_decision_taken_back_is_noticed_by_asking_for_it_alone() {
    let mut decided = after(&[(N1, &[1, 2])]);
    assert_rejected(decided.shows(N1, 2, std::iter::empty()).map(<[_]>::len), NAME, &["n1", "up to 1", "up to 2"]);
}

#[test]
fn a_command_that_nobody_has_asked_for_is_rejected() {
    assert_rejected(shows(&mut asked(), N1, &[1, 77]), NAME, &["n1", "0x4d at 2", "no client has asked"]);
}

#[test]
fn a_node_may_be_behind_and_catch_up() {
    let mut decided = after(&[(N1, &[1, 2, 3]), (N2, &[1])]);
    assert_eq!(shows(&mut decided, N2, &[1, 2, 3]).expect("it is so"), 0);
}

#[test]
fn what_is_decided_is_news_once() {
    let mut decided = after(&[(N1, &[1])]);
    assert_eq!(shows(&mut decided, N2, &[1, 2, 0]).expect("it is so"), 2);
    assert_eq!(shows(&mut decided, N1, &[1, 2, 0]).expect("it is so"), 0);
}

#[test]
fn a_node_that_starts_again_may_have_forgotten_all() {
    let mut decided = after(&[(N1, &[1, 2])]);
    decided.started(N1);
    assert_eq!(shows(&mut decided, N1, &[]).expect("it is so"), 0);
    assert_eq!(shows(&mut decided, N1, &[1]).expect("it is so"), 0);
}

// ---- Whole runs ----

/// What a puppet does at its next moment.
#[derive(Clone)]
enum Act {
    /// It shows this as decided.
    Shows(&'static [u64]),
    /// It tells the client that its first command is at this index.
    Answers(u64),
    /// It tells the client that its first command never takes effect.
    Refuses,
    Crashes,
}

use Act::{Answers, Crashes, Refuses, Shows};

thread_local! {
    static SCRIPT: RefCell<Vec<(NodeId, Act)>> = const { RefCell::new(Vec::new()) };
    /// Who got the client's first request.
    static FIRST_ASKED: Cell<Option<NodeId>> = const { Cell::new(None) };
}

/// Act k is due then.
const ACT_NS: u64 = 1_000_000;

#[derive(Clone, Default, Debug)]
struct NoDisk;

impl Disk for NoDisk {
    type Write = ();

    fn write(&mut self, (): &()) {}
}

/// Shows what it is told to, and never more than two of them at position 3: that is its own invariant.
struct Decider {
    node: NodeId,
    decided: &'static [u64],
    next_act: Option<usize>,
}

impl Decider {
    fn next_act(node: NodeId, now_ns: u64) -> Option<usize> {
        SCRIPT.with_borrow(|script| {
            let is_next = |at: &usize| script[*at].0 == node && (*at as u64 + 1) * ACT_NS > now_ns;
            (0..script.len()).find(is_next)
        })
    }
}

impl Subject for Decider {
    type Settings = ();
    type Message = ();
    type Command = u64;
    type Answer = ();
    type Disk = NoDisk;

    const NAME: &'static str = "decider";
    const MESSAGE_KINDS: &'static [&'static str] = &["word"];
    const HAS_INVARIANT: bool = true;
    const SHOWS_DECIDED: bool = true;

    fn start(setup: Setup<'_, ()>, _: &NoDisk) -> Result<Self, String> {
        Ok(Self { node: setup.node, decided: &[], next_act: Self::next_act(setup.node, setup.now_ns) })
    }

    fn step(&mut self, now_ns: u64, input: Input<Self>, out: &mut impl Outputs<Self>) {
        let id = RequestId { client: 0, number: 0 };
        if matches!(input, Input::Request { id: asked, .. } if asked == id) {
            FIRST_ASKED.set(Some(self.node));
        }
        let (Input::DeadlineReached, Some(act)) = (input, self.next_act) else { return };
        match SCRIPT.with_borrow(|script| script[act].1.clone()) {
            Shows(decided) => self.decided = decided,
            Answers(index) => out.respond(id, Response::Done { answer: (), index: Some(index) }),
            Refuses => out.respond(id, Response::NoEffect),
            Crashes => {}
        }
        self.next_act = Self::next_act(self.node, now_ns);
    }

    fn deadline_ns(&self) -> Option<u64> {
        self.next_act.map(|act| (act as u64 + 1) * ACT_NS)
    }

    fn message_kind((): &()) -> u8 {
        0
    }

    fn draw_command((): &(), _: u16, number: u32, _: &mut Choice) -> u64 {
        u64::from(number) + 1
    }

    fn command_digest(command: &u64) -> u64 {
        *command
    }

    fn decided(&self, from: u64) -> impl Iterator<Item = u64> {
        self.decided.iter().copied().skip(from as usize - 1)
    }

    fn invariant(nodes: &[Option<&Self>], disks: &[NoDisk]) -> Result<(), String> {
        let far: Vec<NodeId> =
            nodes.iter().flatten().filter(|node| node.decided.len() > 2).map(|node| node.node).collect();
        if far.len() > 2 { Err(format!("{far:?} of {} are too far", disks.len())) } else { Ok(()) }
    }
}

/// A run of three nodes that does this, act by act, and then ends. The client asks one of them for commands 1 to 9 before.
fn play(script: &[(NodeId, Act)]) -> Option<Failure> {
    const CLIENT_NS: u64 = ACT_NS / 20;
    let crash = |(act, (node, _)): (usize, &(NodeId, Act))| {
        let fault = Fault::Crash { nodes: NodeSet::default().with(*node), down_ns: ACT_NS / 2 };
        TimedFault::at((act as u64 + 1) * ACT_NS, fault)
    };
    let plan = Plan {
        nodes: 3,
        members: NodeSet::all(3),
        duration_ns: (script.len() as u64 + 2) * ACT_NS,
        settings: (),
        network: Network { latency_ns: (1, 1), ..Network::default() },
        links: Vec::new(),
        disk: DiskPlan::default(),
        clock_drift_ppm: vec![0; 3],
        clients: Clients::Closed { count: 1, think_ns: (1, 1), timeout_ns: CLIENT_NS },
        faults: script.iter().enumerate().filter(|(_, (_, act))| matches!(act, Crashes)).map(crash).collect(),
        operations: Vec::new(),
        heal: None,
        engine: Engine::Time,
    };
    SCRIPT.set(script.to_vec());
    // The first seed of which the first request goes to n1.
    let mut runs = (0..100).map(|seed| run_plan::<Decider>(&plan, seed).expect("the plan makes sense"));
    runs.find(|_| FIRST_ASKED.take() == Some(N1)).expect("one seed in three").failure
}

#[track_caller]
fn assert_refused(script: &[(NodeId, Act)], checker: &str, words: &[&str]) {
    let failure = play(script).expect("a failure");
    assert_eq!(failure.checker, checker, "{}", failure.detail);
    for word in words {
        assert!(failure.detail.contains(word), "\"{word}\" is not in \"{}\"", failure.detail);
    }
}

#[test]
fn a_lawful_run_of_deciders_is_refused_by_nobody() {
    let script = [
        (N1, Shows(&[1])),
        (N1, Answers(1)),
        (N2, Shows(&[1, 2])),
        (N1, Shows(&[1, 2, 0])),
        (N1, Crashes),
        (N1, Shows(&[1])),
        (N2, Shows(&[1, 2, 0, 3])),
    ];
    assert_eq!(play(&script), None);
}

#[test]
fn a_run_in_which_two_nodes_disagree_is_refused() {
    assert_refused(&[(N1, Shows(&[1, 2])), (N2, Shows(&[2]))], NAME, &["n2", "0x2 at 1", "n1"]);
}

#[test]
fn a_run_in_which_a_crash_undoes_a_decision_is_refused() {
    assert_refused(&[(N2, Shows(&[1])), (N2, Crashes), (N2, Shows(&[3]))], NAME, &["n2", "0x3 at 1"]);
}

#[test]
fn a_run_in_which_a_decision_is_taken_back_is_refused() {
    assert_refused(&[(N2, Shows(&[1, 2])), (N2, Shows(&[1]))], NAME, &["n2", "up to 1"]);
}

#[test]
fn an_earlier_decision_that_changes_unseen_is_found_when_the_node_goes_down_or_the_run_ends() {
    assert_refused(&[(N2, Shows(&[1, 2])), (N2, Shows(&[3, 2]))], NAME, &["n2", "0x3 at 1"]);
    assert_refused(&[(N2, Shows(&[1, 2])), (N2, Shows(&[3, 2])), (N2, Crashes)], NAME, &["n2", "0x3 at 1"]);
}

#[test]
fn a_client_that_is_told_of_an_index_where_nothing_is_decided_is_noticed() {
    assert_refused(&[(N1, Answers(1))], "acknowledged", &["client 0", "committed at 1"]);
    assert_refused(&[(N1, Shows(&[2, 1])), (N1, Answers(1))], "acknowledged", &["client 0", "committed at 1"]);
}

#[test]
fn a_client_that_is_refused_what_is_decided_is_noticed() {
    assert_refused(&[(N2, Shows(&[1])), (N1, Refuses)], "acknowledged", &["client 0", "no effect"]);
    assert_refused(&[(N1, Refuses), (N2, Shows(&[1]))], "acknowledged", &["client 0", "no effect"]);
}

#[test]
fn an_invariant_that_does_not_hold_ends_the_run() {
    let script = [(N1, Shows(&[1, 2, 3])), (N2, Shows(&[1, 2, 3])), (N3, Shows(&[1, 2, 3]))];
    assert_refused(&script, "invariant", &["[n1, n2, n3] of 3"]);
}

#[test]
fn a_node_that_is_down_is_none_to_an_invariant() {
    let script = [(N1, Shows(&[1, 2, 3])), (N2, Shows(&[1, 2, 3])), (N2, Crashes), (N3, Shows(&[1, 2, 3]))];
    assert_eq!(play(&script), None);
}
