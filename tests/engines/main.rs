//! The engines: what they promise is so.

mod pct;
mod search;
mod toys;
