//! A leader that hears nothing from a quorum for too long leads no more (dissertation §6.2), so that its clients turn to the one that has
//! been elected since, or can be.
//!
//! Judged from outside, by what was delivered to the leader and by its own clock, whenever it wakes up by itself: whatever it takes
//! for a sign of life. In no other Raft property does a leader owe that, and nothing else goes wrong where one goes on for ever.

use crate::failure::Violation;
use crate::membership::Membership;
use crate::node::{MAX_NODES, NodeId, NodeSet};

const NAME: &str = "check_quorum";

/// Remembers when each node heard from each.
#[derive(Clone, Debug, Default)]
pub struct Contacts {
    /// By who heard, and from whom.
    heard_ns: [[u64; MAX_NODES]; MAX_NODES],
    reigns: [Option<Reign>; MAX_NODES],
}

/// Whom a leader has to hear from.
#[derive(Clone, Copy, Debug)]
struct Reign {
    term: u64,
    /// By its number: the members that it had before may come back, and were nobody to hear from in between.
    configuration: u64,
    /// When it was first seen to lead so: before, it had nobody to hear from.
    since_ns: u64,
}

impl Contacts {
    /// At `now_ns`, by a clock that all share, `node` takes in something that `from` has sent.
    #[inline]
    pub fn heard(&mut self, node: NodeId, from: NodeId, now_ns: u64) {
        if let Some(of_node) = self.heard_ns.get_mut(node.index())
            && let Some(heard_ns) = of_node.get_mut(from.index())
        {
            *heard_ns = now_ns;
        }
    }

    /// `node` has woken up by itself at `now_ns`, and goes on leading `term` by `membership`, the `configuration`th that it goes by, though it gives up where it has not heard
    /// from a quorum since `silent_since_ns`, by the clock that all share.
    ///
    /// # Errors
    /// Where it has not.
    pub fn goes_on(
        &mut self,
        node: NodeId,
        term: u64,
        (configuration, membership): (u64, Membership),
        silent_since_ns: u64,
        now_ns: u64,
    ) -> Result<(), Box<Violation>> {
        let (Some(reign), Some(heard_ns)) = (self.reigns.get_mut(node.index()), self.heard_ns.get(node.index())) else {
            return Ok(());
        };
        let since_ns = match *reign {
            Some(before) if (before.term, before.configuration) == (term, configuration) => before.since_ns,
            _ => reign.insert(Reign { term, configuration, since_ns: now_ns }).since_ns,
        };
        if since_ns >= silent_since_ns {
            return Ok(());
        }
        let is_there = |other: &NodeId| *other == node || heard_ns[other.index()] >= silent_since_ns;
        let there = NodeId::all(MAX_NODES as u8).filter(is_there).fold(NodeSet::default(), NodeSet::with);
        if membership.is_quorum(there) {
            return Ok(());
        }
        let heard = there.without(node);
        let heard = if heard.is_empty() { "nobody".to_owned() } else { format!("only {heard:?}") };
        Err(Violation::new(
            NAME,
            format!(
                "{node} goes on leading term {term}, and has for longer than it may heard from {heard}, no quorum of {membership}"
            ),
        ))
    }
}
