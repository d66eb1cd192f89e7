//! Whether a campaign met what its scenario is for. A harness that has stopped doing something finds nothing there, and
//! looks as clean as ever: a campaign that is long enough is held to what its scenario names.

use crate::campaign::CampaignReport;
use crate::marks::Mark;
use crate::scenario::Scenario;
use crate::subject::Subject;

/// So many runs must have met everything. What is rarer than that is not tested, whatever the scenario says of itself.
pub const RUNS_THAT_MEET_ALL: u64 = 2_000;

/// And so many must have reached every state worth reaching.
pub const RUNS_THAT_REACH_ALL: u64 = 20_000;

/// The classes of faults, the features and the marks that `scenario` names, and that not one run of `report` met. Empty for
/// a campaign of fewer than [`RUNS_THAT_MEET_ALL`] runs; of marks nothing is said before [`RUNS_THAT_REACH_ALL`].
pub fn never_met<S: Subject>(scenario: &Scenario<S>, report: &CampaignReport) -> Vec<&'static str> {
    if report.runs < RUNS_THAT_MEET_ALL {
        return Vec::new();
    }
    let totals = &report.totals;
    let faults = scenario.faults.iter().filter(|class| totals.faults[**class] == 0).map(|class| class.name());
    // A name that the subject does not know was never exercised either.
    let exercised = |name: &str| {
        S::FEATURES.iter().position(|known| *known == name).map_or(0, |feature| totals.features.of(feature))
    };
    let reached = |name: &str| match Mark::ALL.iter().find(|mark| mark.name() == name) {
        Some(mark) => totals.marks[*mark],
        None => exercised(name),
    };
    let features = scenario.features.iter().copied().filter(|name| exercised(name) == 0);
    let marks: &[_] = if report.runs < RUNS_THAT_REACH_ALL { &[] } else { &scenario.marks };
    faults.chain(features).chain(marks.iter().copied().filter(|name| reached(name) == 0)).collect()
}
