//! `raft-sim list`: what there is.

use std::fmt::Write;
use std::process::ExitCode;

use scenarios::catalogue;
use scenarios::raft_core_subject::RaftCore;
use serde::Serialize;
use sim::{FaultClass, Subject, checkers};

use super::args::ListArgs;
use super::{print, print_json};

#[derive(Serialize)]
struct Document {
    scenarios: Vec<Named>,
    subjects: Vec<Named>,
    faults: Vec<Named>,
    features: Vec<Named>,
    checkers: Vec<Named>,
}

#[derive(Serialize)]
struct Named {
    name: &'static str,
    about: String,
}

pub(super) fn run(args: &ListArgs) -> Result<ExitCode, String> {
    let named = |name, about: &str| Named { name, about: about.to_owned() };
    let scenarios = catalogue::all(None);
    // A run of 2,000 seeds fails itself where it meets one of these not once.
    let expected_by = |feature: &&'static str| {
        let expecting = scenarios.iter().filter(|scenario| scenario.features.contains(feature));
        expecting.map(|scenario| scenario.name).collect::<Vec<_>>().join(", ")
    };
    let document = Document {
        scenarios: scenarios.iter().map(|scenario| named(scenario.name, scenario.about)).collect(),
        subjects: vec![named(RaftCore::NAME, "the Raft of this project, with the key-value map on top")],
        faults: FaultClass::ALL.iter().map(|class| named(class.name(), class.about())).collect(),
        features: RaftCore::FEATURES.iter().map(|name| named(name, &format!("in {}", expected_by(name)))).collect(),
        checkers: checkers::ALL.iter().map(|checker| named(checker.name, checker.property)).collect(),
    };
    if args.json {
        print_json(&document)?;
    } else {
        let Document { scenarios, subjects, faults, features, checkers } = &document;
        let mut text = String::new();
        for (title, rows) in [
            ("Scenarios", scenarios),
            ("Subjects", subjects),
            ("Fault classes", faults),
            ("Features, counted in every run", features),
            ("Checkers", checkers),
        ] {
            let _ = writeln!(text, "{title}");
            for Named { name, about } in rows {
                let default = if *name == catalogue::DEFAULT { " (default)" } else { "" };
                let _ = writeln!(text, "  {name:<23} {about}{default}");
            }
            text.push('\n');
        }
        print(text.trim_end())?;
    }
    Ok(ExitCode::SUCCESS)
}
