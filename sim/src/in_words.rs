//! Faults, and what they wait for, in words: for timelines and explanations.

use crate::fault::{Aim, Fault, Moment, Trigger};
use crate::node::NodeId;
use crate::trace::in_ms;

impl Fault {
    /// The fault in a few words, its times in milliseconds.
    pub(crate) fn in_words(&self) -> String {
        match *self {
            Self::Cut { shape, deaf, for_ns } => {
                let unheard = (0..).map(NodeId).zip(deaf).filter(|(_, deaf)| !deaf.is_empty());
                let links: Vec<String> = unheard.map(|(node, deaf)| format!("{node} unheard by {deaf:?}")).collect();
                format!("Cut {{ shape: {shape:?}, {}, for: {} }}", links.join(", "), ms(for_ns))
            }
            Self::CrashTogether { nodes, down_ns, apart_ns, order } => {
                let mut starts: Vec<(u8, NodeId)> = order.into_iter().zip((0..).map(NodeId)).collect();
                starts.retain(|(_, node)| nodes.contains(*node));
                starts.sort_unstable();
                let starts: Vec<String> = starts.into_iter().map(|(_, node)| node.to_string()).collect();
                let (starts, down, apart) = (starts.join(" "), ms(down_ns), ms(apart_ns));
                format!("CrashTogether {{ nodes: {nodes:?}, down: {down}, then start: {starts}, {apart} apart }}")
            }
            _ => in_ms(self),
        }
    }
}

impl Trigger {
    /// What it waits for, and whom it strikes then. `kinds` are the subject's types of messages.
    pub(crate) fn in_words(&self, kinds: &[&str]) -> String {
        let moment = match self.moment {
            Moment::WriteStarts => "a node starts a write".to_owned(),
            Moment::LeaderElected => "a node becomes leader".to_owned(),
            Moment::LeaderCommits => "a leader commits more".to_owned(),
            Moment::Restarted => "a node starts again".to_owned(),
            Moment::Disturbed => "a candidate asks whoever has just heard from a leader".to_owned(),
            Moment::Sent { kind } => {
                format!("{} is sent", kinds.get(usize::from(kind)).copied().unwrap_or("a message"))
            }
        };
        let whom = match self.aim {
            Aim::Named => "",
            Aim::There => ", against that node",
            Aim::Peer if matches!(self.moment, Moment::Disturbed) => ", against who is asked",
            Aim::Peer if matches!(self.moment, Moment::Sent { .. }) => ", against who it goes to",
            Aim::Peer => ", against that node",
            Aim::Leader => ", against the leader",
            Aim::Followers => ", against all but the leader",
        };
        let after = if self.after_ns == 0 { "when".to_owned() } else { format!("{} after", ms(self.after_ns)) };
        let nth = if self.nth == 1 { String::new() } else { format!(" for the {}. time", self.nth) };
        format!("{after} {moment}{nth}{whom}")
    }
}

fn ms(ns: u64) -> String {
    match ns {
        u64::MAX => "ever".to_owned(),
        _ => format!("{}.{:03} ms", ns / 1_000_000, ns / 1_000 % 1_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::Shape;
    use crate::node::NodeSet;

    #[test]
    fn a_cut_names_the_links_that_it_cuts_and_no_others() {
        let mut deaf = [NodeSet::default(); crate::MAX_NODES];
        deaf[1] = NodeSet(0b101);
        let cut = Fault::Cut { shape: Shape::Scattered, deaf, for_ns: 1_500_000 };
        assert_eq!(cut.in_words(), "Cut { shape: Scattered, n2 unheard by {n1 n3}, for: 1.500 ms }");
    }

    #[test]
    fn nodes_that_crash_together_are_named_in_the_order_in_which_they_start() {
        let order = [2, 0, 1, 0, 0, 0, 0];
        let fault = Fault::CrashTogether { nodes: NodeSet(0b101), down_ns: 1_000_000, apart_ns: 2_000_000, order };
        let words = "CrashTogether { nodes: {n1 n3}, down: 1.000 ms, then start: n3 n1, 2.000 ms apart }";
        assert_eq!(fault.in_words(), words);
    }

    #[test]
    fn a_trigger_says_when_and_against_whom() {
        let trigger = Trigger { moment: Moment::Sent { kind: 1 }, nth: 2, after_ns: 3_000_000, aim: Aim::Peer };
        let words = "3.000 ms after Append is sent for the 2. time, against who it goes to";
        assert_eq!(trigger.in_words(&["Vote", "Append"]), words);
        let trigger = Trigger { moment: Moment::LeaderElected, nth: 1, after_ns: 0, aim: Aim::Leader };
        assert_eq!(trigger.in_words(&[]), "when a node becomes leader, against the leader");
    }
}
