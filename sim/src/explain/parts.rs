//! The parts of a plan that can be left out, one at a time.

use crate::fault::TimedFault;
use crate::operation::TimedOperation;
use crate::plan::Plan;
use crate::trace::in_ms;

/// A part of a plan.
#[derive(Clone, PartialEq, Debug)]
pub enum Part {
    /// Messages are lost at random.
    Loss,
    /// Messages arrive twice.
    Duplication,
    /// Messages are held back.
    Reordering,
    /// Messages arrive once more, long after.
    StaleReplay,
    /// Each link has latencies of its own.
    UnevenLatency,
    /// Writes take time.
    DiskLatency,
    /// Crashes lose writes, or parts of them.
    LostWrites,
    /// Crashes leave parts of writes.
    TornWrites,
    /// Clocks run fast or slow.
    ClockDrift,
    /// A fault.
    Fault(TimedFault),
    /// What an operator asks for.
    Operation(TimedOperation),
}

impl Part {
    pub(super) fn all_of<Settings: Clone>(plan: &Plan<Settings>) -> Vec<Self> {
        let properties = [
            (plan.network.loss_ppm > 0, Self::Loss),
            (plan.network.duplication_ppm > 0, Self::Duplication),
            (plan.network.reordering_ppm > 0, Self::Reordering),
            (plan.network.stale_ppm > 0, Self::StaleReplay),
            (!plan.links.is_empty(), Self::UnevenLatency),
            (plan.disk.write_ns.1 > 0, Self::DiskLatency),
            (plan.disk.loses, Self::LostWrites),
            (plan.disk.tears, Self::TornWrites),
            (plan.clock_drift_ppm.iter().any(|drift| *drift != 0), Self::ClockDrift),
        ];
        let properties = properties.into_iter().filter_map(|(is_on, part)| is_on.then_some(part));
        let faults = plan.faults.iter().cloned().map(Self::Fault);
        let operations = plan.operations.iter().copied().map(Self::Operation);
        properties.chain(faults).chain(operations).collect()
    }

    /// `plan` without it.
    pub(super) fn left_out_of<Settings: Clone>(&self, plan: &Plan<Settings>) -> Plan<Settings> {
        let mut plan = plan.clone();
        match self {
            Self::Loss => plan.network.loss_ppm = 0,
            Self::Duplication => plan.network.duplication_ppm = 0,
            Self::Reordering => plan.network.reordering_ppm = 0,
            Self::StaleReplay => plan.network.stale_ppm = 0,
            Self::UnevenLatency => plan.links.clear(),
            Self::DiskLatency => plan.disk.write_ns = (0, 0),
            Self::LostWrites => (plan.disk.loses, plan.disk.tears) = (false, false),
            Self::TornWrites => plan.disk.tears = false,
            Self::ClockDrift => plan.clock_drift_ppm.iter_mut().for_each(|drift| *drift = 0),
            Self::Fault(fault) => {
                if let Some(place) = plan.faults.iter().position(|other| other == fault) {
                    plan.faults.remove(place);
                }
            }
            Self::Operation(operation) => {
                if let Some(place) = plan.operations.iter().position(|other| other == operation) {
                    plan.operations.remove(place);
                }
            }
        }
        plan
    }

    /// When it strikes, where it does so at one time.
    pub(super) fn starts_ms(&self) -> Option<u64> {
        match self {
            Self::Fault(TimedFault { at_ns, .. }) | Self::Operation(TimedOperation { at_ns, .. }) => {
                Some(at_ns / 1_000_000)
            }
            _ => None,
        }
    }

    /// What it is of `plan`, in words; `kinds` are the subject's types of messages.
    #[must_use]
    pub fn words<Settings>(&self, plan: &Plan<Settings>, kinds: &[&str]) -> String {
        let ppm = |what: &str, ppm: u32| format!("{what} {}.{:02} % of all messages", ppm / 10_000, ppm / 100 % 100);
        match self {
            Self::Loss => ppm("the network loses", plan.network.loss_ppm),
            Self::Duplication => ppm("the network doubles", plan.network.duplication_ppm),
            Self::Reordering => ppm("the network holds back", plan.network.reordering_ppm),
            Self::StaleReplay => ppm("the network repeats, long after,", plan.network.stale_ppm),
            Self::UnevenLatency => "each link has latencies of its own".to_owned(),
            Self::DiskLatency => {
                let (least_us, most_us) = (plan.disk.write_ns.0 / 1_000, plan.disk.write_ns.1 / 1_000);
                format!("writes take {least_us} to {most_us} µs")
            }
            Self::LostWrites => "crashes lose writes that are not complete".to_owned(),
            Self::TornWrites => "crashes leave parts of writes that are not complete".to_owned(),
            Self::ClockDrift => format!("clocks drift by {:?} ppm", plan.clock_drift_ppm),
            Self::Fault(TimedFault { at_ns, fault, trigger }) => {
                let at_ms = at_ns / 1_000_000;
                match trigger {
                    None => format!("at {at_ms} ms  {}", fault.in_words()),
                    Some(trigger) => {
                        format!("from {at_ms} ms on, {}:  {}", trigger.in_words(kinds), fault.in_words())
                    }
                }
            }
            Self::Operation(TimedOperation { at_ns, operation }) => {
                format!("at {} ms  an operator asks for {}", at_ns / 1_000_000, in_ms(operation))
            }
        }
    }
}
