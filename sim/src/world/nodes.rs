//! Nodes: each is given an input, does what it wants done, and is looked at.

use super::World;
use super::asking::Asking;
use super::host::NEVER;
use crate::failure::{FailureKind, Violation};
use crate::marks::Mark;
use crate::node::{MAX_NODES, NodeId};
use crate::subject::{Input, RequestId, Setup, Subject};

impl<S: Subject> World<S> {
    /// Gives a node one input, does what it asks for, and lets the checkers look.
    // Where the kind of input is known, so is the way that it takes.
    #[inline(always)]
    pub(super) fn step_node(&mut self, node: NodeId, input: Input<S>) -> Result<(), Box<Violation>> {
        // Out of the world while it is stepped, so that it may ask the world for all else.
        let Some(mut subject) = self.subjects[node].take() else { return Ok(()) };
        let local_ns = self.clocks[node].local_ns(self.now_ns);
        let mut asking = Asking::new(self, node);
        subject.step(local_ns, input, &mut asking);
        let result = asking.end_step(&mut subject, local_ns);
        self.subjects[node] = Some(subject);
        result
    }

    /// Gives a node a client's request.
    pub(super) fn request_of(
        &mut self,
        node: NodeId,
        id: RequestId,
        command: S::Command,
    ) -> Result<(), Box<Violation>> {
        if self.subjects[node].is_some() {
            self.hosts[node].asked.push(id);
            if S::is_confirmed_read(&command) {
                self.note_read(node, id);
            }
        }
        self.step_node(node, Input::Request { id, command })
    }

    /// Lets the checkers look at a node that may have changed.
    #[inline(always)]
    pub(super) fn look(&mut self, node: NodeId, subject: &mut S) -> Result<(), Box<Violation>> {
        let alarm_ns = subject.deadline_ns().map_or(NEVER, |deadline| self.clocks[node].world_ns(deadline));
        // A deadline that is reached already is due now, not in the past.
        let mut alarm_ns = alarm_ns.max(self.now_ns);
        if let Some(taping) = &self.taping {
            alarm_ns = taping.alarm_ns(node, self.now_ns, alarm_ns);
        }
        let is_new_alarm = self.alarms.set(node, alarm_ns);
        let is_watched = self.trace.is_recording() || self.ambushes.watch_leaders();
        let before = is_watched.then(|| self.remember(node, is_new_alarm));
        let result = self.checkers.stepped(node, subject, self.disks.first(self.plan.nodes));
        if let Some(before) = before {
            self.tell_changes(node, &before);
        }
        if result? {
            let seen = self.checkers.seen(node);
            self.trace.fold(seen.term_and_vote.term ^ seen.commit_index << 20);
            self.trace.fold(seen.last_index << 2 ^ seen.role as u64);
        }
        self.check_invariant(Some((node, subject)))
    }

    /// Lets the subject judge all of its nodes; `stepped` is out of the world just now.
    #[inline]
    pub(super) fn check_invariant(&self, stepped: Option<(NodeId, &S)>) -> Result<(), Box<Violation>> {
        if !S::HAS_INVARIANT {
            return Ok(());
        }
        let mut nodes = [None; MAX_NODES];
        for (node, subject) in nodes.iter_mut().zip(self.subjects.first(self.plan.nodes)) {
            *node = subject.as_deref();
        }
        if let Some((node, subject)) = stepped {
            nodes[node.index()] = Some(subject);
        }
        S::invariant(&nodes[..usize::from(self.plan.nodes)], self.disks.first(self.plan.nodes))
            .map_err(|detail| Violation::new("invariant", detail))
    }

    pub(super) fn start(&mut self, node: NodeId) -> Result<(), Box<Violation>> {
        let host = &mut self.hosts[node];
        if std::mem::take(&mut host.has_torn_write) {
            self.checkers.mark(Mark::TornWriteFound);
        }
        let setup = Setup {
            node,
            nodes: self.plan.nodes,
            members: self.plan.members,
            now_ns: self.clocks[node].local_ns(self.now_ns),
            settings: host.settings.as_deref().unwrap_or(&self.plan.settings),
            jitter: self.choices.jitter(node, host.incarnation, self.turn.clone()),
        };
        let asks_first = S::asks_first(setup.settings, node);
        match S::start(setup, &self.disks[node]) {
            Ok(subject) => {
                let mut subject = Box::new(subject);
                self.checkers.started(node, &mut *subject, &self.disks[node], asks_first)?;
                let result = self.look(node, &mut subject);
                self.subjects[node] = Some(subject);
                result
            }
            Err(reason) if self.hosts[node].is_rotten => {
                self.trace.remark(|| format!("{node} does not start: {reason}"));
                self.lose_for_good(node)
            }
            Err(reason) => {
                self.fail(FailureKind::Crash, &Violation::new("crash", format!("{node} cannot start: {reason}")));
                Ok(())
            }
        }
    }
}
