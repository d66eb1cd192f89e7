//! What a step changed, for those who want to know more than that the checkers are content: a run that is recorded, and
//! faults that wait for a leader's moment. Few runs have any, so that it stands apart from the path of every step.

use super::World;
use crate::fault::Moment;
use crate::node::NodeId;
use crate::subject::{LogEntry, Observation, Role, Subject};
use crate::trace::{Change, Source, StateChange};

/// What was seen of a node before a step.
pub(super) struct Before {
    role: Role,
    commit_index: u64,
    /// All of it, where the run is recorded.
    whole: Option<Box<(Observation, Vec<LogEntry>)>>,
}

impl<S: Subject> World<S> {
    #[inline(never)]
    pub(super) fn remember(&mut self, node: NodeId, is_new_alarm: bool) -> Before {
        if is_new_alarm {
            self.trace.leads_to(Source::Alarm(node));
        }
        let seen = self.checkers.seen(node);
        let whole = self.trace.is_recording().then(|| Box::new((*seen, self.checkers.log(node).to_vec())));
        Before { role: seen.role, commit_index: seen.commit_index, whole }
    }

    #[inline(never)]
    pub(super) fn tell_changes(&mut self, node: NodeId, before: &Before) {
        let seen = self.checkers.seen(node);
        let leads = seen.role == Role::Leader;
        let (is_new, commits) = (before.role != Role::Leader, seen.commit_index > before.commit_index);
        if let Some((seen_before, log_before)) = before.whole.as_deref()
            && let Some(change) = StateChange::between(node, (seen_before, log_before), (seen, self.checkers.log(node)))
        {
            self.trace.note_change(|| Change::State(change));
        }
        if leads && is_new {
            self.notice(Moment::LeaderElected, node, node);
        }
        if leads && commits {
            self.notice(Moment::LeaderCommits, node, node);
        }
    }
}
