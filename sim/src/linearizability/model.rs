//! What a service does when nothing is concurrent.

/// A sequential specification: a service that takes one operation after the other.
pub trait Model {
    /// What is asked for.
    type Input;
    /// What is answered.
    type Output;
    /// What the service remembers of one key.
    type State: Clone + Ord;

    /// Before anything has happened.
    fn initial(&self) -> Self::State;

    /// What `input` leaves of `state`; `None` where it could not have been answered with `output`. An operation whose
    /// `output` is not known may have been answered with anything.
    fn step(&self, state: &Self::State, input: &Self::Input, output: Option<&Self::Output>) -> Option<Self::State>;

    /// Which part of the service it is about: parts must know nothing of each other.
    fn key(&self, input: &Self::Input) -> u64 {
        let _ = input;
        0
    }

    /// What is known of the operation without knowing the state, where that is all that [`step`](Self::step) does. The more
    /// operations have one, the less there is to search.
    fn footprint(&self, input: &Self::Input, output: Option<&Self::Output>) -> Option<Footprint<Self::State>> {
        let _ = (input, output);
        None
    }
}

/// What an operation needs and what it leaves.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Footprint<State> {
    /// The only state in which it takes place like this; `None`: any.
    pub needs: Option<State>,
    /// The state that it leaves; `None`: the one it found.
    pub leaves: Option<State>,
}
