//! Fewer steps: what can be left out of a script, from the largest part to the smallest.

use super::script::{Cause, Script, Step};
use super::tries::{Candidate, Found, Tries};
use crate::node::{MAX_NODES, NodeId};
use crate::plan::Plan;
use crate::subject::Subject;

/// Leaves out whole nodes, links and clients, then ever smaller parts, until nothing more can be left out.
pub(super) fn fewer<S: Subject>(tries: &mut Tries<'_, S>, mut found: Found<S::Settings>) -> Found<S::Settings> {
    for group in groups(&found.script_before_heal()) {
        let script = found.script_before_heal();
        if script.steps.iter().any(&group) {
            let candidate = without(&found.plan, &script, |number| group(&script.steps[number]));
            found = tries.first(vec![candidate]).filter(|shorter| is_shorter(shorter, &found)).unwrap_or(found);
        }
    }
    let mut size = found.script.steps.len().div_ceil(2).max(1);
    loop {
        let (shorter, has_less) = without_parts(tries, found, size);
        found = shorter;
        if tries.are_over() || size == 1 && !has_less {
            return found;
        }
        size = (size / 2).max(1);
    }
}

/// Leaves out parts of `size` steps, one after the other. Returns whether one could be.
fn without_parts<S: Subject>(
    tries: &mut Tries<'_, S>,
    mut found: Found<S::Settings>,
    size: usize,
) -> (Found<S::Settings>, bool) {
    let (mut from, mut has_less) = (0, false);
    loop {
        let script = found.script_before_heal();
        // What comes of a step by itself goes with it.
        let counting: Vec<usize> = (0..script.steps.len()).filter(|number| script.steps[*number].counts()).collect();
        if from >= counting.len() || tries.are_over() {
            return (found, has_less);
        }
        let parts: Vec<&[usize]> = counting[from..].chunks(size).take(tries.jobs()).collect();
        let part = |part: &&[usize]| without(&found.plan, &script, |number| part.contains(&number));
        match tries.first_numbered(parts.iter().map(part).collect()) {
            Some((number, shorter)) if is_shorter(&shorter, &found) => {
                // What comes after the part that has gone now stands in its place.
                from += number * size;
                (found, has_less) = (shorter, true);
            }
            Some((number, _)) => from += (number + 1) * size,
            None => from += parts.len() * size,
        }
    }
}

/// Each way to leave out a node, with everyone after it one number lower.
pub(super) fn fewer_nodes<S: Subject>(tries: &mut Tries<'_, S>, mut found: Found<S::Settings>) -> Found<S::Settings> {
    let mut node = found.plan.nodes;
    while node > 0 {
        node -= 1;
        let script = found.script_before_heal();
        if let Some((plan, script)) = script.without_node(&found.plan, NodeId(node)) {
            found = tries.first(vec![Candidate::of(&plan, &script)]).unwrap_or(found);
        }
    }
    found
}

/// Leaves out faults and operations of a run that is its seed's.
pub(super) fn without_faults<S: Subject>(
    tries: &mut Tries<'_, S>,
    mut found: Found<S::Settings>,
) -> Found<S::Settings> {
    let mut size = (found.plan.faults.len() + found.plan.operations.len()).max(1);
    while size > 0 && !tries.are_over() {
        let mut from = 0;
        while from < found.plan.faults.len() + found.plan.operations.len() {
            let mut plan = found.plan.clone();
            let mut number = 0..;
            let mut is_kept = || number.next().is_none_or(|number| !(from..from + size).contains(&number));
            plan.faults.retain(|_| is_kept());
            plan.operations.retain(|_| is_kept());
            match tries.first(vec![Candidate::new(plan, found.decisions.clone())]) {
                Some(smaller) => found = smaller,
                None => from += size,
            }
        }
        size /= 2;
    }
    found
}

fn without<Settings: Clone>(
    plan: &Plan<Settings>,
    script: &Script,
    is_gone: impl Fn(usize) -> bool,
) -> Candidate<Settings> {
    let (plan, script) = script.keep(plan, |number| !is_gone(number));
    Candidate::of(&plan, &script)
}

/// What a run does beyond its script may make it longer: then nothing is gained.
fn is_shorter<Settings>(new: &Found<Settings>, old: &Found<Settings>) -> bool {
    let written = |found: &Found<Settings>| found.script.steps.len();
    (new.before_heal(), written(new)) < (old.before_heal(), written(old))
}

type Group = Box<dyn Fn(&Step) -> bool>;

/// Steps that may be of no use together: all clients' but one's, what happens on a node, what passes along a link, each
/// type of message, and what a node does by itself.
fn groups(script: &Script) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    let nodes = || NodeId::all(MAX_NODES as u8);
    for node in nodes() {
        groups.push(Box::new(move |step| step.node == node && !matches!(step.cause, Cause::Fault(_))));
    }
    groups.push(Box::new(|step| matches!(step.cause, Cause::Fault(_))));
    groups.push(Box::new(|step| matches!(step.cause, Cause::Operation(_))));
    groups.push(Box::new(|step| matches!(step.cause, Cause::Request { .. })));
    let clients = script.steps.iter().filter_map(|step| match step.cause {
        Cause::Request { id, .. } => Some(id.client),
        _ => None,
    });
    for asking in 0..clients.max().map_or(0, |last| last + 1) {
        groups.push(Box::new(move |step| matches!(step.cause, Cause::Request { id, .. } if id.client == asking)));
    }
    for node in nodes() {
        groups.push(Box::new(move |step| step.node == node && matches!(step.cause, Cause::Message { .. })));
        groups.push(Box::new(move |step| step.node == node && step.cause == Cause::Timer));
    }
    groups
}
