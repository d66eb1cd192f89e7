//! Any history of one key: the search of Wing and Gong (J. Parallel and Distributed Computing 17, 1993) with Lowe's memory of
//! where it has been (Concurrency and Computation 29, 2017).
//!
//! An operation may come next if it was called before any that is left returned. The search takes one after the other,
//! and back where it gets stuck. It is in the same place again where the same operations are done and the state is the
//! same. Four rules cut it short, and none of them can miss an order:
//!
//! - a read that fits may come at once: whatever follows could follow without it;
//! - where nobody needs the state any more, neither the present one nor the one that a write leaves, that write may come
//!   at once;
//! - a state that is needed and that nobody leaves again must not be left;
//! - what may never have happened comes only where somebody needs what it leaves, and of its equals the oldest first.
//!
//! The last three need footprints of all operations, but for equals.

use super::history::Op;
use super::model::Model;
use super::ops::{Interner, NONE, Ops, Seen};
use super::seen::Places;

/// What the search came to.
pub(super) enum Found {
    /// An order, by places. What may never have happened is in it only where it is needed.
    Order(Vec<u32>),
    /// There is none.
    None,
    /// Nobody knows.
    TooMuchWork,
}

/// Looks for an order of `ops`, in so many steps.
pub(super) fn search<M: Model>(
    model: &M,
    history: &[Op<M::Input, M::Output>],
    mut ops: Ops<M::State>,
    work: u64,
) -> Found {
    let mut states = std::mem::take(&mut ops.states);
    Search::new(model, history, &ops, &mut states, work).run()
}

/// What may come next.
#[derive(Clone, Copy)]
enum Next {
    /// Anything.
    Anything,
    /// Known operations from this entry on, then unknown ones.
    Known(u32),
    /// Unknown operations from this class on.
    Unknown(usize),
}

/// A step that was taken.
struct Taken {
    step: Step,
    state_before: u32,
    top_before: u32,
    /// There was no need to look at others.
    is_forced: bool,
}

#[derive(Clone, Copy)]
enum Step {
    /// Of the known operation of this number.
    Known(u32),
    /// Of the oldest that is left of this class of unknown operations.
    Unknown(usize),
}

struct Search<'a, M: Model> {
    model: &'a M,
    history: &'a [Op<M::Input, M::Output>],
    ops: &'a Ops<M::State>,
    interner: Interner<'a, M::State>,
    /// The numbers of known operations, in the order of their calls.
    known: Vec<u32>,
    /// Unknown operations that do the same, in the order of their calls, and how many of them are done.
    classes: Vec<(Vec<u32>, usize)>,
    entries: Entries,
    state: u32,
    /// Which of the known ones are done, and how far up.
    done: Vec<u64>,
    top: u32,
    left: usize,
    /// How many of those that are left need each state, and leave it. Empty without footprints.
    needed: Vec<u32>,
    leavers: Vec<u32>,
    taken: Vec<Taken>,
    places: Places,
    place: Vec<u64>,
    work: u64,
}

impl<'a, M: Model> Search<'a, M> {
    fn new(
        model: &'a M,
        history: &'a [Op<M::Input, M::Output>],
        ops: &'a Ops<M::State>,
        states: &'a mut Vec<M::State>,
        work: u64,
    ) -> Self {
        let (known, unknown): (Vec<u32>, Vec<u32>) =
            (0..ops.list.len() as u32).partition(|op| ops.list[*op as usize].is_known());
        let (needed, leavers) = match ops.is_exact {
            true => (ops.needed(states.len()), ops.left(states.len())),
            false => (Vec::new(), Vec::new()),
        };
        Self {
            model,
            history,
            entries: Entries::new(known.iter().map(|op| &ops.list[*op as usize])),
            classes: classes(ops, &unknown),
            state: ops.initial,
            done: vec![0; known.len().div_ceil(64)],
            top: 0,
            left: known.len(),
            known,
            needed,
            leavers,
            ops,
            interner: Interner::new(states),
            taken: Vec::new(),
            places: Places::new(),
            place: Vec::new(),
            work,
        }
    }

    fn run(&mut self) -> Found {
        let mut next = Next::Anything;
        while self.left > 0 {
            if self.work == 0 {
                return Found::TooMuchWork;
            }
            if self.advance(next) {
                next = Next::Anything;
                continue;
            }
            match self.back() {
                Some(other) => next = other,
                None => return Found::None,
            }
        }
        Found::Order(self.order())
    }

    /// What is taken now, by places.
    fn order(&self) -> Vec<u32> {
        let mut used = vec![0; self.classes.len()];
        let number = |taken: &Taken| match taken.step {
            Step::Known(known) => self.known[known as usize],
            Step::Unknown(class) => {
                used[class] += 1;
                self.classes[class].0[used[class] - 1]
            }
        };
        self.taken.iter().map(number).map(|number| self.ops.list[number as usize].place).collect()
    }

    /// Takes the next step that there is, from `next` on.
    fn advance(&mut self, next: Next) -> bool {
        let mut entry = match next {
            Next::Anything => {
                if let Some(known) = self.forced() {
                    self.work = self.work.saturating_sub(1);
                    let state = self.after(self.known[known as usize]).unwrap_or(self.state);
                    self.take(Step::Known(known), state, true);
                    return true;
                }
                self.entries.first()
            }
            Next::Known(entry) => entry,
            Next::Unknown(class) => return self.advance_unknown(class),
        };
        while self.entries.is_call(entry) {
            if self.try_step(Step::Known(entry)) {
                return true;
            }
            entry = self.entries.next[entry as usize];
        }
        self.advance_unknown(0)
    }

    fn advance_unknown(&mut self, from: usize) -> bool {
        if from >= self.classes.len() {
            return false;
        }
        let limit = self.ops.list[self.known[self.entries.first_return() as usize] as usize].ended;
        (from..self.classes.len()).any(|class| {
            let (ops, done) = &self.classes[class];
            let is_called = ops.get(*done).is_some_and(|op| self.ops.list[*op as usize].called <= limit);
            is_called && self.try_step(Step::Unknown(class))
        })
    }

    /// A known operation that may come at once.
    fn forced(&self) -> Option<u32> {
        let is_free = |state: u32| self.needed.get(state as usize) == Some(&0);
        let may_be_overwritten = is_free(self.state);
        let mut entry = self.entries.first();
        // Where only one operation may come, it must; an opaque one asks the model.
        let is_alone = self.classes.is_empty() && !self.entries.is_call(self.entries.next[entry as usize]);
        while self.entries.is_call(entry) {
            let op = &self.ops.list[self.known[entry as usize] as usize];
            let fits = op.needs == NONE || op.needs == self.state;
            if fits && is_alone && !op.is_opaque()
                || op.is_read() && fits
                || may_be_overwritten && op.needs == NONE && is_free(op.leaves)
            {
                return Some(entry);
            }
            entry = self.entries.next[entry as usize];
        }
        None
    }

    fn number(&self, step: Step) -> u32 {
        match step {
            Step::Known(known) => self.known[known as usize],
            Step::Unknown(class) => self.classes[class].0[self.classes[class].1],
        }
    }

    fn try_step(&mut self, step: Step) -> bool {
        self.work = self.work.saturating_sub(1);
        let number = self.number(step);
        let Some(state) = self.after(number) else { return false };
        if self.ops.is_exact && !self.is_sensible(step, &self.ops.list[number as usize], state) {
            return false;
        }
        self.take(step, state, false);
        if self.is_new_place() {
            return true;
        }
        self.undo();
        false
    }

    /// The state after an operation, if it may come now.
    fn after(&mut self, number: u32) -> Option<u32> {
        let op = &self.ops.list[number as usize];
        if op.is_opaque() {
            let of = &self.history[op.place as usize];
            let output = of.output().filter(|_| op.is_known());
            let state = self.model.step(self.interner.state(self.state), &of.input, output)?;
            return Some(self.interner.id(state));
        }
        let fits = op.needs == NONE || op.needs == self.state;
        fits.then_some(if op.is_read() { self.state } else { op.leaves })
    }

    fn is_sensible(&self, step: Step, op: &Seen, state: u32) -> bool {
        let own = |needs: u32| u32::from(op.needs == needs);
        let is_of_use = matches!(step, Step::Known(_)) || self.needed[state as usize] > own(state);
        let is_missed = self.state != state
            && self.leavers[self.state as usize] == 0
            && self.needed_by_known(self.state) > own(self.state);
        is_of_use && !is_missed
    }

    /// How many known operations that are left need `state`, at least.
    fn needed_by_known(&self, state: u32) -> u32 {
        let unknown = self.classes.iter().map(|(ops, done)| {
            let needs = ops.first().map_or(NONE, |op| self.ops.list[*op as usize].needs);
            if needs == state { (ops.len() - done) as u32 } else { 0 }
        });
        self.needed[state as usize] - unknown.sum::<u32>()
    }

    fn take(&mut self, step: Step, state: u32, is_forced: bool) {
        let number = self.number(step);
        self.taken.push(Taken { step, state_before: self.state, top_before: self.top, is_forced });
        self.state = state;
        match step {
            Step::Known(known) => {
                self.entries.lift(known);
                self.done[known as usize / 64] |= 1 << (known % 64);
                self.top = self.top.max(known + 1);
                self.left -= 1;
            }
            Step::Unknown(class) => self.classes[class].1 += 1,
        }
        self.count(number, u32::wrapping_sub);
    }

    /// The last step is taken back.
    fn undo(&mut self) -> Option<Taken> {
        let taken = self.taken.pop()?;
        (self.state, self.top) = (taken.state_before, taken.top_before);
        match taken.step {
            Step::Known(known) => {
                self.entries.unlift(known);
                self.done[known as usize / 64] &= !(1 << (known % 64));
                self.left += 1;
            }
            Step::Unknown(class) => self.classes[class].1 -= 1,
        }
        self.count(self.number(taken.step), u32::wrapping_add);
        Some(taken)
    }

    fn count(&mut self, number: u32, change: fn(u32, u32) -> u32) {
        let op = &self.ops.list[number as usize];
        if let Some(needed) = self.needed.get_mut(op.needs as usize) {
            *needed = change(*needed, 1);
        }
        if let Some(leavers) = self.leavers.get_mut(op.leaves as usize) {
            *leavers = change(*leavers, 1);
        }
    }

    /// Takes back the last step that had alternatives, and all after it. Returns where these begin.
    fn back(&mut self) -> Option<Next> {
        loop {
            let taken = self.undo()?;
            if !taken.is_forced {
                return Some(match taken.step {
                    Step::Known(known) => Next::Known(self.entries.next[known as usize]),
                    Step::Unknown(class) => Next::Unknown(class + 1),
                });
            }
        }
    }

    fn is_new_place(&mut self) -> bool {
        let base = self.entries.first().min(self.known.len() as u32);
        let words = base as usize / 64..(self.top as usize).div_ceil(64).max(base as usize / 64);
        self.place.clear();
        self.place.extend([u64::from(self.state) << 32 | words.len() as u64, u64::from(base)]);
        self.place.extend_from_slice(&self.done[words]);
        for (class, (_, done)) in self.classes.iter().enumerate().filter(|(_, (_, done))| *done > 0) {
            self.place.push((class as u64) << 32 | *done as u64);
        }
        self.work = self.work.saturating_sub(self.place.len() as u64);
        self.places.insert(&self.place)
    }
}

/// Unknown operations by what they do, in the order in which each class was called first.
fn classes<State>(ops: &Ops<State>, unknown: &[u32]) -> Vec<(Vec<u32>, usize)> {
    let mut classes: Vec<(Vec<u32>, usize)> = Vec::new();
    for number in unknown {
        let op = &ops.list[*number as usize];
        let does_the_same = |first: &Seen| !op.is_opaque() && (first.needs, first.leaves) == (op.needs, op.leaves);
        match classes.iter_mut().find(|(class, _)| does_the_same(&ops.list[class[0] as usize])) {
            Some((class, _)) => class.push(*number),
            None => classes.push((vec![*number], 0)),
        }
    }
    classes
}

/// The calls and returns of known operations, in the order of time, as a list from which operations are lifted and put
/// back, the last first. A call has its operation's number; a return, so many more.
struct Entries {
    calls: u32,
    next: Vec<u32>,
    previous: Vec<u32>,
}

impl Entries {
    fn new<'a>(known: impl Iterator<Item = &'a Seen> + Clone) -> Self {
        let calls = known.clone().count() as u32;
        let mut returns: Vec<(u64, u32)> = known.clone().map(|op| op.ended).zip(calls..).collect();
        returns.sort_unstable();
        let mut entries =
            Self { calls, next: vec![0; 2 * calls as usize + 1], previous: vec![0; 2 * calls as usize + 1] };
        let (mut last, mut returns) = (entries.end(), returns.into_iter().peekable());
        for (call, op) in (0..).zip(known) {
            // What is called in the moment of a return is called before it.
            while let Some((_, entry)) = returns.next_if(|(at, _)| *at < op.called) {
                entries.link(last, entry);
                last = entry;
            }
            entries.link(last, call);
            last = call;
        }
        for (_, entry) in returns {
            entries.link(last, entry);
            last = entry;
        }
        entries.link(last, entries.end());
        entries
    }

    /// Stands before the first and after the last.
    fn end(&self) -> u32 {
        2 * self.calls
    }

    fn link(&mut self, one: u32, other: u32) {
        self.next[one as usize] = other;
        self.previous[other as usize] = one;
    }

    fn first(&self) -> u32 {
        self.next[self.end() as usize]
    }

    fn is_call(&self, entry: u32) -> bool {
        entry < self.calls
    }

    /// The operation that returns first, of which there is one.
    fn first_return(&self) -> u32 {
        let mut entry = self.first();
        while self.is_call(entry) {
            entry = self.next[entry as usize];
        }
        entry - self.calls
    }

    fn lift(&mut self, call: u32) {
        for entry in [call, call + self.calls] {
            let (previous, next) = (self.previous[entry as usize], self.next[entry as usize]);
            self.link(previous, next);
        }
    }

    fn unlift(&mut self, call: u32) {
        for entry in [call + self.calls, call] {
            let (previous, next) = (self.previous[entry as usize], self.next[entry as usize]);
            self.next[previous as usize] = entry;
            self.previous[next as usize] = entry;
        }
    }
}
