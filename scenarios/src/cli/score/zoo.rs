//! Known bugs, each a patch with a header.

use std::fs;
use std::path::{Path, PathBuf};

/// A known bug: what a programmer did wrong, as a patch against the code of today.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Bug {
    /// The patch's name without its ending.
    pub(super) name: String,
    /// What a user calls it: the name up to its first dash.
    pub(super) id: String,
    pub(super) patch: PathBuf,
    pub(super) header: Header,
}

/// What stands before the patch, one `key: value` a line. A patch need not have any of it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Header {
    /// What the code does.
    pub(super) what: String,
    /// How hard it is held to be to find.
    pub(super) cost: Option<Cost>,
    /// The steps of the shortest run that a model checker found for it.
    pub(super) depth: Option<u64>,
    /// The subject that has it, where it is not the usual one.
    pub(super) subject: Option<String>,
    /// The scenario that brings it out, where the usual one cannot.
    pub(super) scenario: Option<String>,
}

/// How hard a bug is held to be to find.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Cost {
    Easy,
    Medium,
    Hard,
}

impl Cost {
    pub(super) const ALL: [Self; 3] = [Self::Easy, Self::Medium, Self::Hard];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Easy => "easy",
            Self::Medium => "medium",
            Self::Hard => "hard",
        }
    }

    /// The events within which half of all detections should lie.
    pub(super) fn target_events(self) -> u64 {
        match self {
            Self::Easy => 20_000,
            Self::Medium => 300_000,
            Self::Hard => 5_000_000,
        }
    }

    fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|cost| cost.name() == text)
    }
}

impl Bug {
    fn read(patch: PathBuf) -> Result<Self, String> {
        let text = fs::read_to_string(&patch).map_err(|error| format!("{}: {error}", patch.display()))?;
        let name = patch.file_stem().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let id = name.split('-').next().unwrap_or_default().to_owned();
        let header = Header::parse(&text).map_err(|problem| format!("{}: {problem}", patch.display()))?;
        Ok(Self { name, id, patch, header })
    }
}

impl Header {
    fn parse(text: &str) -> Result<Self, String> {
        let mut header = Self::default();
        for (number, line) in (1..).zip(text.lines()) {
            if line.starts_with("diff ") || line.starts_with("--- ") {
                break;
            }
            let Some((key, value)) = line.split_once(": ") else { continue };
            let wrong = |expected| format!("line {number}: {key}: '{value}' is not {expected}");
            match key {
                "what" => value.clone_into(&mut header.what),
                "cost" => header.cost = Some(Cost::parse(value).ok_or_else(|| wrong("easy, medium or hard"))?),
                "depth" => header.depth = Some(value.parse().map_err(|_| wrong("a number of steps"))?),
                "subject" => header.subject = Some(value.to_owned()),
                "scenario" => header.scenario = Some(value.to_owned()),
                // Who found it, what it breaks and what it takes are for people.
                _ => {}
            }
        }
        Ok(header)
    }
}

/// The bugs of `folder`, by name; where `wanted` names some, by id or by name, those alone.
pub(super) fn read(folder: &Path, wanted: &[String]) -> Result<Vec<Bug>, String> {
    let listing = fs::read_dir(folder).map_err(|error| format!("--bugs-dir: {}: {error}", folder.display()))?;
    let mut bugs = Vec::new();
    for file in listing {
        let path = file.map_err(|error| format!("--bugs-dir: {}: {error}", folder.display()))?.path();
        if path.extension().is_some_and(|ending| ending == "patch" || ending == "diff") {
            bugs.push(Bug::read(path)?);
        }
    }
    bugs.sort_by(|one, other| one.name.cmp(&other.name));
    if bugs.is_empty() {
        return Err(format!("--bugs-dir: {}: holds no file that ends in .patch or .diff", folder.display()));
    }
    let is_meant = |bug: &Bug, name: &String| bug.name == *name || bug.id == *name || is_variant(&bug.id, name);
    if let Some(unknown) = wanted.iter().find(|name| !bugs.iter().any(|bug| is_meant(bug, name))) {
        return Err(format!("--bugs: there is no '{unknown}' in {}", folder.display()));
    }
    bugs.retain(|bug| wanted.is_empty() || wanted.iter().any(|name| is_meant(bug, name)));
    Ok(bugs)
}

/// `some` of the bugs, far apart in their order, since neighbours are alike. Each has its turn: after as many turns as one of
/// `some` equal parts has bugs, all had theirs.
pub(super) fn handful(bugs: Vec<Bug>, some: u64, turn: u64) -> Vec<Bug> {
    let all = bugs.len() as u64;
    let part = all.div_ceil(some.max(1)).max(1);
    let is_chosen = |place: u64| place % part == turn % part;
    (0..).zip(bugs).filter(|(place, _)| is_chosen(*place)).map(|(_, bug)| bug).collect()
}

/// `E7a` and `E7b` are variants of `E7`.
fn is_variant(id: &str, of: &str) -> bool {
    id.strip_prefix(of).is_some_and(|rest| rest.len() == 1 && rest.bytes().all(|byte| byte.is_ascii_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_ends_where_the_patch_begins() {
        let text = "what: counts twice\ncost: hard\ndepth: 14\nsubject: kvstore\ndiff --git a/x b/x\nwhat: not this\n";
        let header = Header::parse(text);
        let expected = Header {
            what: "counts twice".to_owned(),
            cost: Some(Cost::Hard),
            depth: Some(14),
            subject: Some("kvstore".to_owned()),
            scenario: None,
        };
        assert_eq!(header, Ok(expected));
        assert_eq!(Header::parse("--- a/x\n+++ b/x\n"), Ok(Header::default()));
    }

    #[test]
    fn a_wrong_header_names_its_line() {
        assert_eq!(
            Header::parse("what: x\ncost: huge\n"),
            Err("line 2: cost: 'huge' is not easy, medium or hard".to_owned())
        );
        assert_eq!(Header::parse("depth: deep\n"), Err("line 1: depth: 'deep' is not a number of steps".to_owned()));
    }

    #[test]
    fn each_bug_has_its_turn() {
        let bug =
            |id: u8| Bug { name: id.to_string(), id: id.to_string(), patch: PathBuf::new(), header: Header::default() };
        let ids = |turn| {
            let chosen = handful((0..8).map(bug).collect(), 3, turn);
            chosen.into_iter().map(|bug| bug.id).collect::<Vec<_>>()
        };
        assert_eq!([ids(0), ids(1)], [["0", "3", "6"], ["1", "4", "7"]]);
        assert_eq!((ids(2), ids(3)), (vec!["2".to_owned(), "5".to_owned()], ids(0)));
        assert_eq!(handful(vec![bug(1)], 3, 7), [bug(1)]);
        assert_eq!(handful(Vec::new(), 3, 7), []);
    }

    #[test]
    fn a_family_is_named_by_its_number() {
        assert!(is_variant("E7a", "E7"));
        assert!(!is_variant("E7", "E7") && !is_variant("E12", "E1") && !is_variant("E7ab", "E7"));
    }
}
