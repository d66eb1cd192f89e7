//! The healed phase: a core that is a quorum gets well, everything else stays broken, and the core has a bound within
//! which it must lead, commit, and then stay as it is.

use super::World;
use super::event::Event;
use super::healed_core::Healing;
use super::host::FOR_GOOD;
use crate::choices::Kind;
use crate::clients::Client;
use crate::failure::Violation;
use crate::fault::Fault;
use crate::faults::FaultClass;
use crate::heal::{Heal, Outside};
use crate::node::{MAX_NODES, NodeId, NodeSet};
use crate::plan::Network;
use crate::subject::{RequestId, Response, Subject};
use crate::trace::{Source, What};

/// The probing client gives up a request after so many longest election timeouts, and asks again after this part of one.
const PROBE_PATIENCE: u64 = 2;
const PROBE_PAUSE: u64 = 8;

impl<S: Subject> World<S> {
    // ---- From faults to a healed core ----

    /// The faults end: some for good, by getting well, and some never.
    pub(super) fn heal(&mut self, heal: &Heal) -> Result<(), Box<Violation>> {
        self.trace.note(self.now_ns, None, Source::Plan, || What::Heals);
        if let Some(taping) = &mut self.taping {
            taping.heals();
            self.gather_moment();
        }
        self.links.heal_all();
        self.release_held();
        self.ambushes.disarm();
        self.settle_damage()?;
        let core = self.wake_core(heal)?;
        let (words, bystanders) = self.break_others(heal, core)?;
        // Those of them who are sent the log must keep up with it.
        self.links.calm(core.union(bystanders));
        let memberships = self.own_memberships(core);
        let is_sent_it = |node: &NodeId| memberships.iter().any(|membership| membership.is_learner(*node));
        let keep_up = self.members(bystanders).filter(is_sent_it).fold(core, NodeSet::with);
        self.trace.remark(|| format!("HEALED core {core:?}{words}"));
        self.trace.fold(u64::from(core.0));
        let tempo_ns = heal.election_timeout_ns.1;
        let bound_ns = self.settles_within_ns(heal, keep_up);
        let deadline_ns = self.now_ns.saturating_add(bound_ns);
        let probe = self.clients.len() as u16;
        self.clients.push(Client::new(self.choices, probe));
        let (last_asked, written_at, settled) = (NodeId(0), None, None);
        self.healing = Some(Healing {
            core,
            bystanders,
            may_have_bystanders: heal.outside.contains(&Outside::Connected),
            membership_changes: self.checkers.membership_changes(),
            tempo_ns,
            deadline_ns,
            bound_ns,
            then: heal.then,
            handed_to: None,
            probe,
            last_asked,
            hints_followed: 0,
            written_at,
            settled,
            owed: Vec::new(),
        });
        self.ends_ns = deadline_ns;
        if self.taping.is_some() {
            self.rearm();
        }
        self.probe();
        Ok(())
    }

    pub(super) fn wake(&mut self, node: NodeId) -> Result<(), Box<Violation>> {
        if self.atlas.gone().contains(node) {
            return Ok(());
        }
        self.repair(node);
        let host = &self.hosts[node];
        if let Some(fault) = host.downed_by {
            return self.restart(node, fault);
        }
        if let Some(fault) = host.paused_by {
            self.resume(node, fault);
        }
        Ok(())
    }

    /// What becomes of the nodes outside the core, in words, and who of them goes on.
    fn break_others(&mut self, heal: &Heal, core: NodeSet) -> Result<(String, NodeSet), Box<Violation>> {
        let (mut words, mut bystanders) = (String::new(), NodeSet::default());
        for node in NodeId::all(self.plan.nodes).filter(|node| !core.contains(*node)) {
            let current = self.memberships_to_come(NodeSet::all(self.plan.nodes));
            let has_vote = current.iter().any(|membership| membership.is_voter(node));
            let mut choice = self.choices.of_node(Kind::HealOutside, node);
            // What it goes by may reach the core by what it sent.
            let is_foreign = self
                .own_memberships(NodeSet::default().with(node))
                .iter()
                .any(|membership| !membership.is_quorum(core));
            let is_learner = current.iter().any(|membership| membership.is_learner(node));
            let may_be = |fate: &Outside| match fate {
                // What has a vote is missed where it is needed, and what goes on may be needed.
                Outside::Connected => !has_vote && !is_foreign,
                // What it said before it went deaf could still make it a voter, and the core no quorum.
                Outside::Deaf => !is_learner && !is_foreign,
                Outside::Down | Outside::Paused | Outside::CutOff | Outside::Mute => true,
            };
            let fates: Vec<Outside> = heal.outside.iter().copied().filter(may_be).collect();
            let fates = if self.atlas.gone().contains(node) { Vec::new() } else { fates };
            let fate = if fates.is_empty() { Outside::Down } else { *choice.pick(&fates) };
            self.leave_unheard(node);
            self.break_for_good(node, fate)?;
            words += &format!("; {node} {fate:?}");
            if fate == Outside::Connected {
                bystanders = bystanders.with(node);
            }
        }
        Ok((words, bystanders))
    }

    /// What `node` has sent until now is lost, like all that was sent by those who have crashed since. The core was chosen by what
    /// everybody has, and that is what they may no longer have: a configuration under way, or a later log, that needs somebody
    /// outside.
    fn leave_unheard(&mut self, node: NodeId) {
        let host = &mut self.hosts[node];
        host.generation = host.generation.wrapping_add(1);
    }

    fn break_for_good(&mut self, node: NodeId, fate: Outside) -> Result<(), Box<Violation>> {
        let (one, all) = (NodeSet::default().with(node), NodeSet::all(self.plan.nodes));
        let for_ns = u64::MAX;
        let cut_off = Fault::Partition { side: one, for_ns };
        let cut = match fate {
            // What it sent before is lost too: on the strength of that it could still be made a voter.
            Outside::Down => {
                self.links.cut(cut_off);
                return self.crash(node, FOR_GOOD);
            }
            Outside::Paused => {
                self.links.cut(cut_off);
                self.pause(node, FOR_GOOD);
                return Ok(());
            }
            Outside::Connected => return self.wake(node),
            Outside::CutOff => cut_off,
            Outside::Mute => Fault::OneWayPartition { from: one, to: all, for_ns },
            Outside::Deaf => Fault::OneWayPartition { from: all, to: one, for_ns },
        };
        let class = if fate == Outside::CutOff { FaultClass::Partition } else { FaultClass::OneWayPartition };
        self.counts[class] += 1;
        self.links.cut(cut);
        self.wake(node)
    }

    /// Whether the faults are over.
    pub(super) fn is_healed(&self) -> bool {
        self.healing.is_some()
    }

    // ---- The probing client ----

    /// What clients' requests and answers meet on their way.
    pub(super) fn client_network(&self) -> Network {
        if self.is_healed() { self.plan.network.calm() } else { self.plan.network }
    }

    /// Whether `client` is the one that goes on after the faults.
    pub(super) fn is_probe(&self, client: u16) -> bool {
        self.healing.as_ref().is_some_and(|healing| healing.probe == client)
    }

    /// Asks for a write: the leader, where the client was told of one, and one core node after the other where not.
    pub(super) fn probe(&mut self) {
        // Once one is answered it asks no more: in a session, what is asked later would make nodes forget what the core is
        // asked for since.
        let Some(Healing { core, probe, last_asked, hints_followed, tempo_ns, written_at: None, .. }) = self.healing
        else {
            return;
        };
        let (id, command) = self.begin_request(usize::from(probe));
        let network = self.client_network();
        let client = &mut self.clients[usize::from(probe)];
        // Hints that name each other would otherwise be all that it hears: on, after a while, from the last one asked without any.
        let hint = client.leader().filter(|leader| core.contains(*leader) && hints_followed < core.len());
        let next = next_of(core, last_asked);
        let to = hint.unwrap_or(next);
        let delay_ns = client.delay_ns(&network);
        self.note_ask(to, id, &command, delay_ns.is_none());
        if let Some(delay_ns) = delay_ns {
            self.queue.push(self.now_ns + delay_ns, Event::Request { to, attempt: 0, id, command: Box::new(command) });
        }
        self.queue.push(self.now_ns + PROBE_PATIENCE * tempo_ns, Event::ClientGivesUp { id, attempt: 1 });
        if let Some(healing) = &mut self.healing {
            match hint {
                Some(_) => healing.hints_followed += 1,
                None => (healing.last_asked, healing.hints_followed) = (next, 0),
            }
        }
    }

    /// The probe has an answer, or has given up.
    pub(super) fn probe_rests(&mut self) {
        if let Some(Healing { probe, tempo_ns, written_at: None, .. }) = self.healing {
            self.trace.leads_to(Source::Client(probe));
            self.queue.push(self.now_ns + tempo_ns / PROBE_PAUSE, Event::ClientWakes { client: probe });
        }
    }

    pub(super) fn probe_hears(&mut self, id: RequestId, response: &Response<S::Answer>) {
        let Response::Done { index, .. } = response else { return };
        let Some(core) = self.healing.as_ref().map(|healing| healing.core) else { return };
        let latest_commit = || self.members(core).map(|node| self.checkers.seen(node).commit_index).max();
        let written_at = index.or_else(latest_commit);
        if let Some(healing) = &mut self.healing
            && healing.probe == id.client
        {
            healing.written_at = written_at;
        }
    }

    /// Members may still come and go: who gets a vote and can use it belongs to the core, and who loses it does not.
    pub(super) fn follow_membership(&mut self) -> Result<(), Box<Violation>> {
        let changes = self.checkers.membership_changes();
        let Some(healing) = &self.healing else { return Ok(()) };
        if healing.membership_changes == changes {
            return Ok(());
        }
        let (before, bystanders) = (healing.core, healing.bystanders);
        let may_have_bystanders = healing.may_have_bystanders;
        let all = NodeSet::all(self.plan.nodes);
        // What those go by who are broken for good gives nobody a vote.
        let current = self.memberships_to_come(before.union(bystanders));
        let has_vote = |node: &NodeId| current.iter().any(|membership| membership.is_voter(*node));
        let voters = self.members(all).filter(has_vote).fold(NodeSet::default(), NodeSet::with);
        let with_votes = before.union(bystanders).intersection(voters);
        // Those who have not heard of it yet count who leaves: without them they would decide nothing, or elect nobody.
        let can_go_on = self.decides_alone(with_votes) && self.elects(with_votes);
        let core = if can_go_on { with_votes } else { before.union(with_votes) };
        let left = before.difference(core);
        let stay = if may_have_bystanders { left } else { NodeSet::default() };
        let bystanders = bystanders.union(stay).difference(core);
        if let Some(healing) = &mut self.healing {
            healing.membership_changes = changes;
            healing.core = core;
            healing.bystanders = bystanders;
        }
        if core == before {
            return Ok(());
        }
        self.trace.remark(|| format!("the core is {core:?} now"));
        self.links.calm(core.union(left).union(bystanders));
        // A protocol that a server without a vote can disturb is not asked to live with one.
        for node in self.members(left).filter(|_| !may_have_bystanders) {
            self.break_for_good(node, Outside::CutOff)?;
        }
        Ok(())
    }
}

/// The node of `set` that comes after `last`, around the ring.
fn next_of(set: NodeSet, last: NodeId) -> NodeId {
    let nodes = || NodeId::all(MAX_NODES as u8).filter(|node| set.contains(*node));
    nodes().find(|node| *node > last).or_else(|| nodes().next()).unwrap_or(last)
}
