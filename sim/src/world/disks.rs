//! Disks: a write is submitted, and completes later; a crash settles what had not completed.

use super::World;
use super::asking::Asking;
use super::event::Event;
use crate::failure::Violation;
use crate::fault::{Moment, WriteError};
use crate::faults::FaultClass;
use crate::node::NodeId;
use crate::subject::{Disk, Input, Subject};
use crate::trace::{Source, What};

impl<S: Subject> World<S> {
    pub(super) fn write(&mut self, node: NodeId, write: <S::Disk as Disk>::Write) {
        self.notice(Moment::WriteStarts, node, node);
        let mut delay_ns = self.disk_delay_ns(node);
        let host = &mut self.hosts[node];
        if host.stalled_until_ns > self.now_ns {
            delay_ns = delay_ns.max(host.stalled_until_ns - self.now_ns);
            self.counts[FaultClass::DiskStall] += 1;
        }
        if delay_ns == 0 && host.writes.is_empty() && host.failing.is_none() {
            self.durable_at_once.push_back(write);
            return;
        }
        if let Some(taping) = &mut self.taping {
            taping.writes(node);
        }
        let own_end_ns = self.now_ns.saturating_add(delay_ns);
        let ends_ns = if self.plan.disk.overtakes {
            host.writes_due_ns.push_back(own_end_ns);
            own_end_ns
        } else {
            host.writes_end_ns = host.writes_end_ns.max(own_end_ns);
            host.writes_end_ns
        };
        host.writes.push_back(write);
        self.trace.leads_to(Source::Write(node, host.writes.len() - 1));
        self.queue.push(ends_ns, Event::Written { node, incarnation: host.incarnation });
    }

    pub(super) fn disk_delay_ns(&mut self, node: NodeId) -> u64 {
        let host = &mut self.hosts[node];
        let mut delay_ns = match self.plan.disk.write_ns {
            (0, 0) => 0,
            range => host.disk_delay.within(range),
        };
        if let Some((extra_ns, until_ns)) = host.slow
            && self.now_ns < until_ns
        {
            self.counts[FaultClass::SlowDisk] += 1;
            delay_ns += host.disk_delay.within((0, extra_ns));
        }
        if let Some(taping) = &mut self.taping {
            delay_ns = taping.write_ns(node, delay_ns, self.plan.disk);
        }
        delay_ns
    }

    #[inline(never)]
    pub(super) fn store(&mut self, node: NodeId, write: &<S::Disk as Disk>::Write) -> Result<(), Box<Violation>> {
        let disk = &mut self.disks[node];
        disk.write(write);
        self.checkers.disk_changed(node, disk, S::Disk::changes_log_from(write))
    }

    #[inline(never)]
    pub(super) fn written(&mut self, node: NodeId, incarnation: u32) -> Result<(), Box<Violation>> {
        let host = &mut self.hosts[node];
        if host.incarnation != incarnation {
            self.trace.note(self.now_ns, Some(node), Source::Plan, || What::StaleWrite);
            return Ok(());
        }
        if host.stalled_until_ns > self.now_ns {
            let until_ns = host.stalled_until_ns;
            self.counts[FaultClass::DiskStall] += 1;
            self.trace.note(self.now_ns, Some(node), Source::Plan, || What::Waits { says: "a write" });
            self.queue.push(until_ns, Event::Written { node, incarnation });
            return Ok(());
        }
        if let Some((fault, error)) = host.failing {
            return self.write_fails(node, fault, error);
        }
        let place = host.next_write();
        let Some(write) = host.writes.remove(place) else { return Ok(()) };
        self.trace.note(self.now_ns, Some(node), Source::Write(node, place), || What::Written);
        if let Some(taping) = &mut self.taping {
            taping.written(self.now_ns, node, place);
        }
        self.store(node, &write)?;
        if place == 0 { self.step_node(node, Input::Written) } else { self.overtakes(node, place) }
    }

    /// A write is durable that others were started before.
    #[cold]
    fn overtakes(&mut self, node: NodeId, place: usize) -> Result<(), Box<Violation>> {
        self.counts[FaultClass::ReorderedWrites] += 1;
        self.trace.remark(|| format!("{place} writes of {node} that were started before it are not"));
        let Some(mut subject) = self.subjects[node].take() else { return Ok(()) };
        let now_ns = self.clocks[node].local_ns(self.now_ns);
        let mut asking = Asking::new(self, node);
        subject.overtaken(now_ns, place, &mut asking);
        let result = asking.end_step(&mut subject, now_ns);
        self.subjects[node] = Some(subject);
        result
    }

    /// The oldest write under way fails, and those behind it with it: nothing is left of them but perhaps a part of the
    /// first. Who cannot live with that is down until `fault` is over.
    #[cold]
    fn write_fails(&mut self, node: NodeId, fault: usize, error: WriteError) -> Result<(), Box<Violation>> {
        let host = &mut self.hosts[node];
        let Some(first) = std::mem::take(&mut host.writes).pop_front() else { return Ok(()) };
        host.writes_due_ns.clear();
        if let Some(taping) = &mut self.taping {
            taping.written(self.now_ns, node, 0);
            taping.crashed(node);
        }
        let may_be_torn = error == WriteError::Io && self.plan.disk.tears;
        let torn = may_be_torn.then(|| self.draw_damage(node, |_, choice| S::Disk::torn(&first, choice))).flatten();
        self.counts[if error == WriteError::Io { FaultClass::IoError } else { FaultClass::DiskFull }] += 1;
        self.trace
            .note(self.now_ns, Some(node), Source::Write(node, 0), || What::WriteFails { error: format!("{error:?}") });
        let Some(mut subject) = self.subjects[node].take() else { return Ok(()) };
        let now_ns = self.clocks[node].local_ns(self.now_ns);
        let mut asking = Asking::new(self, node);
        let goes_on = subject.write_failed(now_ns, error, &mut asking);
        let result = asking.end_step(&mut subject, now_ns);
        self.subjects[node] = Some(subject);
        result?;
        if goes_on {
            return Ok(());
        }
        if let Some(torn) = torn {
            self.hosts[node].has_torn_write = true;
            self.store(node, &torn)?;
        }
        self.crash(node, fault)
    }

    /// What a crash leaves of the writes under way: some of the first, and perhaps a part of the next.
    pub(super) fn settle_writes(&mut self, node: NodeId) -> Result<(), Box<Violation>> {
        let host = &mut self.hosts[node];
        let mut writes = std::mem::take(&mut host.writes);
        host.writes_due_ns.clear();
        self.trace.writes_are_over(node);
        if writes.is_empty() {
            return Ok(());
        }
        let kept = match self.plan.disk.loses {
            true => {
                let (drawn, most) = (host.crash.below(writes.len() as u64 + 1), writes.len() as u64);
                self.taping.as_mut().map_or(drawn, |taping| taping.left(node, drawn, most)) as usize
            }
            false => writes.len(),
        };
        if kept < writes.len() {
            self.counts[FaultClass::LostWrite] += 1;
        }
        let cut = writes.get(kept).filter(|_| self.plan.disk.tears);
        let torn = cut.and_then(|write| self.draw_damage(node, |_, choice| S::Disk::torn(write, choice)));
        if torn.is_some() {
            self.hosts[node].has_torn_write = true;
            self.counts[FaultClass::TornWrite] += 1;
        }
        let torn_words = if torn.is_some() { ", and a part of the next" } else { "" };
        self.trace.remark(|| format!("{node} keeps {kept} of {} writes under way{torn_words}", writes.len()));
        writes.truncate(kept);
        for write in writes.iter().chain(&torn) {
            self.store(node, write)?;
        }
        Ok(())
    }
}
