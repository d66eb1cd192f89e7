//! Faults of machines, clocks and disks that do more than take a node down and bring it back.

use super::World;
use super::event::Event;
use super::host::FOR_GOOD;
use crate::choices::Choice;
use crate::failure::Violation;
use crate::fault::Fault;
use crate::faults::FaultClass;
use crate::node::{NodeId, NodeSet};
use crate::operation::Operation;
use crate::subject::{Disk, Input, Subject};
use crate::trace::{Source, What};

impl<S: Subject> World<S> {
    // ---- Machines ----

    pub(super) fn strike_machines(&mut self, number: usize, fault: Fault) -> Result<(), Box<Violation>> {
        let ends_in_ns = match fault {
            Fault::CrashTogether { nodes, down_ns, apart_ns, order } => {
                let before = self.counts[FaultClass::Crash];
                for node in self.members(nodes) {
                    let after_ns = apart_ns.saturating_mul(order[node.index()].into()).saturating_add(down_ns);
                    if let Some(taping) = &mut self.taping {
                        taping.crashes_with_others(self.now_ns, number, node, after_ns);
                    }
                    self.crash(node, number)?;
                    let at_ns = self.now_ns.saturating_add(after_ns);
                    self.queue.push(at_ns, Event::NodeRestarts { fault: number, node });
                }
                self.counts[FaultClass::ShuffledRestart] += u64::from(self.counts[FaultClass::Crash] > before + 1);
                return Ok(());
            }
            Fault::Upgrade { nodes, down_ns } => {
                for node in self.members(nodes) {
                    self.upgrade(node, number)?;
                }
                down_ns
            }
            Fault::Wipe { node, ask_every_ns } => {
                if self.hosts[node].downed_by.is_some() || self.newcomer().is_none() || !self.may_lose(node) {
                    return Ok(());
                }
                self.counts[FaultClass::Wipe] += 1;
                self.crash(node, FOR_GOOD)?;
                self.lose_for_good(node)?;
                ask_every_ns
            }
            _ => return Ok(()),
        };
        self.queue.push(self.now_ns.saturating_add(ends_in_ns), Event::FaultEnds { fault: number });
        Ok(())
    }

    pub(super) fn node_restarts(&mut self, node: NodeId, fault: usize) -> Result<(), Box<Violation>> {
        if self.is_healed() {
            return Ok(());
        }
        let ends = || What::FaultEnds { number: fault, says: format!("CrashTogether {{ nodes: {{{node}}} }}") };
        self.trace.note(self.now_ns, Some(node), Source::Fault(fault), ends);
        if let Some(taping) = &mut self.taping {
            taping.fault_ends(self.now_ns, fault, Some(node));
        }
        self.restart(node, fault)
    }

    fn upgrade(&mut self, node: NodeId, fault: usize) -> Result<(), Box<Violation>> {
        let host = &mut self.hosts[node];
        if host.downed_by.is_some() {
            return Ok(());
        }
        let mut choice = self.choices.upgrade(node, host.incarnation);
        if let Some(settings) = S::upgraded(&self.plan.settings, node, &mut choice) {
            host.settings = Some(Box::new(settings));
            self.counts[FaultClass::RollingUpgrade] += 1;
        }
        self.crash(node, fault)
    }

    /// A node that runs, and that no configuration names: it can take the place of another.
    fn newcomer(&self) -> Option<NodeId> {
        let all = NodeSet::all(self.plan.nodes);
        let named = self.checkers.current_memberships(all);
        self.members(all.difference(self.atlas.gone()))
            .filter(|node| self.hosts[*node].downed_by.is_none())
            .find(|node| !named.iter().any(|membership| membership.members().contains(*node)))
    }

    /// The operator asks for another voter in the place of `gone`, unless it has been replaced by now.
    pub(super) fn replace(&mut self, gone: NodeId, fault: usize, ask_every_ns: u64) -> Result<(), Box<Violation>> {
        let leader = self.current_leader();
        let membership = leader.and_then(|leader| self.checkers.seen(leader).membership);
        if membership.is_some_and(|membership| !membership.is_joint() && !membership.members().contains(gone)) {
            return Ok(());
        }
        self.queue.push(self.now_ns.saturating_add(ask_every_ns), Event::FaultEnds { fault });
        let (Some(leader), Some(membership)) = (leader, membership) else { return Ok(()) };
        let kept = |nodes: NodeSet| nodes.difference(self.atlas.gone());
        let voters = self.newcomer().map_or(kept(membership.voters), |newcomer| kept(membership.voters).with(newcomer));
        let operation = Operation::ChangeMembership { voters, learners: kept(membership.learners).difference(voters) };
        if voters.is_empty() {
            return Ok(());
        }
        self.trace.remark(|| format!("an operator asks {leader} for {operation:?}, since {gone} is gone"));
        if let Some(taping) = &mut self.taping {
            taping.operation(self.now_ns, leader, operation);
        }
        self.step_node(leader, Input::Operate { operation })
    }

    // ---- Clocks ----

    pub(super) fn strike_clocks(&mut self, number: usize, fault: Fault) {
        match fault {
            Fault::StepClock { nodes, by_ns } => {
                let class = if by_ns < 0 { FaultClass::ClockBackward } else { FaultClass::ClockForward };
                for node in self.members(nodes) {
                    self.clocks[node].step(self.now_ns, by_ns);
                    self.set_alarm(node);
                    self.counts[class] += 1;
                }
            }
            Fault::FreezeClock { nodes, for_ns } => {
                for node in self.members(nodes) {
                    self.clocks[node].freeze(self.now_ns);
                    self.set_alarm(node);
                    self.counts[FaultClass::ClockFreeze] += 1;
                }
                self.queue.push(self.now_ns.saturating_add(for_ns), Event::FaultEnds { fault: number });
            }
            _ => {}
        }
    }

    pub(super) fn thaw(&mut self, node: NodeId) {
        self.clocks[node].thaw(self.now_ns);
        self.set_alarm(node);
    }

    // ---- Disks ----

    pub(super) fn strike_disks(&mut self, number: usize, fault: Fault) -> Result<(), Box<Violation>> {
        let ends_in_ns = match fault {
            Fault::StallDisk { nodes, for_ns } => {
                for node in self.members(nodes) {
                    let host = &mut self.hosts[node];
                    host.stalled_until_ns = host.stalled_until_ns.max(self.now_ns.saturating_add(for_ns));
                }
                return Ok(());
            }
            Fault::FailWrites { nodes, error, for_ns, down_ns } => {
                for node in self.members(nodes) {
                    self.hosts[node].failing.get_or_insert((number, error));
                }
                for_ns.saturating_add(down_ns)
            }
            Fault::LyingSync { node, for_ns } => {
                let host = &mut self.hosts[node];
                if host.downed_by.is_some() || host.truth.is_some() {
                    return Ok(());
                }
                host.truth = Some(Box::new(self.disks[node].clone()));
                for_ns
            }
            Fault::BitRot { node, down_ns } => {
                if self.hosts[node].downed_by.is_some() || !self.may_lose(node) {
                    return Ok(());
                }
                self.crash(node, number)?;
                // The crash itself may have shown that the disk lied, and then there is nothing left to rot.
                if self.hosts[node].downed_by == Some(number)
                    && self.draw_damage(node, |world, choice| world.disks[node].rot(choice))
                {
                    self.hosts[node].is_rotten = true;
                    self.counts[FaultClass::BitRot] += 1;
                }
                down_ns
            }
            _ => return Ok(()),
        };
        self.queue.push(self.now_ns.saturating_add(ends_in_ns), Event::FaultEnds { fault: number });
        Ok(())
    }

    /// Draws how a disk is damaged, from the node's numbers for crashes.
    pub(super) fn draw_damage<T>(&mut self, node: NodeId, draw: impl FnOnce(&mut Self, &mut Choice) -> T) -> T {
        let mut choice = self.hosts[node].crash.clone();
        if let Some(taping) = &mut self.taping {
            choice = taping.damage(node, &choice);
        }
        let drawn = draw(self, &mut choice);
        self.hosts[node].crash = choice;
        drawn
    }

    /// The disk stops lying: what it has kept back is lost with the node, unless it crashed before.
    pub(super) fn truth_comes_out(&mut self, node: NodeId) -> Result<(), Box<Violation>> {
        if self.hosts[node].truth.is_some() { self.crash(node, FOR_GOOD) } else { Ok(()) }
    }

    /// A node has crashed whose disk may have lied. If the others can do without it, it is gone; if not, the disk had
    /// written everything after all.
    pub(super) fn settle_lies(&mut self, node: NodeId) -> Result<(), Box<Violation>> {
        let Some(truth) = self.hosts[node].truth.take() else { return Ok(()) };
        let has_lost = truth.last_index() != self.disks[node].last_index()
            || truth.term_and_vote() != self.disks[node].term_and_vote();
        if has_lost && self.may_lose(node) {
            self.counts[FaultClass::LyingSync] += 1;
            self.trace.remark(|| format!("{node}'s disk lied, and it is gone"));
            self.hosts[node].downed_by = Some(FOR_GOOD);
            return self.lose_for_good(node);
        }
        // It was to crash when the lie came out, and has no other fault to bring it back.
        if self.hosts[node].downed_by == Some(FOR_GOOD) && !self.is_healed() {
            return self.restart(node, FOR_GOOD);
        }
        Ok(())
    }

    // ---- What may be lost ----

    /// Whether the cluster survives that `node` never comes back: the others are a quorum, and hold all that is committed.
    fn may_lose(&self, node: NodeId) -> bool {
        let all = NodeSet::all(self.plan.nodes);
        let one = NodeSet::default().with(node);
        let rotten = self.members(all).filter(|node| self.hosts[*node].is_rotten);
        let damaged = rotten.fold(one, NodeSet::with);
        // The disk of another may turn out to have lied too.
        let is_anyone_lying = self.members(all).any(|other| other != node && self.hosts[other].truth.is_some());
        !is_anyone_lying
            && self.atlas.spares(damaged, all, &self.memberships_that_count(all))
            && self.checkers.can_do_without(damaged.union(self.atlas.gone()), node, self.disks.first(self.plan.nodes))
    }

    /// The node is down, and stays so, and nothing is left of its disk.
    pub(super) fn lose_for_good(&mut self, node: NodeId) -> Result<(), Box<Violation>> {
        self.atlas.lose(NodeSet::default().with(node));
        let host = &mut self.hosts[node];
        (host.downed_by, host.truth, host.is_rotten) = (Some(FOR_GOOD), None, false);
        self.disks[node] = S::Disk::default();
        self.checkers.disk_gone(node, &self.disks[node])
    }

    /// Before the faults end: who was found damaged, or would be, is gone for good, and all else that can be gets well.
    pub(super) fn settle_damage(&mut self) -> Result<(), Box<Violation>> {
        for node in NodeId::all(self.plan.nodes) {
            if self.hosts[node].is_rotten {
                self.lose_for_good(node)?;
            }
            // Whoever did not crash until now has everything where it says it has.
            self.hosts[node].truth = None;
        }
        Ok(())
    }

    /// The node's disk and clock are as they should be from now on.
    pub(super) fn repair(&mut self, node: NodeId) {
        let host = &mut self.hosts[node];
        (host.slow, host.failing) = (None, None);
        if std::mem::take(&mut host.stalled_until_ns) > self.now_ns {
            for _ in 0..host.writes.len() {
                self.queue.push(self.now_ns, Event::Written { node, incarnation: host.incarnation });
            }
        }
        self.thaw(node);
    }
}
