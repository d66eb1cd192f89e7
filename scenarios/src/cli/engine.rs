//! `--engine`: how the next event of a run is chosen.

use clap::{Args as ClapArgs, ValueEnum};
use sim::{CampaignReport, Engine, Pct};

use super::numbers::grouped;

/// The engines that make single runs.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum EngineName {
    /// The earliest event is next, as in a real cluster
    #[default]
    Time,
    /// Random priorities that promise a probability (probabilistic concurrency testing); liveness is not judged
    Pct,
}

/// Which engine, and how it is set.
#[derive(ClapArgs, Debug, Default)]
pub(super) struct EngineArgs {
    /// How the next event is chosen
    #[arg(long, value_name = "NAME", default_value = "time")]
    pub(super) engine: EngineName,
    /// With --engine pct: the depth of the bugs to be found [default: 3]
    #[arg(long, value_name = "D")]
    depth: Option<u32>,
    /// With --engine pct: how many events a run has [default: 1000]
    #[arg(long, value_name = "N")]
    events: Option<u64>,
}

impl EngineArgs {
    /// The engine that is asked for.
    ///
    /// # Errors
    /// In one line, the option that makes no sense.
    pub(super) fn engine(&self) -> Result<Engine, String> {
        let Self { engine, depth, events } = *self;
        if engine == EngineName::Time {
            let given = [("--depth", depth.is_some()), ("--events", events.is_some())];
            return match given.iter().find(|(_, is_given)| *is_given) {
                Some((option, _)) => Err(format!("{option}: only with --engine pct")),
                None => Ok(Engine::Time),
            };
        }
        let pct = Pct { depth: depth.unwrap_or(Pct::USUAL.depth), events: events.unwrap_or(Pct::USUAL.events) };
        if !(1..=Pct::DEEPEST).contains(&pct.depth) {
            return Err(format!("--depth: {} is not between 1 and {}", pct.depth, Pct::DEEPEST));
        }
        if pct.events == 0 {
            return Err("--events: a run has at least 1".to_owned());
        }
        Ok(Engine::Pct(pct))
    }

    /// The options that choose the engine again.
    pub(super) fn options(&self) -> String {
        match self.engine() {
            Ok(Engine::Pct(Pct { depth, events })) => {
                let mut options = " --engine pct".to_owned();
                if depth != Pct::USUAL.depth {
                    options += &format!(" --depth {depth}");
                }
                if events != Pct::USUAL.events {
                    options += &format!(" --events {events}");
                }
                options
            }
            _ => String::new(),
        }
    }
}

/// What the engine promises of a campaign, for people; nothing where it promises nothing.
pub(super) fn promise(engine: Engine, report: &CampaignReport) -> Option<String> {
    let Engine::Pct(pct) = engine else { return None };
    let (chains, Pct { depth, events }) = (report.totals.most_chains, pct);
    let one_in = u64::try_from(pct.one_in(chains)).map_or_else(|_| "more than 2^64".to_owned(), grouped);
    Some(format!(
        "pct, depth {depth}: of {} events in {} chains, a run meets an order of {depth} of them that a bug needs with \
         a probability of at least 1 in {one_in}",
        grouped(events),
        grouped(chains)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_of_an_engine_that_is_not_asked_for_are_refused() {
        let args = |engine, depth, events| EngineArgs { engine, depth, events };
        assert_eq!(args(EngineName::Time, None, None).engine(), Ok(Engine::Time));
        assert!(args(EngineName::Time, Some(3), None).engine().unwrap_err().starts_with("--depth"));
        assert!(args(EngineName::Time, None, Some(3)).engine().unwrap_err().starts_with("--events"));
        assert!(args(EngineName::Pct, Some(0), None).engine().unwrap_err().starts_with("--depth"));
        assert!(args(EngineName::Pct, None, Some(0)).engine().unwrap_err().starts_with("--events"));
        assert_eq!(args(EngineName::Pct, None, None).engine(), Ok(Engine::Pct(Pct::USUAL)));
        assert_eq!(args(EngineName::Pct, Some(5), None).options(), " --engine pct --depth 5");
    }
}
