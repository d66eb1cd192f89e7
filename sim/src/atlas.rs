//! The fault atlas: what may be damaged, so that no more is than Raft promises to survive.
//!
//! Raft survives the loss of disks as long as every entry that may be committed is left on a quorum of others, and as long
//! as nobody who forgot a promise comes back under the name that gave it. Whoever draws faults cannot know when that is:
//! here it is known, since every disk is in view.

use crate::membership::Membership;
use crate::node::NodeSet;

/// Who has lost what it had promised to keep.
#[derive(Clone, Debug, Default)]
pub(crate) struct Atlas {
    gone: NodeSet,
}

impl Atlas {
    /// The nodes whose disks are gone, and that never start again under their ids.
    pub(crate) fn gone(&self) -> NodeSet {
        self.gone
    }

    /// Whether a cluster that goes by `memberships` can do without `nodes` beside those that are gone: the others are a
    /// quorum of each.
    pub(crate) fn spares(&self, nodes: NodeSet, all: NodeSet, memberships: &[Membership]) -> bool {
        let left = all.difference(self.gone).difference(nodes);
        memberships.iter().all(|membership| membership.is_quorum(left))
    }

    /// `nodes` are gone for good.
    pub(crate) fn lose(&mut self, nodes: NodeSet) {
        self.gone = self.gone.union(nodes);
    }

    /// Whether a core that stands still had to, in words: `holders` have all that is committed, and `elects` says whether
    /// one of the core would get enough votes of it.
    pub(crate) fn verdict(&self, core: NodeSet, memberships: &[Membership], holders: NodeSet, elects: bool) -> String {
        if let Some(membership) = memberships.iter().find(|membership| !membership.is_quorum(core)) {
            return format!("it had to: {core:?} is no quorum of {membership:?}");
        }
        if core.intersection(holders).is_empty() {
            return format!("it had to: nobody of {core:?} has all that is committed");
        }
        if !elects {
            return format!("it had to: whoever has a vote in {core:?} is refused by those with later logs");
        }
        let gone = if self.gone.is_empty() {
            String::new()
        } else {
            format!(" without {:?}, whose disks are gone", self.gone)
        };
        format!("nothing excuses it: {core:?} is a quorum{gone}, and has all that is committed")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_than_a_minority_of_every_configuration_is_lost() {
        let all = NodeSet::all(5);
        let five = Membership::of_all(5);
        let mut atlas = Atlas::default();
        assert!(atlas.spares(NodeSet(0b00011), all, &[five]));
        assert!(!atlas.spares(NodeSet(0b00111), all, &[five]));
        atlas.lose(NodeSet(0b00011));
        assert!(!atlas.spares(NodeSet(0b00100), all, &[five]));
        // On the way to the three that are left both halves must agree.
        let joint = Membership { voters: NodeSet(0b11100), outgoing: five.voters, learners: NodeSet::default() };
        assert!(atlas.spares(NodeSet::default(), all, &[joint]));
        assert!(!atlas.spares(NodeSet(0b00100), all, &[five, joint]));
    }

    #[test]
    fn a_core_is_excused_where_it_is_no_quorum_or_has_lost_what_is_committed_or_would_elect_nobody() {
        let atlas = Atlas::default();
        let (three, core) = (Membership::of_all(3), NodeSet(0b011));
        assert!(atlas.verdict(core, &[three], core, true).starts_with("nothing excuses it"));
        assert!(atlas.verdict(NodeSet(0b001), &[three], core, true).starts_with("it had to"));
        assert!(atlas.verdict(core, &[three], NodeSet(0b100), true).starts_with("it had to"));
        assert!(atlas.verdict(core, &[three], core, false).starts_with("it had to"));
    }
}
