//! What is counted: of one run, and summed up over many.

use crate::faults::FaultCounts;
use crate::marks::MarkCounts;

/// What happened, in numbers: of one run, or of all runs of a campaign.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Totals {
    /// Events.
    pub events: u64,
    /// Messages that reached a node.
    pub deliveries: u64,
    /// Virtual time, in nanoseconds.
    pub virtual_ns: u64,
    /// Terms that had a leader.
    pub elections: u64,
    /// Clients' commands that were committed.
    pub commits: u64,
    /// Runs in which a healed core led, committed, and stayed as it was.
    pub recoveries: u64,
    /// Clients' operations on keys, judged together at the end of their run.
    pub operations: u64,
    /// How often clients asked once more for what they got no answer to.
    pub repeats: u64,
    /// Keys of which nobody knows whether what clients saw was linearizable: there was too much to look at.
    pub keys_left_open: u64,
    /// How often each class of faults took effect.
    pub faults: FaultCounts,
    /// Chains of events, where [priorities](crate::Pct) chose them: the most of any run.
    pub most_chains: u64,
    /// How often each feature of the subject was exercised.
    pub features: FeatureCounts,
    /// How often each state worth reaching was reached.
    pub marks: MarkCounts,
}

impl Totals {
    /// Adds those of another run.
    pub fn add(&mut self, run: &Self) {
        let Self {
            events,
            deliveries,
            virtual_ns,
            elections,
            commits,
            recoveries,
            operations,
            repeats,
            keys_left_open,
            faults,
            most_chains,
            features,
            marks,
        } = run;
        self.events += events;
        self.deliveries += deliveries;
        self.virtual_ns += virtual_ns;
        self.elections += elections;
        self.commits += commits;
        self.recoveries += recoveries;
        self.operations += operations;
        self.repeats += repeats;
        self.keys_left_open += keys_left_open;
        self.faults.add(faults);
        self.most_chains = self.most_chains.max(*most_chains);
        self.features.add(features);
        self.marks.add(marks);
    }
}

/// How often each of a subject's [`FEATURES`](crate::Subject::FEATURES) was exercised.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct FeatureCounts(Vec<u64>);

impl FeatureCounts {
    /// The feature of this index was exercised once more.
    pub fn count(&mut self, feature: usize) {
        if self.0.len() <= feature {
            self.0.resize(feature + 1, 0);
        }
        self.0[feature] += 1;
    }

    /// How often the feature of this index was exercised.
    #[must_use]
    pub fn of(&self, feature: usize) -> u64 {
        self.0.get(feature).copied().unwrap_or(0)
    }

    fn add(&mut self, other: &Self) {
        self.0.resize(self.0.len().max(other.0.len()), 0);
        for (sum, count) in self.0.iter_mut().zip(&other.0) {
            *sum += count;
        }
    }
}
