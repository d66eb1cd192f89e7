//! What a run did, step by step, with the causes: what shrinking takes away from, and makes tapes of.

use std::collections::BTreeMap;

use crate::engine::Engine;
use crate::fault::{Fault, TimedFault};
use crate::node::{MAX_NODES, NodeId, NodeSet};
use crate::operation::{Operation, TimedOperation};
use crate::plan::Plan;
use crate::plan_error::LONGEST_NS;
use crate::subject::RequestId;
use crate::tape::{Decisions, Jitter, Key, Message, Otherwise, Request};

/// So much later than the one before it is a write done that was not.
const APART_NS: u64 = 1_000;

/// All that made a node do something, and every fault, in the order in which it happened.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Script {
    pub(crate) steps: Vec<Step>,
    /// How many of them came before the faults ended, where they did.
    pub(crate) until_healed: Option<usize>,
    /// What nodes drew for themselves.
    pub(crate) jitter: Jitter,
}

/// Something happened, most often to a node.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Step {
    pub(crate) at_ns: u64,
    /// Whom it happened to; for a fault, nobody in particular.
    pub(crate) node: NodeId,
    pub(crate) cause: Cause,
    /// What the node sent: to whom, and of which type.
    pub(crate) sent: Vec<(NodeId, u8)>,
    /// How long each of the writes should take that it started; one that takes longer is [done](Cause::Written) later.
    pub(crate) writes_ns: Vec<u64>,
    /// What crashes left, on whose disk.
    pub(crate) crashes: Vec<(NodeId, u64)>,
    /// What decides of the damage to disks, on whose disk.
    pub(crate) damages: Vec<(NodeId, u64)>,
}

/// Why something happened.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Cause {
    /// A message arrived: of what that step sent, the how-manieth.
    Message { step: usize, sent: usize },
    /// Of the writes that this step started, one was done, or failed: the how-manieth.
    Written { step: usize, write: usize },
    /// A deadline.
    Timer,
    /// A client's request arrived, and it had asked for it so often before. What for was drawn from `place` on.
    Request { id: RequestId, attempt: u16, place: u64, asked_ns: u64, answer_ns: Option<u64> },
    /// An operation.
    Operation(Operation),
    /// A fault, as it struck.
    Fault(Fault),
    /// The fault that struck in this step is over, or a node starts again that it took down.
    End { step: usize },
}

impl Step {
    pub(crate) fn new(at_ns: u64, node: NodeId, cause: Cause) -> Self {
        Self { at_ns, node, cause, sent: Vec::new(), writes_ns: Vec::new(), crashes: Vec::new(), damages: Vec::new() }
    }

    /// Whether it is one of those that the length of a run is measured in: a delivery, a timeout, a fault or a call.
    pub(crate) fn counts(&self) -> bool {
        !matches!(self.cause, Cause::Written { .. } | Cause::End { .. })
    }

    /// Whether it is a request that was on its way at `at_ns`.
    fn asked_before(&self, at_ns: u64) -> bool {
        matches!(self.cause, Cause::Request { asked_ns, .. } if asked_ns < at_ns)
    }

    /// The step without which it cannot be.
    pub(crate) fn parent(&self) -> Option<usize> {
        match self.cause {
            Cause::Message { step, .. } | Cause::Written { step, .. } | Cause::End { step } => Some(step),
            _ => None,
        }
    }
}

impl Script {
    /// Without the steps that are not to be kept, what those led to, and the plan's faults and operations among them.
    pub(crate) fn keep<Settings: Clone>(
        &self,
        plan: &Plan<Settings>,
        is_kept: impl Fn(usize) -> bool,
    ) -> (Plan<Settings>, Self) {
        let mut place = vec![None; self.steps.len()];
        let mut steps: Vec<Step> = Vec::new();
        let healed_from = self.until_healed.filter(|_| plan.heal.is_some()).unwrap_or(self.steps.len());
        let mut until_healed = None;
        for (number, step) in self.steps.iter().enumerate() {
            if number == healed_from {
                until_healed = Some(steps.len());
            }
            let can_be = match step.parent() {
                // Of the healed phase, what was on its way when the faults ended.
                Some(parent) => place[parent].is_some() && (number < healed_from || parent < healed_from),
                None => number < healed_from || step.asked_before(plan.duration_ns),
            };
            // What a step does by itself cannot be left out without it.
            if !can_be || step.counts() && !is_kept(number) {
                continue;
            }
            place[number] = Some(steps.len());
            let mut step = step.clone();
            match &mut step.cause {
                Cause::Message { step, .. } | Cause::Written { step, .. } | Cause::End { step } => {
                    *step = place[*step].unwrap_or(0);
                }
                Cause::Operation(_) | Cause::Fault(_) | Cause::Timer | Cause::Request { .. } => {}
            }
            steps.push(step);
        }
        if self.until_healed.is_some() && plan.heal.is_some() {
            until_healed = until_healed.or(Some(steps.len()));
        }
        let script = Self { steps, until_healed, jitter: self.jitter };
        (script.planned(plan), script)
    }

    /// `plan` with the faults and operations of the script, when it has them, and no others. The script says when
    /// everything else happens too, whatever chose the order before.
    fn planned<Settings: Clone>(&self, plan: &Plan<Settings>) -> Plan<Settings> {
        let faults = self.steps.iter().filter_map(|step| match step.cause {
            // The operator's questions are operations of the script.
            Cause::Fault(Fault::Wipe { node, .. }) => {
                Some(TimedFault::at(step.at_ns, Fault::Wipe { node, ask_every_ns: LONGEST_NS }))
            }
            Cause::Fault(fault) => Some(TimedFault::at(step.at_ns, fault)),
            _ => None,
        });
        let operations = self.steps.iter().filter_map(|step| match step.cause {
            Cause::Operation(operation) => Some(TimedOperation { at_ns: step.at_ns, operation }),
            _ => None,
        });
        Plan {
            faults: faults.collect(),
            operations: operations.collect(),
            engine: Engine::Time,
            // The script says how long messages travel, as long as the faults last.
            links: if plan.heal.is_some() { plan.links.clone() } else { Vec::new() },
            ..plan.clone()
        }
    }

    /// Without `gone`, whom the nodes after it follow up.
    pub(crate) fn without_node<Settings: Clone>(
        &self,
        plan: &Plan<Settings>,
        gone: NodeId,
    ) -> Option<(Plan<Settings>, Self)> {
        let place = |node: NodeId| NodeId(node.0 - u8::from(node > gone));
        let before = |node: NodeId| NodeId(node.0 + u8::from(node >= gone));
        let others = |set: NodeSet| {
            let all = NodeId::all(MAX_NODES as u8).filter(|node| *node != gone && set.contains(*node));
            all.fold(NodeSet::default(), |set, node| set.with(place(node)))
        };
        let (mut plan, mut script) = self.keep(plan, |number| {
            let step = &self.steps[number];
            match &step.cause {
                Cause::Fault(
                    Fault::LoseLog { node, .. }
                    | Fault::Wipe { node, .. }
                    | Fault::LyingSync { node, .. }
                    | Fault::BitRot { node, .. },
                ) => *node != gone,
                Cause::Fault(_) | Cause::End { .. } | Cause::Operation(_) => true,
                _ => step.node != gone,
            }
        });
        for step in &mut script.steps {
            step.node = place(step.node);
            // A message to nobody is never delivered, and has its number all the same: on a link that nobody uses.
            step.sent.iter_mut().for_each(|(to, _)| *to = if *to == gone { step.node } else { place(*to) });
            step.crashes.retain(|(node, _)| *node != gone);
            step.crashes.iter_mut().for_each(|(node, _)| *node = place(*node));
            step.damages.retain(|(node, _)| *node != gone);
            step.damages.iter_mut().for_each(|(node, _)| *node = place(*node));
            match &mut step.cause {
                Cause::Fault(fault) => fault.map_nodes(others, place, before),
                Cause::Operation(operation) => operation.map_nodes(others, place),
                _ => {}
            }
        }
        plan.nodes = plan.nodes.checked_sub(1).filter(|nodes| *nodes > 0)?;
        plan.members = others(plan.members);
        plan.clock_drift_ppm.remove(gone.index());
        if !plan.links.is_empty() {
            let nodes = usize::from(plan.nodes) + 1;
            let mut pair = 0..;
            plan.links.retain(|_| {
                pair.next().is_none_or(|pair| pair / nodes != gone.index() && pair % nodes != gone.index())
            });
        }
        Some((script.planned(&plan), script))
    }

    /// Every instant that the script names, in order.
    pub(crate) fn instants(&self) -> Vec<u64> {
        let mut instants: Vec<u64> = self.steps.iter().map(|step| step.at_ns).collect();
        for step in &self.steps {
            match step.cause {
                Cause::Request { asked_ns, .. } => instants.push(asked_ns),
                Cause::Fault(Fault::Wipe { .. }) => {}
                Cause::Fault(fault) => instants.push(step.at_ns.saturating_add(fault.lasts_ns())),
                _ => {}
            }
        }
        instants.sort_unstable();
        instants.dedup();
        instants
    }

    /// The same at other times: `moved` says when what happened at an instant happens instead, and keeps their order.
    pub(crate) fn retimed<Settings: Clone>(
        &self,
        plan: &Plan<Settings>,
        moved: impl Fn(u64) -> u64,
    ) -> (Plan<Settings>, Self) {
        let mut script = self.clone();
        for step in &mut script.steps {
            // A write takes as long as from one to the other.
            let at_ns = step.at_ns;
            step.writes_ns.iter_mut().for_each(|for_ns| *for_ns = moved(at_ns + *for_ns) - moved(at_ns));
            match &mut step.cause {
                Cause::Request { asked_ns, .. } => *asked_ns = moved(*asked_ns),
                Cause::Fault(Fault::Wipe { .. }) => {}
                Cause::Fault(fault) => {
                    let ends_ns = at_ns.saturating_add(fault.lasts_ns());
                    fault.set_lasts_ns(moved(ends_ns).saturating_sub(moved(at_ns)));
                }
                _ => {}
            }
            step.at_ns = moved(at_ns);
        }
        (script.planned(plan), script)
    }

    /// The same with an instant of its own for each step: what happened at one instant happens in that order, each a
    /// nanosecond after the other, and all that comes later is put off as long.
    pub(crate) fn in_order<Settings: Clone>(&self, plan: &Plan<Settings>) -> (Plan<Settings>, Self) {
        let mut script = self.clone();
        let (mut put_off_ns, mut now_ns) = (0, None);
        let mut moved: Vec<(u64, u64)> = Vec::with_capacity(script.steps.len());
        for number in 0..script.steps.len() {
            let at_ns = script.steps[number].at_ns;
            let to_ns = (at_ns + put_off_ns).max(now_ns.map_or(0, |now_ns| now_ns + 1));
            (put_off_ns, now_ns) = (to_ns - at_ns, Some(to_ns));
            moved.push((at_ns, to_ns));
            let step = &mut script.steps[number];
            step.at_ns = to_ns;
            match step.cause {
                Cause::Request { ref mut asked_ns, .. } => *asked_ns += put_off_ns,
                Cause::End { step: struck } => {
                    let (struck_ns, lasts_ns) = (moved[struck].1, to_ns - moved[struck].1);
                    let is_as_long = at_ns - moved[struck].0 == to_ns - struck_ns;
                    let step = &mut script.steps[struck];
                    if let (false, Cause::Fault(fault)) = (is_as_long, &mut step.cause) {
                        fault.set_lasts_ns(lasts_ns);
                    }
                }
                _ => {}
            }
        }
        let until = script.until_healed.unwrap_or(script.steps.len());
        let healed_put_off_ns = moved[..until].last().map_or(0, |(from_ns, to_ns)| to_ns - from_ns);
        let duration_ns = plan.duration_ns + healed_put_off_ns;
        (Plan { duration_ns, ..script.planned(plan) }, script)
    }

    /// When each write was done that was: by the step that started it, and the how-manieth of that.
    fn done_writes(&self) -> BTreeMap<(usize, usize), u64> {
        let done = self.steps.iter().filter_map(|step| match step.cause {
            Cause::Written { step: parent, write } => Some(((parent, write), step.at_ns)),
            _ => None,
        });
        done.collect()
    }

    /// The decisions of which this script is the run.
    pub(crate) fn decisions<Settings>(&self, plan: &Plan<Settings>) -> Decisions {
        let mut values = BTreeMap::new();
        let (mut timers, mut crashes, mut damages) = ([0; MAX_NODES], [0; MAX_NODES], [0; MAX_NODES]);
        let (mut writes, mut written_ns) = ([0; MAX_NODES], [0; MAX_NODES]);
        let done = self.done_writes();
        let mut links: BTreeMap<(NodeId, NodeId, u8), u32> = BTreeMap::new();
        // The number of each message that a step sent.
        let mut numbers: Vec<Vec<u32>> = Vec::with_capacity(self.steps.len());
        let next = |count: &mut u32| std::mem::replace(count, *count + 1);
        let median_ns = plan.disk.write_ns.0.midpoint(plan.disk.write_ns.1);
        let healed_from = self.until_healed.filter(|_| plan.heal.is_some()).unwrap_or(self.steps.len());
        for (place, step) in self.steps.iter().enumerate() {
            let node = step.node;
            match step.cause {
                Cause::Timer => {
                    values.insert(Key::Timer { node, number: next(&mut timers[node.index()]) }, step.at_ns);
                }
                Cause::Message { step: parent, sent } => {
                    let sender = &self.steps[parent];
                    let (to, kind) = sender.sent[sent];
                    let message = Message { from: sender.node, to, kind, number: numbers[parent][sent] };
                    let copies = [Key::Latency(message), Key::Again(message), Key::Stale(message)];
                    if let Some(copy) = copies.into_iter().find(|copy| !values.contains_key(copy)) {
                        values.insert(copy, step.at_ns - sender.at_ns);
                    }
                }
                Cause::Request { id, attempt, place, asked_ns, answer_ns } => {
                    let request = Request { client: id.client, number: id.number, attempt };
                    values.insert(Key::Asks(request), asked_ns);
                    values.insert(Key::Command(Request { attempt: 0, ..request }), place);
                    values.insert(Key::Target(request), u64::from(node.0) + 1);
                    values.insert(Key::Request(request), step.at_ns - asked_ns);
                    if let Some(answer_ns) = answer_ns {
                        values.insert(Key::Answer(request), answer_ns);
                    }
                }
                Cause::Written { .. } | Cause::Operation(_) | Cause::Fault(_) | Cause::End { .. } => {}
            }
            // What the healed phase does is its seed's, but for what was on its way when it began.
            if place >= healed_from {
                numbers.push(Vec::new());
                continue;
            }
            let count = |&(to, kind): &(NodeId, u8)| next(links.entry((node, to, kind)).or_default());
            numbers.push(step.sent.iter().map(count).collect());
            for (write, write_ns) in step.writes_ns.iter().enumerate() {
                let ends_ns = &mut written_ns[node.index()];
                let at_ns = match done.get(&(place, write)) {
                    Some(at_ns) => *at_ns,
                    // Writes that would have been done together are not: what came between them comes first here too.
                    None if *write_ns > 0 && step.at_ns + write_ns <= *ends_ns => *ends_ns + APART_NS,
                    None => step.at_ns + write_ns,
                };
                *ends_ns = at_ns.max(*ends_ns);
                values.insert(Key::Disk { node, number: next(&mut writes[node.index()]) }, at_ns - step.at_ns);
            }
            for (node, kept) in &step.crashes {
                values.insert(Key::Crash { node: *node, number: next(&mut crashes[node.index()]) }, *kept);
            }
            for (node, place) in &step.damages {
                values.insert(Key::Damage { node: *node, number: next(&mut damages[node.index()]) }, *place);
            }
        }
        // What takes as long as most need not be said.
        values.retain(|key, value| !matches!(key, Key::Disk { .. }) || *value != median_ns);
        Decisions { otherwise: Otherwise::Nothing, jitter: self.jitter, values }
    }
}
