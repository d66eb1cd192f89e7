//! Tapes: a run as data, small enough to read, and to be edited by hand.
//!
//! A plan and a seed are a whole run, and change with the code that draws from the seed. A tape says in its own words
//! what happens: when which deadline is noticed, which messages arrive and when, what clients ask for. It names
//! decisions by [`Key`]s, so that a decision more or less elsewhere leaves it as it was.

mod key;

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

pub use self::key::{Key, Message, Request};
use crate::choices::Choices;
use crate::environment::parse_seed;
use crate::node::NodeId;
use crate::plan::Plan;
use crate::plan_error::{LONGEST_NS, PlanError};
use crate::subject::{Setup, Subject};

/// The version of tapes that this crate writes and reads.
pub const VERSION: u32 = 1;

/// What a tape expects where no property is violated.
pub const CLEAN: &str = "clean";

/// What becomes of the decisions that a tape does not name.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Otherwise {
    /// What the seed says: the run of that seed, but for what the tape names.
    #[default]
    Seed,
    /// What does no harm: messages take the median time and arrive once, writes too, a crash loses no write. What a protocol
    /// draws itself, and what clients ask for, stays the seed's.
    Benign,
    /// Nothing, as long as the faults last: no message arrives, no deadline is noticed, no client asks. What the tape names
    /// is all that happens. The healed phase, where there is one, is the seed's.
    Nothing,
}

/// What a protocol draws for itself, such as how long it waits before it campaigns.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Jitter {
    /// What the seed says.
    #[default]
    Seed,
    /// Numbers next to 0, so that no deadline is due later than a tape has it noticed, however often something is drawn.
    /// Only for runs without a healed phase, in which two candidates would meet for ever.
    Least,
}

/// The decisions of a run that are not left to its seed.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Decisions {
    /// What becomes of all others.
    pub otherwise: Otherwise,
    /// What nodes draw for themselves.
    pub jitter: Jitter,
    /// What each of these is.
    pub values: BTreeMap<Key, u64>,
}

/// A run as data.
#[derive(Clone, PartialEq, Debug)]
pub struct Tape<Settings> {
    /// The scenario that the run was drawn from.
    pub scenario: String,
    /// The seed, for all that the tape does not name.
    pub seed: u64,
    /// How the run ends: the signature of a failure, or [`CLEAN`].
    pub expects: String,
    /// What the run is given.
    pub plan: Plan<Settings>,
    /// What is decided.
    pub decisions: Decisions,
}

/// A tape as it is written.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written<Settings> {
    version: u32,
    subject: String,
    scenario: String,
    seed: String,
    expects: String,
    otherwise: Otherwise,
    #[serde(default)]
    jitter: Option<Jitter>,
    decisions: InOrder,
    plan: Plan<Settings>,
}

/// Decisions in words, in the order in which they are written.
struct InOrder(Vec<(String, u64)>);

impl Serialize for InOrder {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(key, value)| (key, value)))
    }
}

impl<'de> Deserialize<'de> for InOrder {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = InOrder;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map from decisions to numbers")
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<InOrder, A::Error> {
                let mut decisions = Vec::new();
                while let Some(decision) = map.next_entry()? {
                    decisions.push(decision);
                }
                Ok(InOrder(decisions))
            }
        }
        deserializer.deserialize_map(Visitor)
    }
}

/// What a tape says of itself, whatever version it has.
#[derive(Deserialize)]
struct Head {
    version: u32,
    subject: String,
}

/// What a tape is for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Label {
    /// The subject.
    pub subject: String,
}

/// Why a text is no tape: the field and what is wrong with it, in a line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TapeError(String);

impl TapeError {
    pub(crate) fn of_plan(problem: &PlanError) -> Self {
        Self(problem.to_string())
    }
}

impl fmt::Display for TapeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "tape: {}", self.0)
    }
}

impl std::error::Error for TapeError {}

/// What `json` says it is a tape of.
///
/// # Errors
/// Where it is no tape, or one of another version.
pub fn label(json: &str) -> Result<Label, TapeError> {
    let Head { version, subject } = parse(json)?;
    if version != VERSION {
        return Err(TapeError(format!("version: it is {version}, and this is for {VERSION}")));
    }
    Ok(Label { subject })
}

impl<Settings> Tape<Settings> {
    /// Reads a tape of `S`.
    ///
    /// # Errors
    /// Where the text is no tape of this version and subject, or makes no sense.
    pub fn read<S: Subject<Settings = Settings>>(json: &str) -> Result<Self, TapeError>
    where
        Settings: for<'a> Deserialize<'a>,
    {
        let wrong = |text| Err(TapeError(text));
        let label = label(json)?;
        if label.subject != S::NAME {
            return wrong(format!("subject: it is for '{}', and not for '{}'", label.subject, S::NAME));
        }
        let written: Written<Settings> = parse(json)?;
        let seed = parse_seed(&written.seed).map_err(|problem| TapeError(format!("seed: {problem}")))?;
        written.plan.validate().map_err(|problem| TapeError::of_plan(&problem))?;
        let setup = Setup {
            node: NodeId(0),
            nodes: written.plan.nodes,
            members: written.plan.members,
            now_ns: 0,
            settings: &written.plan.settings,
            jitter: Choices::new(seed).jitter(NodeId(0), 0, None),
        };
        // A run in which no node starts would be a crash of the protocol, where the tape is what makes no sense.
        if let Err(problem) = S::start(setup, &S::Disk::default()) {
            return wrong(format!("plan.settings: no node starts with them: {}", problem.replace('\n', " ")));
        }
        let is_scripted = written.otherwise == Otherwise::Nothing && written.plan.heal.is_none();
        // The first tapes do not say.
        let jitter = written.jitter.unwrap_or(if is_scripted { Jitter::Least } else { Jitter::Seed });
        if jitter == Jitter::Least && written.plan.heal.is_some() {
            return wrong(
                "jitter: \"least\" is for runs without a healed phase, and plan.heal says there is one".to_owned(),
            );
        }
        let mut values = BTreeMap::new();
        for (text, value) in written.decisions.0 {
            let key = Key::parse(&text, S::MESSAGE_KINDS).and_then(|key| {
                key.check(value, written.plan.nodes, LONGEST_NS)?;
                Ok(key)
            });
            match key {
                Ok(key) if values.insert(key, value).is_some() => {
                    return wrong(format!("decisions: \"{text}\": it is there twice"));
                }
                Ok(_) => {}
                Err(problem) => return wrong(format!("decisions: \"{text}\": {problem}")),
            }
        }
        Ok(Self {
            scenario: written.scenario,
            seed,
            expects: written.expects,
            plan: written.plan,
            decisions: Decisions { otherwise: written.otherwise, jitter, values },
        })
    }

    /// The tape as text, to be read by [`read`](Self::read) and by people.
    #[must_use]
    pub fn write<S: Subject<Settings = Settings>>(&self) -> String
    where
        Settings: Clone + Serialize,
    {
        let decisions = self.decisions.values.iter();
        let written = Written {
            version: VERSION,
            subject: S::NAME.to_owned(),
            scenario: self.scenario.clone(),
            seed: format!("{:#x}", self.seed),
            expects: self.expects.clone(),
            otherwise: self.decisions.otherwise,
            jitter: Some(self.decisions.jitter),
            decisions: InOrder(decisions.map(|(key, value)| (key.in_words(S::MESSAGE_KINDS), *value)).collect()),
            plan: self.plan.clone(),
        };
        // A plan is plain data, and maps have text for keys.
        serde_json::to_string_pretty(&written).unwrap_or_default() + "\n"
    }
}

fn parse<T: for<'a> Deserialize<'a>>(json: &str) -> Result<T, TapeError> {
    let mut input = serde_json::Deserializer::from_str(json);
    let value = serde_path_to_error::deserialize(&mut input).map_err(|error| {
        let path = error.path().to_string();
        let field = if path == "." { String::new() } else { format!("{path}: ") };
        TapeError(format!("{field}{}", error.inner()))
    })?;
    input.end().map_err(|error| TapeError(error.to_string()))?;
    Ok(value)
}
