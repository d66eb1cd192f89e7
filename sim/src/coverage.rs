//! Whether a campaign met what its scenario is for. A harness that has stopped doing something finds nothing there, and
//! looks as clean as ever: a campaign that is long enough is held to what its scenario names.

use crate::campaign::CampaignReport;
use crate::scenario::Scenario;
use crate::subject::Subject;

/// So many runs must have met everything. What is rarer than that is not tested, whatever the scenario says of itself.
pub const RUNS_THAT_MEET_ALL: u64 = 2_000;

/// The classes of faults and the features that `scenario` names, and that not one run of `report` met. Empty for a
/// campaign of fewer than [`RUNS_THAT_MEET_ALL`] runs.
pub fn never_met<S: Subject>(scenario: &Scenario<S>, report: &CampaignReport) -> Vec<&'static str> {
    if report.runs < RUNS_THAT_MEET_ALL {
        return Vec::new();
    }
    let faults = scenario.faults.iter().filter(|class| report.totals.faults[**class] == 0).map(|class| class.name());
    // A name that the subject does not know was never exercised either.
    let count = |name: &str| {
        S::FEATURES.iter().position(|known| *known == name).map_or(0, |feature| report.totals.features.of(feature))
    };
    faults.chain(scenario.features.iter().copied().filter(|name| count(name) == 0)).collect()
}
