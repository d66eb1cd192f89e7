//! The variables through which `cargo test` is told which seeds to run.

use std::ops::Range;
use std::path::{Path, PathBuf};

/// What the environment asks for.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Environment {
    /// `RAFT_SIM_SEED`: this seed alone.
    pub seed: Option<u64>,
    /// `RAFT_SIM_SEEDS`: this many seeds, from 0.
    pub seeds: Option<u64>,
    /// `RAFT_SIM_ARTIFACTS`: in this folder, the folders of failing runs are made.
    pub artifacts: Option<PathBuf>,
}

const PREFIX: &str = "RAFT_SIM_";
const KNOWN: [&str; 3] = ["RAFT_SIM_SEED", "RAFT_SIM_SEEDS", "RAFT_SIM_ARTIFACTS"];

impl Environment {
    /// Reads the variables of this process.
    ///
    /// # Errors
    /// In one line: a variable that starts with `RAFT_SIM_` and means nothing, or a value that is no number.
    pub fn read() -> Result<Self, String> {
        Self::from_variables(
            std::env::vars_os()
                .map(|(name, value)| (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned())),
        )
    }

    /// Reads these variables instead.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn from_variables(variables: impl Iterator<Item = (String, String)>) -> Result<Self, String> {
        let mut found = Self::default();
        for (name, value) in variables.filter(|(name, _)| name.starts_with(PREFIX)) {
            let number = || parse_seed(&value).map_err(|problem| format!("{name}: {problem}"));
            match name.as_str() {
                "RAFT_SIM_SEED" => found.seed = Some(number()?),
                "RAFT_SIM_SEEDS" => found.seeds = Some(number()?),
                "RAFT_SIM_ARTIFACTS" if value.is_empty() => return Err(format!("{name}: it names no folder")),
                "RAFT_SIM_ARTIFACTS" => found.artifacts = Some(PathBuf::from(value)),
                _ => return Err(format!("{name}: unknown variable; known are {}", KNOWN.join(", "))),
            }
        }
        if found.seed.is_some() && found.seeds.is_some() {
            return Err("RAFT_SIM_SEED and RAFT_SIM_SEEDS: set one of them, not both".to_owned());
        }
        Ok(found)
    }

    /// Where the folder of the failing run of `seed` is made: under `RAFT_SIM_ARTIFACTS`, or else where builds leave what they make.
    #[must_use]
    pub fn folder(&self, scenario: &str, seed: u64) -> PathBuf {
        let all = self.artifacts.as_deref().unwrap_or(Path::new("target/raft-sim"));
        all.join(format!("{scenario}-{seed:#x}"))
    }

    /// The seeds to run where `usual` are run without any variable.
    #[must_use]
    pub fn seeds_or(&self, usual: Range<u64>) -> Range<u64> {
        match (self.seed, self.seeds) {
            (Some(seed), _) => seed..seed.saturating_add(1),
            (None, Some(count)) => 0..count,
            (None, None) => usual,
        }
    }
}

/// A seed, in decimal or after `0x` in hexadecimal.
///
/// # Errors
/// In one line, what is wrong with `text`.
pub fn parse_seed(text: &str) -> Result<u64, String> {
    let parsed = match text.strip_prefix("0x").or(text.strip_prefix("0X")) {
        Some(digits) if !digits.starts_with('+') => u64::from_str_radix(digits, 16),
        None if !text.starts_with('+') => text.parse(),
        _ => "+".parse(),
    };
    parsed.map_err(|_| format!("'{text}' is not a number from 0 to {}, decimal or 0x and hexadecimal", u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Environment, String> {
        Environment::from_variables(variables.iter().map(|(name, value)| ((*name).into(), (*value).into())))
    }

    #[test]
    fn seeds_are_decimal_or_hexadecimal() {
        assert_eq!(parse_seed("42"), Ok(42));
        assert_eq!(parse_seed("0x2a"), Ok(42));
        assert_eq!(parse_seed("0xffffffffffffffff"), Ok(u64::MAX));
        for wrong in ["", "x", "-1", "+1", "0x", "0x+1", "18446744073709551616", "1.5"] {
            assert!(parse_seed(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn one_seed_or_a_number_of_seeds() {
        assert_eq!(read(&[("RAFT_SIM_SEED", "0x2a")]).unwrap().seeds_or(0..9), 42..43);
        assert_eq!(read(&[("RAFT_SIM_SEEDS", "100")]).unwrap().seeds_or(0..9), 0..100);
        assert_eq!(read(&[("PATH", "/bin")]).unwrap().seeds_or(0..9), 0..9);
    }

    #[test]
    fn a_variable_that_means_nothing_is_an_error_that_names_it() {
        assert!(read(&[("RAFT_SIM_SEDS", "1")]).unwrap_err().contains("RAFT_SIM_SEDS"));
        assert!(read(&[("RAFT_SIM_ARTIFACTS", "")]).unwrap_err().contains("RAFT_SIM_ARTIFACTS"));
        assert!(read(&[("RAFT_SIM_SEED", "many")]).unwrap_err().contains("RAFT_SIM_SEED: 'many'"));
        assert!(read(&[("RAFT_SIM_SEED", "1"), ("RAFT_SIM_SEEDS", "2")]).is_err());
    }
}
