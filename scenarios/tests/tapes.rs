//! Tapes, shrinking and campaigns' folders on the command line.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

/// A clean run of the workspace, once a failing one.
const KEPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/tapes/E3-counts-replies.json");

fn raft_sim(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_raft-sim"));
    command.args(arguments).env_remove("RAFT_SIM_SEED").env_remove("RAFT_SIM_SEEDS");
    command.output().expect("the command starts")
}

/// Exit code 2, nothing on stdout, and one line on stderr, which is returned.
fn complaint(arguments: &[&str]) -> String {
    let output = raft_sim(arguments);
    let text = String::from_utf8(output.stderr).expect("text");
    assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{text}");
    assert_eq!(text.lines().count(), 1, "{text}");
    text
}

/// A place of this test's own.
fn place(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name)
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}

#[test]
fn a_bad_tape_is_one_line_with_its_field_and_exit_2() {
    let good = fs::read_to_string(KEPT).expect("a tape");
    let with = |from: &str, to: &str| {
        assert!(good.contains(from), "{from}");
        good.replacen(from, to, 1)
    };
    let bad = [
        ("truncated", good[..good.len() / 2].to_owned(), "EOF"),
        ("empty", String::new(), "EOF"),
        ("version", with("\"version\": 1", "\"version\": 99"), "version: it is 99"),
        ("subject", with("\"raft-core\"", "\"paxos\""), "paxos"),
        ("nodes", with("\"nodes\": ", "\"nodes\": 9"), "nodes"),
        ("node", with("\"timer n4 #1\"", "\"timer n9 #1\""), "timer n9 #1"),
        ("unknown-field", with("\"seed\"", "\"sead\""), "sead"),
    ];
    for (name, content, names) in bad {
        let path = place(&format!("bad-{name}.json"));
        fs::write(&path, content).expect("the test's folder can be written to");
        for line in [complaint(&["replay", "--tape", text(&path)]), complaint(&["shrink", text(&path)])] {
            assert!(line.contains(names) && line.contains(text(&path)), "{line}");
        }
    }
    let nowhere = complaint(&["replay", "--tape", text(&place("nowhere.json"))]);
    assert!(nowhere.contains("nowhere.json"), "{nowhere}");
}

#[test]
fn a_tape_is_replayed_and_there_is_nothing_to_shrink_about_a_clean_one() {
    let output = raft_sim(&["replay", "--tape", KEPT]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(complaint(&["shrink", KEPT]).contains("does not fail"));
    assert!(complaint(&["shrink", "0x1"]).contains("does not fail"));
    assert!(complaint(&["shrink", "no-such-tape"]).contains("no-such-tape"));
}

#[test]
fn a_campaign_writes_its_folder_and_is_held_against_it() {
    let folder = place("campaign");
    let first = raft_sim(&["fuzz", "--count", "3", "--jobs", "1", "--out", text(&folder)]);
    assert_eq!(first.status.code(), Some(0), "{}", String::from_utf8_lossy(&first.stderr));
    let campaign = fs::read_to_string(folder.join("campaign.json")).expect("a campaign");
    let campaign: Value = serde_json::from_str(&campaign).expect("json");
    assert_eq!((&campaign["runs"], &campaign["ways"]), (&3.into(), &Value::Array(Vec::new())));
    let second = raft_sim(&["fuzz", "--count", "3", "--jobs", "1", "--against", text(&folder)]);
    assert_eq!(second.status.code(), Some(0), "{}", String::from_utf8_lossy(&second.stderr));
}

#[test]
fn a_campaign_that_makes_no_sense_is_refused_before_the_next_one_starts() {
    // Were it read after the campaign, this would take hours.
    let against = |folder: &Path, scenario: &str| {
        complaint(&["fuzz", "--count", "100000000", "--scenario", scenario, "--against", text(folder)])
    };
    assert!(against(&place("no-campaign"), "swarm").contains("campaign.json"));
    let broken = place("broken-campaign");
    fs::create_dir_all(&broken).expect("a folder");
    fs::write(broken.join("campaign.json"), "{").expect("a file");
    assert!(against(&broken, "swarm").contains("EOF"));
    let other = place("other-campaign");
    raft_sim(&["fuzz", "--count", "1", "--jobs", "1", "--out", text(&other)]);
    assert!(against(&other, "elections").contains("of raft-core in the scenario swarm"));
}
