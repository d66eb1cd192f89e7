//! Faults: how each strikes, and how it ends.

use super::World;
use super::event::Event;
use super::host::NEVER;
use crate::failure::Violation;
use crate::fault::{Fault, Moment};
use crate::faults::FaultClass;
use crate::network::class_of;
use crate::node::{NodeId, NodeSet};

use crate::subject::{Disk, Subject};
use crate::trace::{Change, Source, What};

impl<S: Subject> World<S> {
    #[inline(never)]
    pub(super) fn fault_starts(&mut self, number: usize) -> Result<(), Box<Violation>> {
        if self.is_healed() {
            return Ok(());
        }
        let Some(trigger) = self.plan.faults[number].trigger else { return self.strike(number) };
        let waits = || What::FaultWaits { number, says: trigger.in_words(S::MESSAGE_KINDS) };
        self.trace.note(self.now_ns, None, Source::Plan, waits);
        self.ambushes.arm(number, trigger);
        Ok(())
    }

    /// The moment has come that the fault waited for.
    #[inline(never)]
    pub(super) fn fault_strikes(&mut self, number: usize) -> Result<(), Box<Violation>> {
        if self.is_healed() {
            return Ok(());
        }
        self.counts[FaultClass::Ambush] += 1;
        self.strike(number)
    }

    fn strike(&mut self, number: usize) -> Result<(), Box<Violation>> {
        let fault = self.faults[number];
        self.trace.note(self.now_ns, None, Source::Fault(number), || What::Fault { number, says: fault.in_words() });
        self.trace.leads_to(Source::Fault(number));
        if let Some(taping) = &mut self.taping
            && !matches!(fault, Fault::CrashTogether { .. })
        {
            taping.fault(self.now_ns, number, fault);
        }
        let lasts_ns = match fault {
            Fault::Partition { for_ns, .. } => {
                self.counts[FaultClass::Partition] += 1;
                self.links.cut(fault);
                for_ns
            }
            Fault::OneWayPartition { for_ns, .. } => {
                self.counts[FaultClass::OneWayPartition] += 1;
                self.links.cut(fault);
                for_ns
            }
            Fault::Cut { shape, for_ns, .. } => {
                self.counts[class_of(shape)] += 1;
                self.links.cut(fault);
                for_ns
            }
            Fault::ClientPartition { for_ns, .. } => {
                self.counts[FaultClass::ClientPartition] += 1;
                self.links.cut(fault);
                for_ns
            }
            // Counted for every message that it holds.
            Fault::Clog { for_ns, .. } => {
                self.links.cut(fault);
                for_ns
            }
            Fault::Crash { nodes, down_ns } => {
                for node in self.members(nodes) {
                    self.crash(node, number)?;
                }
                down_ns
            }
            Fault::LoseLog { node, down_ns } => {
                self.lose_log(node, number)?;
                down_ns
            }
            Fault::CrashTogether { .. } | Fault::Upgrade { .. } | Fault::Wipe { .. } => {
                return self.strike_machines(number, fault);
            }
            Fault::StepClock { .. } | Fault::FreezeClock { .. } => {
                self.strike_clocks(number, fault);
                return Ok(());
            }
            Fault::StallDisk { .. } | Fault::FailWrites { .. } | Fault::LyingSync { .. } | Fault::BitRot { .. } => {
                return self.strike_disks(number, fault);
            }
            Fault::Pause { nodes, for_ns } => {
                for node in self.members(nodes) {
                    self.pause(node, number);
                }
                for_ns
            }
            Fault::SlowDisk { nodes, extra_ns, for_ns } => {
                for node in self.members(nodes) {
                    self.hosts[node].slow = Some((extra_ns, self.now_ns.saturating_add(for_ns)));
                }
                self.slowed_by_ns = self.slowed_by_ns.max(extra_ns);
                return Ok(());
            }
        };
        self.queue.push(self.now_ns.saturating_add(lasts_ns), Event::FaultEnds { fault: number });
        Ok(())
    }

    #[inline(never)]
    pub(super) fn fault_ends(&mut self, number: usize) -> Result<(), Box<Violation>> {
        // What is broken then stays so for good.
        if self.is_healed() {
            return Ok(());
        }
        let fault = self.faults[number];
        let ends = || What::FaultEnds { number, says: fault.in_words() };
        self.trace.note(self.now_ns, None, Source::Fault(number), ends);
        if let Some(taping) = &mut self.taping
            && !matches!(fault, Fault::Wipe { .. })
        {
            taping.fault_ends(self.now_ns, number, None);
        }
        match fault {
            Fault::Partition { .. }
            | Fault::OneWayPartition { .. }
            | Fault::Cut { .. }
            | Fault::ClientPartition { .. } => self.links.heal(fault),
            Fault::Clog { .. } => {
                self.links.heal(fault);
                self.release_held();
            }
            Fault::Crash { nodes, .. } => {
                for node in self.members(nodes) {
                    self.restart(node, number)?;
                }
            }
            Fault::LoseLog { node, .. } => self.restart(node, number)?,
            Fault::Pause { nodes, .. } => {
                for node in self.members(nodes) {
                    self.resume(node, number);
                }
            }
            Fault::Upgrade { nodes, .. } => {
                for node in self.members(nodes) {
                    self.restart(node, number)?;
                }
            }
            Fault::Wipe { node, ask_every_ns } => return self.replace(node, number, ask_every_ns),
            Fault::FreezeClock { nodes, .. } => {
                for node in self.members(nodes) {
                    self.thaw(node);
                }
            }
            Fault::FailWrites { nodes, .. } => {
                for node in self.members(nodes) {
                    self.hosts[node].failing.take_if(|(fault, _)| *fault == number);
                    self.restart(node, number)?;
                }
            }
            Fault::LyingSync { node, .. } => return self.truth_comes_out(node),
            Fault::BitRot { node, .. } => self.restart(node, number)?,
            Fault::SlowDisk { .. }
            | Fault::StallDisk { .. }
            | Fault::StepClock { .. }
            | Fault::CrashTogether { .. } => {}
        }
        Ok(())
    }

    pub(super) fn members(&self, nodes: NodeSet) -> impl Iterator<Item = NodeId> + use<S> {
        NodeId::all(self.plan.nodes).filter(move |node| nodes.contains(*node))
    }

    /// The node crashes, and its disk turns out to hold less than it said: as much less as leaves all that is committed
    /// on a quorum of the others.
    fn lose_log(&mut self, node: NodeId, fault: usize) -> Result<(), Box<Violation>> {
        let host = &self.hosts[node];
        let is_busy = host.downed_by.is_some() || !host.writes.is_empty();
        if is_busy || !self.checkers.can_do_without(self.atlas.gone(), node, self.disks.first(self.plan.nodes)) {
            return Ok(());
        }
        self.crash(node, fault)?;
        let disk = &mut self.disks[node];
        let mut kept = self.hosts[node].crash.within((disk.snapshot_index(), disk.last_index()));
        if let Some(taping) = &mut self.taping {
            kept = taping.left(node, kept, disk.last_index()).max(disk.snapshot_index());
        }
        if disk.lose_log_after(kept) {
            self.counts[FaultClass::LostLog] += 1;
            self.trace.remark(|| format!("{node} keeps its log up to {kept}"));
            self.checkers.log_lost(node, disk, kept)?;
        }
        Ok(())
    }

    pub(super) fn crash(&mut self, node: NodeId, fault: usize) -> Result<(), Box<Violation>> {
        let host = &mut self.hosts[node];
        if host.downed_by.is_some() {
            return Ok(());
        }
        host.downed_by = Some(fault);
        host.paused_by = None;
        self.paused = self.paused.without(node);
        let backlog = std::mem::take(&mut host.backlog);
        host.incarnation += 1;
        host.generation = host.generation.wrapping_add(1);
        host.asked.clear();
        host.writes_end_ns = self.now_ns;
        let subject = self.subjects[node].take();
        self.alarms.set(node, NEVER);
        if let Some(taping) = &mut self.taping {
            taping.crashed(node);
        }
        self.counts[FaultClass::Crash] += 1;
        self.trace.note_change(|| Change::Crashes { node });
        self.counts[FaultClass::CrashInWrite] += u64::from(!host.writes.is_empty());
        for event in backlog {
            self.stale_to_come -= usize::from(matches!(event, Event::Replay { .. }));
            if let Event::Deliver { letter, .. } | Event::Replay { letter, .. } = event {
                self.mail.take(letter);
            }
        }
        self.settle_writes(node)?;
        self.settle_lies(node)?;
        if let Some(subject) = &subject {
            self.checkers.audit_decided(node, &**subject)?;
        }
        self.check_invariant(None)
    }

    pub(super) fn restart(&mut self, node: NodeId, fault: usize) -> Result<(), Box<Violation>> {
        let host = &mut self.hosts[node];
        if host.downed_by != Some(fault) {
            return Ok(());
        }
        host.downed_by = None;
        self.trace.note_change(|| Change::Starts { node });
        self.start(node)?;
        self.remember_leader(node);
        self.notice(Moment::Restarted, node, node);
        Ok(())
    }

    pub(super) fn pause(&mut self, node: NodeId, fault: usize) {
        let host = &mut self.hosts[node];
        if host.downed_by.is_none() && host.paused_by.is_none() {
            host.paused_by = Some(fault);
            self.paused = self.paused.with(node);
            self.alarms.set(node, NEVER);
            self.counts[FaultClass::Pause] += 1;
            self.trace.note_change(|| Change::Pauses { node });
        }
    }

    pub(super) fn resume(&mut self, node: NodeId, fault: usize) {
        let host = &mut self.hosts[node];
        if host.paused_by != Some(fault) {
            return;
        }
        host.paused_by = None;
        self.paused = self.paused.without(node);
        self.trace.note_change(|| Change::GoesOn { node });
        // What waited in its buffers comes first, then its timer, which ran on meanwhile.
        for event in host.backlog.drain(..) {
            self.queue.push(self.now_ns, event);
        }
        self.set_alarm(node);
    }

    /// When the node is woken next, by its clock as it goes now.
    pub(super) fn set_alarm(&mut self, node: NodeId) {
        if self.paused.contains(node) {
            return;
        }
        if let Some(deadline_ns) = self.subjects[node].as_deref().and_then(S::deadline_ns) {
            let mut alarm_ns = self.clocks[node].world_ns(deadline_ns).max(self.now_ns);
            if let Some(taping) = &self.taping {
                alarm_ns = taping.alarm_ns(node, self.now_ns, alarm_ns);
            }
            self.alarms.set(node, alarm_ns);
            self.trace.leads_to(Source::Alarm(node));
        }
    }
}
