//! The checkers, for those who want to know.

/// A checker's name and the property it holds a run to.
#[derive(Clone, Copy, Debug)]
pub struct About {
    /// The name in reports.
    pub name: &'static str,
    /// The property, in a sentence.
    pub property: &'static str,
}

/// All checkers, for those who want to know.
pub const ALL: &[About] = &[
    About { name: "election_safety", property: "a term has at most one leader, with durable votes of a quorum" },
    About { name: "election_quorum", property: "a leader was sent the votes of a quorum, of both where two decide" },
    About {
        name: "election_restriction",
        property: "nobody votes for a candidate whose log is older than its own, nor says that it would",
    },
    About { name: "one_vote", property: "a server votes for one candidate a term, and remembers it" },
    About {
        name: "pre_vote",
        property: "who asks around first campaigns once a quorum has said that it would vote for it in that term, or a leader wants it to",
    },
    About { name: "leader_append_only", property: "a leader only appends to its log" },
    About { name: "log_matching", property: "logs that share an entry are identical up to it" },
    About { name: "leader_completeness", property: "a leader has everything committed in earlier terms" },
    About {
        name: "state_machine_safety",
        property: "no two servers hold different entries for committed at one index",
    },
    About { name: "commit_rule", property: "a leader counts replicas only for entries of its own term" },
    About {
        name: "progress_order",
        property: "a follower's match index is what it acknowledged, never falls, and lies below its next index",
    },
    About { name: "applied", property: "a state machine is given the committed log, each entry once, in order" },
    About {
        name: "same_state",
        property: "state machines that were given the same entries are in the same state, a snapshot's among them",
    },
    About {
        name: "membership",
        property: "configurations change as Raft allows, servers go by the last of their log, learners do not campaign, who was removed leads no more",
    },
    About {
        name: "snapshots",
        property: "a snapshot stands for what is committed and applied, and takes nothing away",
    },
    About { name: "monotonic_term", property: "a term never falls, not even across a crash" },
    About { name: "monotonic_commit", property: "a commit index never falls within an incarnation" },
    About { name: "monotonic_applied", property: "what is applied is not taken back within an incarnation" },
    About { name: "promises", property: "votes and acknowledgements leave only once they are durable" },
    About { name: "durability", property: "what is committed stays on the disks of a quorum" },
    About { name: "acknowledged", property: "what a client was told is so: committed in real-time order, or never" },
    About {
        name: "silence",
        property: "who has just heard from a leader votes for nobody else, nor would, nor takes up a candidate's term, even across a restart if leases rest on it",
    },
    About {
        name: "leases",
        property: "a lease ends before the silence that it rests on, and whoever vouched for it votes for nobody while it holds",
    },
    About {
        name: "check_quorum",
        property: "a leader that has heard from no quorum for as long as it waits for one leads no more",
    },
    About {
        name: "handovers",
        property: "a leader with a vote asks to campaign only whoever has one too, and has acknowledged all of its log",
    },
    About {
        name: "linearizable_reads",
        property: "who answers a read by itself leads, and has all that was committed when it came",
    },
    About {
        name: "read_confirmation",
        property: "a leader answers a read by itself once a quorum has answered what it sent since the read came, or by a lease",
    },
    About { name: "linearizability", property: "one order explains all that clients were told, key by key" },
    About { name: "exactly_once", property: "a request that is repeated takes effect once, and gets the same answer" },
    About {
        name: "decided",
        property: "what nodes decide was asked for, is the same everywhere, and is never taken back",
    },
    About { name: "invariant", property: "what the subject itself says of all its nodes and disks holds" },
    About { name: "runaway", property: "timers move on, and messages do not multiply without end" },
    About { name: "liveness", property: "a healed core leads, commits, answers everyone, and then stays as it is" },
    About { name: "honest_peers", property: "no server refuses what another sends" },
];
