//! `raft-sim list`: what there is.

use std::fmt::Write;
use std::process::ExitCode;

use scenarios::catalogue;
use scenarios::raft_core_subject::RaftCore;
use scenarios::subjects::{CatalogueSubject, SubjectName};
use scenarios::with_subject;
use serde::Serialize;
use sim::{FaultClass, Mark, Subject, checkers, engine};

use super::args::ListArgs;
use super::{print, print_json};

#[derive(Serialize)]
struct Document {
    scenarios: Vec<Named>,
    subjects: Vec<Named>,
    faults: Vec<Named>,
    features: Vec<Named>,
    marks: Vec<Named>,
    checkers: Vec<Named>,
    engines: Vec<Named>,
}

#[derive(Serialize)]
struct Named {
    name: &'static str,
    about: String,
}

pub(super) fn run(args: &ListArgs) -> Result<ExitCode, String> {
    let named = |name, about: &str| Named { name, about: about.to_owned() };
    let subjects = SubjectName::ALL.iter().map(|subject| {
        let missed = with_subject!(*subject, S => missed_by::<S>());
        let missed = if missed.is_empty() { String::new() } else { format!(" (not in {missed})") };
        named(subject.name(), &format!("{}{missed}", subject.about()))
    });
    let document = Document {
        scenarios: catalogue::all::<RaftCore>(None).iter().map(|one| named(one.name, one.about)).collect(),
        subjects: subjects.collect(),
        faults: FaultClass::ALL.iter().map(|class| named(class.name(), class.about())).collect(),
        features: SubjectName::ALL.iter().flat_map(|subject| with_subject!(*subject, S => features::<S>())).collect(),
        marks: marks(),
        checkers: checkers::ALL.iter().map(|checker| named(checker.name, checker.property)).collect(),
        engines: engine::ALL.iter().map(|(name, about)| named(name, about)).collect(),
    };
    if args.json {
        print_json(&document)?;
    } else {
        let Document { scenarios, subjects, faults, features, marks, checkers, engines } = &document;
        let mut text = String::new();
        for (title, rows) in [
            ("Scenarios", scenarios),
            ("Subjects", subjects),
            ("Fault classes", faults),
            ("Features, counted in every run", features),
            ("Marks: states worth reaching, counted likewise", marks),
            ("Checkers", checkers),
            ("Engines", engines),
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

/// The scenarios in which `raft-core`, which takes part in all, is without this subject.
fn missed_by<S: CatalogueSubject>() -> String {
    let all = catalogue::all::<RaftCore>(None);
    let missed = all.iter().map(|scenario| scenario.name).filter(|name| catalogue::find::<S>(name, None).is_err());
    missed.collect::<Vec<_>>().join(", ")
}

/// The features of a subject, and the scenarios of which 2,000 runs fail where they meet one not once.
fn features<S: CatalogueSubject>() -> Vec<Named> {
    let scenarios = catalogue::all::<S>(None);
    let expected_by = |feature: &'static str| {
        let expecting = scenarios.iter().filter(|scenario| scenario.features.contains(&feature));
        let names = expecting.map(|scenario| scenario.name).collect::<Vec<_>>().join(", ");
        Named { name: feature, about: format!("{} in {names}", S::NAME) }
    };
    S::FEATURES.iter().copied().filter(|name| !S::MARKS.contains(name)).map(expected_by).collect()
}

/// The states worth reaching, of any Raft and of each subject.
fn marks() -> Vec<Named> {
    let generic = Mark::ALL.iter().map(|mark| Named { name: mark.name(), about: mark.about().to_owned() });
    let own = SubjectName::ALL.iter().flat_map(|subject| {
        with_subject!(*subject, S => {
            S::MARKS.iter().map(|name| Named { name, about: format!("of {}", S::NAME) }).collect::<Vec<_>>()
        })
    });
    generic.chain(own).collect()
}
