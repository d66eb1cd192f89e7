//! What a healed core owes: to settle within its bound, to answer, to stay as it is, and to do all that once more when an
//! operator asks something of it.

use super::World;
use super::bound::STABLE_FOR;
use super::event::Event;
use super::healed_core::{Healing, Owed, Wanted};
use super::requests::MOST_DRAWS;
use crate::choices::Kind;
use crate::failure::{FailureKind, Violation};
use crate::node::{NodeId, NodeSet};
use crate::operation::{Operation, OperationClass};
use crate::subject::{Input, RequestId, Role, Subject};
use crate::trace::{Source, What};

const NAME: &str = "liveness";

impl<S: Subject> World<S> {
    /// Looks at the core after an event of the healed phase.
    #[inline(never)]
    pub(super) fn watch_core(&mut self) -> Result<(), Box<Violation>> {
        self.follow_membership()?;
        self.watch();
        Ok(())
    }

    fn watch(&mut self) {
        if let Some(healing) = &mut self.healing
            && let Some(to) = healing.handed_to
            && self.checkers.seen(to).role == Role::Leader
        {
            healing.handed_to = None;
        }
        let Some(Healing { core, tempo_ns, deadline_ns, settled, written_at, .. }) = self.healing else { return };
        let Some(before) = settled else {
            if written_at.is_some() && self.missing().is_none() {
                self.settle(tempo_ns);
            }
            return;
        };
        if self.is_led_as(core, before) {
            return;
        }
        let Some(problem) = self.leader_of(core).map_or_else(Some, |now| (now != before).then(|| changed(before, now)))
        else {
            return;
        };
        if self.now_ns > deadline_ns {
            let (leader, term) = before;
            let detail = format!("the core settled under {leader} in term {term}, and did not stay so: {problem}");
            return self.fail(FailureKind::Liveness, &Violation::new(NAME, detail));
        }
        // Something was still under way. All is owed anew, by the same time as before.
        self.trace.remark(|| format!("UNSETTLED {problem}"));
        if let Some(healing) = &mut self.healing {
            (healing.settled, healing.written_at) = (None, None);
            healing.owed.clear();
        }
        self.ends_ns = deadline_ns;
        self.probe_rests();
    }

    fn settle(&mut self, tempo_ns: u64) {
        let Some(healing) = &self.healing else { return };
        let Ok(leader) = self.leader_of(healing.core) else { return };
        self.trace.remark(|| format!("SETTLED {} leads t{}", leader.0, leader.1));
        self.ends_ns = self.now_ns + STABLE_FOR * tempo_ns;
        if let Some(healing) = &mut self.healing {
            healing.settled = Some(leader);
        }
        self.ask_everyone(leader.0, tempo_ns);
    }

    /// Every voter of the settled core is asked for something, and then its leader for a write and for a read, each when what
    /// was asked before has had its time; and nothing that could keep them from answering happens any more.
    fn ask_everyone(&mut self, leader: NodeId, tempo_ns: u64) {
        let Some(Healing { core, .. }) = self.healing else { return };
        // Whom the leader does not count it sends nothing more, and they wait for it in vain.
        for node in self.voters_of(leader, core).collect::<Vec<_>>() {
            self.ask_settled(node, 0, Wanted::Anything);
        }
        self.ask_settled(leader, tempo_ns, Wanted::Write);
        self.ask_settled(leader, 2 * tempo_ns, Wanted::Read);
    }

    fn ask_settled(&mut self, node: NodeId, after_ns: u64, wanted: Wanted) {
        let Some(Healing { probe, .. }) = self.healing else { return };
        let network = self.client_network();
        let id = self.clients[usize::from(probe)].begin();
        let Some(command) = self.draw_wanted(id, wanted) else { return };
        self.invoked(id, &command);
        let delay_ns = self.clients[usize::from(probe)].delay_ns(&network);
        self.note_ask(node, id, &command, delay_ns.is_none());
        if let Some(delay_ns) = delay_ns {
            let asks = Event::Request { to: node, attempt: 0, id, command: Box::new(command) };
            self.queue.push(self.now_ns + after_ns + delay_ns, asks);
        }
        if let Some(healing) = &mut self.healing {
            healing.owed.push(Owed { node, id, wanted, is_done: false });
        }
    }

    /// A command of this sort, where the subject has any.
    fn draw_wanted(&mut self, id: RequestId, wanted: Wanted) -> Option<S::Command> {
        for _ in 0..MOST_DRAWS {
            let command = self.draw_command(id);
            let is_read = S::access(&command).is_some_and(|access| access.is_read());
            if wanted == Wanted::Anything || is_read == (wanted == Wanted::Read) {
                return Some(command);
            }
        }
        None
    }

    /// A node has done what it was asked for.
    pub(super) fn core_has_done(&mut self, id: RequestId) {
        let Some(healing) = &mut self.healing else { return };
        if let Some(owed) = healing.owed.iter_mut().find(|owed| owed.id == id) {
            owed.is_done = true;
        }
    }

    /// A node refuses what it was asked for. A leader may be too busy to write, as in the middle of a change of members that began
    /// since, and is asked again as long as there is time for an answer.
    pub(super) fn core_refuses(&mut self, id: RequestId) {
        let Some(healing) = &mut self.healing else { return };
        let (tempo_ns, owed) = (healing.tempo_ns, &mut healing.owed);
        let Some(place) = owed.iter().position(|owed| owed.id == id && owed.wanted != Wanted::Anything) else { return };
        if self.now_ns + 3 * tempo_ns < self.ends_ns {
            let Owed { node, wanted, .. } = owed.swap_remove(place);
            self.ask_settled(node, tempo_ns, wanted);
        }
    }

    /// Who has not answered, although the core stayed as it was.
    fn unanswered(&self) -> Option<String> {
        let owed = self.healing.as_ref().map_or(&[][..], |healing| &healing.owed);
        owed.iter().find_map(|owed| {
            let Owed { node, id: RequestId { number, .. }, wanted, is_done } = owed;
            if self.hosts[*node].asked.contains(&owed.id) {
                return Some(format!(
                    "{node} was given request {number} after the core had settled, and never answered it"
                ));
            }
            let refused = match wanted {
                Wanted::Anything => return None,
                Wanted::Write => "write",
                Wanted::Read => "read",
            };
            (!is_done).then(|| format!("{node} leads the settled core, and refused request {number}, a {refused}"))
        })
    }

    /// Who has neither answered what it was asked at any time, nor given it up, although it keeps up with a leader that commits.
    fn unended(&self) -> Option<String> {
        let Healing { core, settled: Some((leader, _)), .. } = *self.healing.as_ref()? else { return None };
        if !S::ENDS_REQUESTS {
            return None;
        }
        self.voters_of(leader, core).find_map(|node| {
            let RequestId { client, number } = *self.hosts[node].asked.first()?;
            Some(format!(
                "{node} has neither answered request {number} of client {client} nor given it up, and the core has long settled"
            ))
        })
    }

    /// Who leads although the core had settled when it was asked to be led by another of its voters, who has all of the log, whom
    /// everybody hears, and who has not led since. Somebody without a vote who goes on all the same may have campaigned meanwhile.
    fn kept(&self) -> Option<String> {
        let Healing { handed_to: Some(to), settled: Some((leader, _)), bystanders, .. } = *self.healing.as_ref()?
        else {
            return None;
        };
        let is_disturbed = !bystanders.difference(self.membership_of(leader).learners).is_empty();
        (!is_disturbed)
            .then(|| format!("{to} was to be given the leadership of the settled core, and {leader} leads it"))
    }

    /// Whether the core led, committed, and stayed as it was.
    pub(super) fn has_recovered(&self) -> bool {
        self.failure.is_none() && self.healing.as_ref().is_some_and(|healing| healing.settled.is_some())
    }

    /// The bound is over, or the time for which nothing may change. Returns whether it goes on, with something else to do.
    pub(super) fn healed_phase_ends(&mut self) -> bool {
        let missing = if self.has_recovered() {
            self.unanswered().or_else(|| self.unended()).or_else(|| self.kept())
        } else {
            self.missing()
        };
        if let Some(missing) = missing {
            let verdict = self.verdict();
            self.fail(FailureKind::Liveness, &Violation::new(NAME, format!("{missing}; {verdict}")));
            return false;
        }
        self.operate_on_core()
    }

    /// An operator asks something of the leader of the settled core, which then owes all anew: whatever it makes of it, that
    /// must come to an end. Returns whether there was something to ask for.
    fn operate_on_core(&mut self) -> bool {
        let Some(healing) = &mut self.healing else { return false };
        let (Some((leader, _)), Some(class)) = (healing.settled, healing.then.take()) else { return false };
        let (core, deadline_ns) = (healing.core, self.now_ns.saturating_add(healing.bound_ns));
        let Some(operation) = self.operation_on(core, leader, class) else { return false };
        if let Some(healing) = &mut self.healing {
            (healing.settled, healing.written_at, healing.deadline_ns) = (None, None, deadline_ns);
            healing.owed.clear();
            healing.handed_to = match operation {
                Operation::TransferLeadership { to } => Some(to),
                Operation::ChangeMembership { .. } => None,
            };
        }
        self.ends_ns = deadline_ns;
        self.trace.events += 1;
        self.trace.fold(self.now_ns);
        let number = self.plan.operations.len();
        let asks = || What::Operation { number, says: format!("──▶ {leader}  {operation:?}"), is_dropped: false };
        self.trace.note(self.now_ns, Some(leader), Source::Plan, asks);
        if let Err(violation) = self.step_node(leader, Input::Operate { operation }) {
            self.fail(FailureKind::Safety, &violation);
        }
        self.probe();
        self.trace.end_event(self.now_ns);
        true
    }

    /// What a core that is well may be asked for: to be led by another of its voters, or to go on without those voters who are
    /// not part of it, or without one more where all are.
    fn operation_on(&self, core: NodeSet, leader: NodeId, class: OperationClass) -> Option<Operation> {
        let membership = self.membership_of(leader);
        let others: Vec<NodeId> = self.voters_of(leader, core).filter(|node| *node != leader).collect();
        if others.is_empty() {
            return None;
        }
        let other = *self.choices.of_node(Kind::HealOperation, leader).pick(&others);
        if class == OperationClass::TransferLeadership {
            return Some(Operation::TransferLeadership { to: other });
        }
        let kept = core.intersection(membership.voters);
        let voters = if kept == membership.voters { kept.without(other) } else { kept };
        // Who leads need not have a vote.
        (!voters.is_empty()).then_some(Operation::ChangeMembership { voters, learners: NodeSet::default() })
    }

    /// Whether a core that stands still had to.
    fn verdict(&self) -> String {
        let core = self.healing.as_ref().map(|healing| healing.core).unwrap_or_default();
        self.atlas.verdict(
            core,
            &self.checkers.current_memberships(core),
            self.checkers.holders(self.disks.first(self.plan.nodes)),
            self.elects(core),
        )
    }

    /// What the core still owes.
    fn missing(&self) -> Option<String> {
        let Healing { core, written_at, .. } = self.healing.as_ref()?;
        let leader = match self.leader_of(*core) {
            Ok((leader, _)) => leader,
            Err(problem) => return Some(problem),
        };
        let Some(written_at) = *written_at else {
            return Some(format!("{leader} leads, and no write that was asked for since the heal was answered"));
        };
        if self.membership_of(leader).is_joint() {
            return Some(format!("{leader} leads, and a change of membership does not end"));
        }
        let committed = |node| self.checkers.seen(node).commit_index;
        let last = committed(leader);
        if last < written_at {
            return Some(format!(
                "{leader} leads and has committed up to {last}, and an answered write stands at {written_at}"
            ));
        }
        let behind =
            self.voters_of(leader, *core).chain(self.learners_of(leader)).find(|node| committed(*node) != last);
        behind
            .map(|node| format!("{node} has committed up to {}, and its leader {leader} up to {last}", committed(node)))
    }

    /// The nodes of the core that must keep up with `leader`: those that it has among its voters.
    fn voters_of(&self, leader: NodeId, core: NodeSet) -> impl Iterator<Item = NodeId> + use<S> {
        let membership = self.membership_of(leader);
        self.members(core).filter(move |node| membership.is_voter(*node))
    }

    /// The nodes without a vote that `leader` sends its log and that are well enough to keep up with it.
    fn learners_of(&self, leader: NodeId) -> impl Iterator<Item = NodeId> + use<S> {
        let membership = self.membership_of(leader);
        let well = self.healing.as_ref().map(|healing| healing.core.union(healing.bystanders)).unwrap_or_default();
        self.members(well).filter(move |node| membership.is_learner(*node))
    }

    /// Whether all of the core are in one term, and nobody but `leader` leads in it: nearly always so, once it has settled.
    fn is_led_as(&self, core: NodeSet, (leader, term): (NodeId, u64)) -> bool {
        let is_in_order = |node: NodeId| {
            let seen = self.checkers.seen(node);
            seen.term_and_vote.term == term && (seen.role == Role::Leader) == (node == leader)
        };
        core.contains(leader) && self.members(core).all(is_in_order)
    }

    /// The node of the core that leads, and its term, which all of the core are in; or what is wrong with that.
    fn leader_of(&self, core: NodeSet) -> Result<(NodeId, u64), String> {
        let seen = |node| self.checkers.seen(node);
        let term = |node| seen(node).term_and_vote.term;
        let leader = self.members(core).filter(|node| seen(*node).role == Role::Leader).max_by_key(|node| term(*node));
        let Some(leader) = leader else { return Err("no node of the core leads".to_owned()) };
        match self.voters_of(leader, core).find(|node| term(*node) != term(leader)) {
            None => Ok((leader, term(leader))),
            Some(node) => Err(format!("{leader} leads term {}, and {node} is in term {}", term(leader), term(node))),
        }
    }
}

fn changed(before: (NodeId, u64), now: (NodeId, u64)) -> String {
    format!("{} leads term {} after {} in term {}", now.0, now.1, before.0, before.1)
}
