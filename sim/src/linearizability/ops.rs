//! The operations of one key, with its states as small numbers.

use std::collections::BTreeMap;

use super::history::Op;
use super::model::{Footprint, Model};

/// The state is any, or stays what it was.
pub(super) const NONE: u32 = u32::MAX;
/// Only the model knows.
const OPAQUE: u32 = u32::MAX - 1;

/// One operation. Its moments are those of the history, one later: the beginning is before all of them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    /// Where it stands in the history.
    pub(super) place: u32,
    pub(super) called: u64,
    /// The end of time where it is not known that it ever happened.
    pub(super) ended: u64,
    pub(super) needs: u32,
    pub(super) leaves: u32,
}

impl Seen {
    pub(super) fn is_known(&self) -> bool {
        self.ended != u64::MAX
    }

    pub(super) fn is_opaque(&self) -> bool {
        self.needs == OPAQUE
    }

    pub(super) fn is_read(&self) -> bool {
        self.leaves == NONE
    }
}

/// The operations of one key, in the order of their calls, but for those that say nothing.
#[derive(Debug)]
pub(super) struct Ops<State> {
    pub(super) list: Vec<Seen>,
    /// All states that footprints name, and the initial one; the search may find more.
    pub(super) states: Vec<State>,
    pub(super) initial: u32,
    /// Whether all have footprints.
    pub(super) is_exact: bool,
}

impl<State: Clone + Ord> Ops<State> {
    /// Those of `history` that stand at `places`, in the order of their calls, as far as is known when the operation of
    /// `until` has returned: its end, and its place.
    pub(super) fn of<M: Model<State = State>>(
        model: &M,
        history: &[Op<M::Input, M::Output>],
        places: &[u32],
        until: (u64, u32),
    ) -> Self {
        let has_returned = |place: u32| (history[place as usize].ended(), place) <= until;
        let footprint = |place: &u32| {
            let op = &history[*place as usize];
            model.footprint(&op.input, op.output().filter(|_| has_returned(*place)))
        };
        let footprints: Vec<Option<Footprint<State>>> = places.iter().map(footprint).collect();
        let mut states = Vec::with_capacity(2 * places.len() + 1);
        states.push(model.initial());
        for Footprint { needs, leaves } in footprints.iter().flatten() {
            states.extend(needs.clone());
            states.extend(leaves.clone());
        }
        states.sort_unstable();
        states.dedup();
        let id = |state: &State| states.binary_search(state).map_or(NONE, |id| id as u32);
        let list = places.iter().zip(&footprints).map(|(place, footprint)| {
            let op = &history[*place as usize];
            let (needs, leaves) = match footprint {
                None => (OPAQUE, OPAQUE),
                Some(Footprint { needs, leaves }) => {
                    (needs.as_ref().map_or(NONE, id), leaves.as_ref().map_or(NONE, id))
                }
            };
            let ended = if has_returned(*place) { op.ended().saturating_add(1) } else { u64::MAX };
            Seen { place: *place, called: op.called + 1, ended, needs, leaves }
        });
        let list = list.filter(|op| op.is_known() || !op.is_read()).collect();
        let is_exact = footprints.iter().all(Option::is_some);
        let mut ops = Self { list, initial: id(&model.initial()), states, is_exact };
        if is_exact {
            ops.drop_unseen();
        }
        ops
    }

    /// What may never have happened, and leaves what nobody needs, has not happened: whoever came between it and the next
    /// write would have needed what it left.
    fn drop_unseen(&mut self) {
        while !self.list.iter().all(Seen::is_known) {
            let (needed, before) = (self.needed(self.states.len()), self.list.len());
            self.list.retain(|op| op.is_known() || needed[op.leaves as usize] > 0);
            if self.list.len() == before {
                return;
            }
        }
    }

    /// How many need each of so many states.
    pub(super) fn needed(&self, states: usize) -> Vec<u32> {
        let mut needed = vec![0; states];
        for op in self.list.iter().filter(|op| op.needs < OPAQUE) {
            needed[op.needs as usize] += 1;
        }
        needed
    }

    /// How many leave each of so many states.
    pub(super) fn left(&self, states: usize) -> Vec<u32> {
        let mut left = vec![0; states];
        for op in self.list.iter().filter(|op| op.leaves < OPAQUE) {
            left[op.leaves as usize] += 1;
        }
        left
    }

    /// Whether all either read or write, and nothing is written twice, nor what was there at first.
    pub(super) fn is_register(&self) -> bool {
        let is_pure = |op: &Seen| (op.needs == NONE) != (op.leaves == NONE);
        if !self.is_exact || !self.list.iter().all(is_pure) {
            return false;
        }
        let mut left = self.left(self.states.len());
        left[self.initial as usize] += 1;
        left.iter().all(|count| *count <= 1)
    }
}

/// States found on the way get numbers too.
pub(super) struct Interner<'a, State> {
    states: &'a mut Vec<State>,
    /// Made when it is needed: where all have footprints, it never is.
    ids: BTreeMap<State, u32>,
}

impl<'a, State: Clone + Ord> Interner<'a, State> {
    pub(super) fn new(states: &'a mut Vec<State>) -> Self {
        Self { states, ids: BTreeMap::new() }
    }

    pub(super) fn state(&self, id: u32) -> &State {
        &self.states[id as usize]
    }

    pub(super) fn id(&mut self, state: State) -> u32 {
        if self.ids.is_empty() {
            self.ids = self.states.iter().cloned().zip(0..).collect();
        }
        *self.ids.entry(state).or_insert_with_key(|state| {
            self.states.push(state.clone());
            self.states.len() as u32 - 1
        })
    }
}
