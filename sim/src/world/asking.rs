//! What a node asks for in a step, carried out while it asks.

use super::event::Event;
use super::mail::Letter;
use super::{World, in_words};
use crate::checkers::leases;
use crate::checkers::silence::Listens;
use crate::failure::{FailureKind, Violation};
use crate::fault::Moment;
use crate::network::Arrivals;
use crate::node::NodeId;
use crate::subject::{Claim, Disk, Input, Outputs, Promise, RequestId, Response, Subject};
use crate::trace::{Message, Sent};

/// A node in a step, as the world hears it.
pub(super) struct Asking<'a, S: Subject> {
    world: &'a mut World<S>,
    node: NodeId,
    /// Nearly always none: one word to look at.
    complaints: Option<Box<Complaints>>,
}

/// What must not be, in a step.
#[derive(Default)]
struct Complaints {
    /// The first thing that the world finds.
    violation: Option<Box<Violation>>,
    /// What the node says of its input, and of itself.
    refused: Option<Box<Violation>>,
    stopped: Option<Box<Violation>>,
}

impl<'a, S: Subject> Asking<'a, S> {
    pub(super) fn new(world: &'a mut World<S>, node: NodeId) -> Self {
        Self { world, node, complaints: None }
    }

    /// The subject has been stepped, at `local_ns` on its clock: completes the writes that take no time, lets the checkers
    /// look, and sends on its way what clients are told.
    #[inline(never)]
    pub(super) fn end_step(mut self, subject: &mut S, local_ns: u64) -> Result<(), Box<Violation>> {
        let node = self.node;
        loop {
            if let Some(violation) = self.complaints.as_mut().and_then(|complaints| complaints.violation.take()) {
                return Err(violation);
            }
            // Before the next write: what is not durable yet must not have been promised.
            if !self.world.claims.is_empty() {
                self.world.judge_claims(node, subject)?;
            }
            let Some(write) = self.world.durable_at_once.pop_front() else { break };
            self.world.store(node, &write)?;
            subject.step(local_ns, Input::Written, &mut self);
        }
        let Self { world, complaints, .. } = self;
        world.look(node, subject)?;
        if let Some(complaints) = complaints {
            return world.hear(*complaints);
        }
        if world.responses.is_empty() { Ok(()) } else { world.send_responses(node, subject) }
    }

    /// The node sends something, or a client, to one that the cluster does not have.
    #[cold]
    fn names_a_stranger(&mut self, stranger: NodeId) {
        let detail = format!("{} names {stranger}, of a cluster of {}", self.node, self.world.plan.nodes);
        self.complaints().stopped.get_or_insert_with(|| Violation::new("crash", detail));
    }

    #[cold]
    fn complaints(&mut self) -> &mut Complaints {
        self.complaints.get_or_insert_default()
    }
}

impl<S: Subject> Outputs<S> for Asking<'_, S> {
    fn send(&mut self, to: NodeId, message: S::Message) {
        if to.0 >= self.world.plan.nodes {
            return self.names_a_stranger(to);
        }
        self.world.send(self.node, to, message);
    }

    fn write(&mut self, write: <S::Disk as Disk>::Write) {
        self.world.write(self.node, write);
    }

    fn respond(&mut self, id: RequestId, response: Response<S::Answer>) {
        if let Response::NotLeader { leader: Some(leader) } = &response
            && leader.0 >= self.world.plan.nodes
        {
            return self.names_a_stranger(*leader);
        }
        match self.world.hosts[self.node].answered(self.node, id) {
            Ok(()) => self.world.responses.push((id, response)),
            Err(violation) => {
                self.complaints().violation.get_or_insert(violation);
            }
        }
    }

    fn give_up(&mut self, id: RequestId) {
        if let Err(violation) = self.world.hosts[self.node].answered(self.node, id) {
            self.complaints().violation.get_or_insert(violation);
        }
    }

    fn exercised(&mut self, feature: u8) {
        self.world.features.count(feature.into());
    }

    fn refuse(&mut self, reason: String) {
        let detail = format!("{} refuses an input: {reason}", self.node);
        self.complaints().refused = Some(Violation::new("honest_peers", detail));
    }

    fn stop(&mut self, reason: String) {
        let detail = format!("{} stops: {reason}", self.node);
        self.complaints().stopped = Some(Violation::new("crash", detail));
    }
}

impl<S: Subject> World<S> {
    #[inline(never)]
    fn send(&mut self, from: NodeId, to: NodeId, message: S::Message) {
        if let Some(claim) = S::claim(from, to, &message) {
            self.claims.push(claim);
        }
        let kind = S::message_kind(&message);
        if self.is_explored {
            return self.post(0, from, to, kind, message);
        }
        let disturbs = self.ambushes.watch_candidates() && self.disturbs(to, &message);
        let mut arrivals = self.links.route(from, to, kind, &mut self.counts);
        if let Some(taping) = &mut self.taping {
            arrivals = taping.sent((from, to, kind), arrivals, self.plan.network.median_ns());
        }
        // Not only what becomes of it: an order of sends that no seed decides must not pass for the same run.
        let copies = u64::from(arrivals.first_ns.is_some()) + u64::from(arrivals.again_ns.is_some());
        self.trace.fold(10 << 32 | u64::from(to.0) << 16 | u64::from(kind) << 8 | copies);
        let sent = &message;
        self.trace.note_sent(move || {
            let Message { to, message, says, .. } = in_words::<S>(from, to, sent);
            Sent { to, message, says, copies: copies as u8 }
        });
        if arrivals.again_ns.is_some() || arrivals.stale_ns.is_some() {
            self.post_copies(&arrivals, from, to, kind, &message);
        }
        if let Some(first_ns) = arrivals.first_ns {
            self.post(first_ns, from, to, kind, message);
        }
        self.notice(Moment::Sent { kind }, from, to);
        if disturbs {
            self.notice(Moment::Disturbed, from, to);
        }
    }

    #[cold]
    fn post_copies(&mut self, arrivals: &Arrivals, from: NodeId, to: NodeId, kind: u8, message: &S::Message) {
        if let Some(again_ns) = arrivals.again_ns {
            self.post(again_ns, from, to, kind, message.clone());
        }
        if let Some(stale_ns) = arrivals.stale_ns {
            let letter = self.mail.post(message.clone(), self.hosts[from].generation);
            self.note_sent(&letter, from, to);
            self.trace.leads_to(letter.source());
            if let Some(taping) = &mut self.taping {
                taping.posted(letter.place());
            }
            self.stale_to_come += 1;
            self.queue.push(self.now_ns + stale_ns, Event::Replay { from, to, kind, letter });
        }
    }

    #[inline]
    fn note_sent(&mut self, letter: &Letter, from: NodeId, to: NodeId) {
        if let Some(confirmations) = &mut self.confirmations {
            confirmations.sent(letter.place(), from, to, self.trace.events);
        }
    }

    #[inline]
    fn post(&mut self, delay_ns: u64, from: NodeId, to: NodeId, kind: u8, message: S::Message) {
        let letter = self.mail.post(message, self.hosts[from].generation);
        self.note_sent(&letter, from, to);
        self.trace.leads_to(letter.source());
        if let Some(taping) = &mut self.taping {
            taping.posted(letter.place());
        }
        self.queue.push(self.now_ns + delay_ns, Event::Deliver { from, to, kind, letter });
    }

    /// What a node that refuses an input, or stops, makes of the run.
    #[cold]
    fn hear(&mut self, Complaints { refused, stopped, .. }: Complaints) -> Result<(), Box<Violation>> {
        if let Some(refused) = refused {
            return Err(refused);
        }
        if let Some(stopped) = stopped {
            self.fail(FailureKind::Crash, &stopped);
        }
        Ok(())
    }

    /// `subject` is as it was when it said what it is held to, but for the rest of that one step, and so is its disk.
    #[inline(never)]
    fn judge_claims(&mut self, node: NodeId, subject: &S) -> Result<(), Box<Violation>> {
        for place in 0..self.claims.len() {
            match self.claims[place] {
                Claim::Promises(promise @ Promise::Log { index, .. }) => {
                    let entry = index.checked_sub(1).and_then(|_| subject.log_entry(index));
                    self.checkers.promised(node, promise, entry, &self.disks[node])?;
                }
                Claim::Promises(Promise::Vote { term, candidate }) => self.judge_vote(node, term, candidate)?,
                Claim::WouldVote { term, candidate } => {
                    self.checkers.would_vote(node, candidate, term);
                    self.judge_would_vote(node, candidate, term)?;
                }
                Claim::HandsOver { term, to } => self.checkers.hands_over(node, term, to)?,
            }
        }
        self.claims.clear();
        Ok(())
    }

    /// `node` gives `candidate` its vote in `term`.
    #[cold]
    fn judge_vote(&mut self, node: NodeId, term: u64, candidate: NodeId) -> Result<(), Box<Violation>> {
        self.judge_silence(node, candidate, term, Listens::Votes)?;
        self.checkers.promised(node, Promise::Vote { term, candidate }, None, &self.disks[node])?;
        // The subject that is being stepped is not among them.
        for (leader, other) in NodeId::all(self.plan.nodes).zip(self.subjects.first(self.plan.nodes)) {
            // A vote in the leader's own term, or in one before, takes nothing from it.
            if term <= self.checkers.seen(leader).term_and_vote.term {
                continue;
            }
            let now_ns = self.clocks[leader].local_ns(self.now_ns);
            let vouchers = other.as_ref().map(|other| other.lease_vouchers(now_ns)).unwrap_or_default();
            leases::voted(node, candidate, term, leader, vouchers)?;
        }
        Ok(())
    }
}
