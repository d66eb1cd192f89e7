//! Who is in the healed core: of servers that are given what they go by and what they hold, and never do anything.

use sim::linearizability::{Access, Value, Verb};
use sim::{
    Choice, Input, LogEntry, Membership, NodeId, NodeSet, Observation, Outputs, Outside, Response, Setup, Subject,
    TermAndVote,
};

use crate::liveness::{healed, plan};
use crate::toy::NoDisk;

/// What a server goes by, and the terms of its entries.
pub(crate) type State = (Membership, Vec<u64>);

/// A server that elects nobody, and is what it was given from each time on. Clients it sends to its neighbour, n1 to n2 and n2 to
/// n1.
#[derive(Clone, Debug)]
pub(crate) struct Idle {
    neighbour: Option<NodeId>,
    now: State,
    later: Vec<(u64, State)>,
}

impl Subject for Idle {
    /// For each node, what it is from which time on.
    type Settings = Vec<Vec<(u64, State)>>;
    type Message = ();
    type Command = Access;
    type Answer = ();
    type Disk = NoDisk;

    const NAME: &'static str = "idle";
    const MESSAGE_KINDS: &'static [&'static str] = &["nothing"];

    fn start(setup: Setup<'_, Self::Settings>, _: &NoDisk) -> Result<Self, String> {
        let states = setup.settings.get(usize::from(setup.node.0)).ok_or("nothing to be")?;
        let is_past = |(from_ns, _): &&(u64, State)| *from_ns <= setup.now_ns;
        let (_, now) = states.iter().take_while(is_past).last().ok_or("nothing to be yet")?;
        let later = states.iter().skip_while(is_past).cloned().collect();
        let neighbour = Some(NodeId(setup.node.0 ^ 1)).filter(|neighbour| neighbour.0 < setup.nodes);
        Ok(Self { neighbour, now: now.clone(), later })
    }

    fn step(&mut self, now_ns: u64, input: Input<Self>, out: &mut impl Outputs<Self>) {
        if let Input::Request { id, .. } = input {
            out.respond(id, Response::NotLeader { leader: self.neighbour });
        }
        if self.deadline_ns().is_some_and(|deadline_ns| deadline_ns <= now_ns) {
            (_, self.now) = self.later.remove(0);
        }
    }

    fn deadline_ns(&self) -> Option<u64> {
        self.later.first().map(|(from_ns, _)| *from_ns)
    }

    fn message_kind((): &()) -> u8 {
        0
    }

    fn draw_command(_: &Self::Settings, _: u16, _: u32, choice: &mut Choice) -> Access {
        let verb = *choice.pick(&[Verb::Get, Verb::Put(Value::EMPTY)]);
        Access { key: 1, verb }
    }

    fn command_digest(_: &Access) -> u64 {
        1
    }

    fn access(command: &Access) -> Option<Access> {
        Some(*command)
    }

    fn observe(&mut self) -> Option<Observation> {
        let (membership, log) = &self.now;
        Some(Observation {
            term_and_vote: TermAndVote { term: 10, voted_for: None },
            last_index: log.len() as u64,
            log_changed_from: (!log.is_empty()).then_some(1),
            membership: Some(*membership),
            ..Observation::default()
        })
    }

    fn log_entry(&self, index: u64) -> Option<LogEntry> {
        let term = *self.now.1.get(index as usize - 1)?;
        Some(LogEntry { term, digest: LogEntry::NO_COMMAND })
    }
}

pub(crate) fn from_the_start(states: Vec<State>) -> Vec<Vec<(u64, State)>> {
    states.into_iter().map(|state| vec![(0, state)]).collect()
}

/// The core of servers like these, and what became of the others.
fn core_of(states: Vec<State>, outside: &[Outside], seed: u64) -> (NodeSet, String) {
    let nodes = states.len() as u8;
    let (world, words) = healed::<Idle>(plan(nodes, from_the_start(states), outside), seed);
    let core = words.split(['{', '}']).nth(1).expect("a set").split(' ').filter(|name| !name.is_empty());
    let core = core.map(|name| NodeId(name[1..].parse::<u8>().expect("a number") - 1));
    let failure = world.failure().map(|failure| failure.detail.clone()).unwrap_or_default();
    (core.fold(NodeSet::default(), NodeSet::with), format!("{words}: {failure}"))
}

/// The core of seven servers with this membership and empty logs.
fn idle(membership: Membership, outside: &[Outside], seed: u64) -> (NodeSet, String) {
    core_of(vec![(membership, Vec::new()); 7], outside, seed)
}

#[test]
fn the_core_is_a_quorum_of_the_configuration_in_force_and_of_both_halves_of_a_joint_one() {
    let (voters, outgoing) = (NodeSet(0b000_0111), NodeSet(0b111_1000));
    let plain = Membership { voters, ..Membership::default() };
    let joint = Membership { voters, outgoing, ..Membership::default() };
    let mut sizes = NodeSet::default();
    for seed in 0..40 {
        for membership in [plain, joint] {
            let (core, words) = idle(membership, &[Outside::Down], seed);
            assert!(membership.is_quorum(core), "{words}");
            assert!(core.is_within(voters.union(membership.outgoing)), "{words}");
            sizes = sizes.with(NodeId(core.len() as u8 - 1));
        }
    }
    // The smallest of the one, and all of the other.
    assert!(sizes.contains(NodeId(1)) && sizes.contains(NodeId(6)), "{sizes:?}");
}

#[test]
fn every_voter_is_in_the_core_where_nothing_may_become_of_the_others() {
    let membership = Membership { voters: NodeSet(0b000_0111), ..Membership::default() };
    for seed in 0..10 {
        let (core, words) = idle(membership, &[], seed);
        assert_eq!((core, words.matches("Down").count()), (membership.voters, 4), "{words}");
    }
}

#[test]
fn only_nodes_without_a_vote_go_on_as_if_they_were_in_the_core() {
    let membership = Membership { voters: NodeSet(0b000_0111), ..Membership::default() };
    for seed in 0..10 {
        let (core, words) = idle(membership, &[Outside::Connected], seed);
        assert_eq!(words.matches("Connected").count(), 4, "{words}");
        assert_eq!(words.matches("Down").count(), 3 - core.len(), "{words}");
    }
}

/// A leader n2, of {n2 n3 n5}, sent an entry to the learners n1 and n4 and lost it in a crash; n3 had been about to make them
/// voters. They refuse n2 and n3 and may not campaign: of all five n2 alone would be elected, with the help of n5.
fn learners_hold_what_their_leader_lost() -> Vec<State> {
    let three = Membership { voters: NodeSet(0b10110), outgoing: NodeSet::default(), learners: NodeSet(0b01001) };
    let joint = Membership { voters: NodeSet::all(5), outgoing: three.voters, learners: NodeSet::default() };
    vec![
        (three, vec![1, 1, 3]),
        (three, vec![1, 1]),
        (joint, vec![1, 1, 2, 2]),
        (three, vec![1, 1, 3]),
        (three, vec![1]),
    ]
}

#[test]
fn one_of_the_core_would_be_elected_by_the_others() {
    let n5 = NodeId(4);
    let cores_without_n5 = |states: &[State]| {
        let core = |seed| core_of(states.to_vec(), &[Outside::Down], seed).0;
        (0..40).filter(|seed| !core(*seed).contains(n5)).count()
    };
    let mut states = learners_hold_what_their_leader_lost();
    assert_eq!(cores_without_n5(&states), 0);
    // Where the learners lack that entry, n3 would be elected by them and n2.
    for learner in [0, 3] {
        states[learner].1.pop();
    }
    assert!(cores_without_n5(&states) > 5);
}

/// n2 and n5 are voters of {n2 n3 n5}, and n3 has not heard that it is no more {n1 n3 n4}.
fn a_rival_goes_by_what_was_before() -> Vec<State> {
    let now = Membership { voters: NodeSet(0b10110), outgoing: NodeSet::default(), learners: NodeSet(0b01001) };
    let before = Membership { voters: NodeSet(0b01101), ..Membership::default() };
    vec![(now, vec![1, 1]), (now, vec![1, 1, 2]), (before, vec![1]), (now, vec![1, 1]), (now, vec![1, 1, 2])]
}

#[test]
fn nobody_of_the_core_needs_the_vote_of_a_rival_that_it_never_hears_of() {
    let cores_with_one = |states: &[State]| {
        let core = |seed| core_of(states.to_vec(), &[Outside::Down], seed).0;
        (0..40).filter(|seed| !core(*seed).contains(NodeId(1)) || !core(*seed).contains(NodeId(4))).count()
    };
    let mut states = a_rival_goes_by_what_was_before();
    assert_eq!(cores_with_one(&states), 0);
    // Once it knows, its vote is as good as any.
    states[2] = states[0].clone();
    assert!(cores_with_one(&states) > 5);
}

/// n3 goes by {n3} on the way from all three. What it sent of that could arrive, and then the others would be no quorum.
#[test]
fn nobody_is_deaf_by_whose_configuration_the_core_is_no_quorum() {
    let three = Membership::of_all(3);
    let joint = Membership { voters: NodeSet(0b100), outgoing: three.voters, learners: NodeSet::default() };
    let mut states = vec![(three, vec![1]); 3];
    let fates = |states: &[State], fate: &str| {
        let words = |seed| core_of(states.to_vec(), &[Outside::Deaf], seed).1;
        (0..40).filter(|seed| words(*seed).contains(fate)).count()
    };
    assert!(fates(&states, "n3 Deaf") > 3);
    states[2].0 = joint;
    assert_eq!(fates(&states, "n3 Deaf"), 0);
    assert!(fates(&states, "n3 Down") > 3);
}

#[test]
fn a_core_that_stands_still_is_reported_without_excuse_where_it_could_have_elected_someone() {
    for seed in 0..10 {
        let (_, words) = core_of(learners_hold_what_their_leader_lost(), &[Outside::Down], seed);
        assert!(words.contains("no node of the core leads; nothing excuses it"), "{words}");
    }
}

/// Nothing that lawful servers come to: it fails all the same, and the report says what it found.
#[test]
fn a_cluster_in_which_nobody_could_be_elected_is_reported_as_that() {
    let mut states = learners_hold_what_their_leader_lost();
    states[4].1 = vec![1, 1, 3, 3];
    states[4].0.voters = NodeSet(0b00111);
    for seed in 0..10 {
        let (core, words) = core_of(states.clone(), &[Outside::Down], seed);
        assert_eq!(core, NodeSet::all(5), "{words}");
        assert!(words.contains("no node of the core leads; it had to: whoever has a vote"), "{words}");
    }
}
