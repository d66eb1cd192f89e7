//! How the members of a cluster change (dissertation, chapter 4), one fact a test, said to the core directly.

mod changes;
mod departing_leader;
mod in_force;
mod joining;
mod joint;
mod learners;
mod one_at_a_time;
mod promotion;
mod removed;
