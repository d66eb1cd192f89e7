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
    checkers: Vec<Named>,
}

#[derive(Serialize)]
struct Named {
    name: &'static str,
    about: &'static str,
}

pub(super) fn run(args: &ListArgs) -> Result<ExitCode, String> {
    let named = |name, about| Named { name, about };
    let document = Document {
        scenarios: catalogue::all(None).iter().map(|scenario| named(scenario.name, scenario.about)).collect(),
        subjects: vec![named(RaftCore::NAME, "the Raft of this project, with the key-value map on top")],
        faults: FaultClass::ALL.iter().map(|class| named(class.name(), class.about())).collect(),
        checkers: checkers::ALL.iter().map(|checker| named(checker.name, checker.property)).collect(),
    };
    if args.json {
        print_json(&document)?;
    } else {
        let Document { scenarios, subjects, faults, checkers } = &document;
        let mut text = String::new();
        for (title, rows) in
            [("Scenarios", scenarios), ("Subjects", subjects), ("Fault classes", faults), ("Checkers", checkers)]
        {
            let _ = writeln!(text, "{title}");
            for Named { name, about } in rows {
                let default = if *name == catalogue::DEFAULT { " (default)" } else { "" };
                let _ = writeln!(text, "  {name:<21} {about}{default}");
            }
            text.push('\n');
        }
        print(text.trim_end())?;
    }
    Ok(ExitCode::SUCCESS)
}
