//! The command line, as a script or a person meets it.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

use serde_json::Value;

const CONF: &str = "{\"EToutStart\":150,\"EToutEnd\":400,\"HTout\":50\n}\n";
const PEERS: &str = r#"{"Peers":[
    {"P_id": 1, "Host":"tcp://127.0.0.1:8002"},
    {"P_id": 2, "Host":"tcp://127.0.0.1:8003"},
    {"P_id": 3, "Host":"tcp://127.0.0.1:8004"}
]}"#;

fn raft_sim(line: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_raft-sim"));
    command.args(line.split_whitespace()).env_remove("RAFT_SIM_SEED").env_remove("RAFT_SIM_SEEDS");
    command
}

fn output(line: &str) -> Output {
    raft_sim(line).output().expect("the command starts")
}

fn json(line: &str) -> Value {
    let output = output(line);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("one JSON document")
}

/// Exit code 2, nothing on stdout, and one line on stderr, which is returned.
fn complaint(mut command: Command) -> String {
    let output = command.output().expect("the command starts");
    let text = String::from_utf8(output.stderr).expect("text");
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(output.stdout.is_empty());
    assert_eq!(text.lines().count(), 1, "{text}");
    text
}

/// A file of this test's own, with `content`.
fn file(name: &str, content: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&path, content).expect("the test's folder can be written to");
    path
}

#[test]
fn wrong_usage_is_one_line_and_exit_2() {
    let lines = [
        ("fuzz --frobnicate", "--frobnicate"),
        ("frobnicate", "frobnicate"),
        ("fuzz --seeds 5..2", "5..2"),
        ("fuzz --seeds 5", "0..1000"),
        ("fuzz --count many", "many"),
        ("fuzz --count 1 --seeds 0..1", "--seeds"),
        ("fuzz --jobs 0", "--jobs"),
        ("fuzz --time 5", "90s"),
        ("fuzz --scenario none", "swarm"),
        ("fuzz --subject none", "raft-core"),
        ("fuzz --subject kvstore-go --scenario snapshots", "takes no part"),
        ("replay", "<SEED>"),
        ("replay 0xzz", "0xzz"),
        ("fuzz --conf /no/such/file", "/no/such/file"),
    ];
    for (line, must_name) in lines {
        let text = complaint(raft_sim(line));
        assert!(text.contains(must_name), "{line}: {text}");
    }
}

#[test]
fn a_variable_that_means_nothing_is_refused() {
    let mut command = raft_sim("fuzz --count 1");
    command.env("RAFT_SIM_SEDE", "1");
    assert!(complaint(command).contains("RAFT_SIM_SEDE"));
}

#[test]
fn a_broken_file_is_named_with_line_and_field() {
    let conf = file("broken_conf.json", "{\"EToutStart\":150,\n\"EToutEnd\":\"later\",\"HTout\":50}");
    let text = complaint(raft_sim(&format!("fuzz --count 1 --conf {}", conf.display())));
    assert!(text.contains("broken_conf.json:2:") && text.contains("EToutEnd"), "{text}");
    let peers = file("broken_peers.json", &PEERS.replace("tcp://127.0.0.1:8003", "8003"));
    let text = complaint(raft_sim(&format!("fuzz --count 1 --peers {}", peers.display())));
    assert!(text.contains("broken_peers.json:3:") && text.contains("Host"), "{text}");
}

#[test]
fn the_hash_does_not_depend_on_the_number_of_jobs() {
    let one = json("fuzz --count 40 --jobs 1 --json");
    let three = json("fuzz --count 40 --jobs 3 --json");
    for field in ["trace_hash", "events", "deliveries", "elections", "commits", "faults"] {
        assert_eq!(one[field], three[field], "{field}");
    }
}

#[test]
fn a_replay_has_the_hash_of_its_run() {
    let campaign = json("fuzz --seeds 17..18 --json");
    let replay = json("replay 0x11 --json");
    assert_eq!(campaign["trace_hash"], replay["trace_hash"]);
    assert_eq!(campaign["events"], replay["events"]);
    assert_eq!(replay["seed"], 17);
    assert!(replay["failure"].is_null());
}

/// No seed of the swarm fails: what is shown of a failure is tested where one is planted.
#[test]
fn a_trace_is_written_in_each_format() {
    let text = |format: &str| {
        let output = output(&format!("replay 0x11 --scenario elections --trace {format}"));
        assert_eq!(output.status.code(), Some(0));
        String::from_utf8(output.stdout).expect("text")
    };
    let lines: Vec<Value> =
        text("json").lines().map(|line| serde_json::from_str(line).expect("a JSON document a line")).collect();
    for (event, line) in lines.iter().enumerate() {
        assert_eq!(line["event"], event);
        assert!(line["kind"].is_string() && line["at_ns"].is_u64(), "{line}");
        assert!(line["cause"].is_null() || line["cause"].as_u64() < Some(event as u64), "{line}");
    }
    assert!(lines.iter().any(|line| line["changes"][0]["role"] == "leader"));
    assert!(text("shiviz").starts_with("(?<time>"));
    assert!(text("mermaid").starts_with("sequenceDiagram\n"));
    assert!(text("full").lines().count() > text("short").lines().count());
}

#[test]
fn there_is_nothing_to_explain_about_a_clean_seed() {
    assert!(json("explain 0x11 --json")["failure"].is_null());
    assert!(String::from_utf8(output("explain 0x11").stdout).expect("text").contains("does not fail"));
}

#[test]
fn the_document_of_a_campaign_has_every_field_that_scripts_rely_on() {
    let document = json("fuzz --seeds 5..25 --json");
    assert_eq!(document["scenario"], "swarm");
    assert_eq!(document["subject"], "raft-core");
    assert_eq!(document["first_seed"], 5);
    assert_eq!(document["runs"], 20);
    assert_eq!(document["unknown"], 0);
    assert_eq!(document["version"], env!("CARGO_PKG_VERSION"));
    for field in ["events", "deliveries", "virtual_ms", "elections", "commits", "recoveries"] {
        assert!(document[field].as_u64() > Some(0), "{field}");
    }
    assert!(document["wall_ms"].is_u64());
    assert_eq!(document["failures"], Value::Array(Vec::new()));
    assert!(document["faults"]["crash"].is_u64());
    assert!(document["features"].is_object());
    // Of any Raft, which twenty runs of everything reach, and of this one: counted here and nowhere else.
    assert!(document["marks"]["tail_truncated"].as_u64() > Some(0));
    assert!(document["marks"]["hint_skips_term"].is_u64() && document["features"]["hint_skips_term"].is_null());
    assert_eq!(document["never_met"], Value::Array(Vec::new()));
    let nodes: Vec<u64> = document["nodes"].as_array().into_iter().flatten().filter_map(Value::as_u64).collect();
    assert!(nodes.len() == 2 && nodes[0] <= nodes[1] && nodes[0] >= 1 && nodes[1] <= 7, "{nodes:?}");
}

#[test]
fn the_files_of_a_real_cluster_decide_its_size_and_timeouts() {
    let peers = file("peers.json", PEERS);
    let run = |conf: &str| {
        let conf = file(&format!("conf{}.json", conf.len()), conf);
        json(&format!("fuzz --count 20 --json --conf {} --peers {}", conf.display(), peers.display()))
    };
    let usual = run(CONF);
    assert_eq!(usual["nodes"], serde_json::json!([3, 3]));
    assert_eq!(usual["trace_hash"], run(CONF)["trace_hash"]);
    assert_ne!(usual["trace_hash"], run(&CONF.replace("150", "1500").replace("400", "4000"))["trace_hash"]);
}

#[test]
fn a_lone_server_is_not_held_to_faults_between_servers() {
    let peers = file("lone_peer.json", "{\"Peers\":[{\"P_id\":1,\"Host\":\"tcp://127.0.0.1:8002\"}]}");
    let document = json(&format!("fuzz --count 2000 --json --peers {}", peers.display()));
    assert_eq!(document["nodes"], serde_json::json!([1, 1]));
    assert!(document["faults"]["partition"].is_null() && document["faults"]["torn_write"].as_u64() > Some(0));
}

#[test]
fn the_summary_says_what_was_done_and_nothing_else_is_printed_into_a_pipe() {
    let output = output("fuzz --count 20");
    let text = String::from_utf8(output.stdout).expect("text");
    assert!(output.stderr.is_empty(), "progress belongs on a terminal");
    for word in ["20 from 0x0", "elections", "commits", "crash", "Nothing was violated", "Next"] {
        assert!(text.contains(word), "{word}: {text}");
    }
}

#[test]
fn the_environment_chooses_seeds_where_the_line_does_not() {
    let mut command = raft_sim("fuzz --json");
    let output = command.env("RAFT_SIM_SEED", "0x11").output().expect("the command starts");
    let document: Value = serde_json::from_slice(&output.stdout).expect("one JSON document");
    assert_eq!((&document["first_seed"], &document["runs"]), (&Value::from(17), &Value::from(1)));
}

#[test]
fn the_command_that_replays_a_failure_names_the_subject_and_its_files() {
    let (conf, peers) = (file("go_conf.json", CONF), file("go_peers.json", PEERS));
    let files = format!("--conf {} --peers {}", conf.display(), peers.display());
    let output = output(&format!("fuzz --subject kvstore-go --count 30 --json {files}"));
    let document: Value = serde_json::from_slice(&output.stdout).expect("one JSON document");
    assert_eq!((&document["subject"], &document["nodes"]), (&"kvstore-go".into(), &serde_json::json!([3, 3])));
    let failure = &document["failures"][0];
    let replay = failure["replay"].as_str().expect("a command").strip_prefix("raft-sim ").expect("this program");
    assert!(replay.contains("--subject kvstore-go") && replay.contains(&files), "{replay}");
    let again: Value =
        serde_json::from_slice(&raft_sim(&format!("{replay} --json")).output().expect("it starts").stdout)
            .expect("one JSON document");
    assert_eq!(again["failure"]["signature"], failure["signature"]);
}

#[test]
fn list_names_what_there_is() {
    let document = json("list --json");
    let names = |field: &str| -> Vec<String> {
        document[field].as_array().into_iter().flatten().map(|row| row["name"].to_string()).collect()
    };
    for scenario in ["\"swarm\"", "\"elections\"", "\"replication\""] {
        assert!(names("scenarios").contains(&scenario.to_owned()));
    }
    assert!(names("checkers").len() >= 9 && names("faults").len() >= 11);
    assert!(String::from_utf8(output("list").stdout).expect("text").contains("(default)"));
}

#[test]
fn a_time_limit_ends_a_campaign_early_and_clean() {
    let document = json("fuzz --count 1000000000 --time 300ms --json");
    assert!(document["runs"].as_u64() < Some(1_000_000_000));
}

/// `kill` is part of every Unix.
#[cfg(unix)]
#[test]
fn ctrl_c_still_prints_the_summary_so_far() {
    use std::process::Stdio;
    use std::time::Duration;

    let running = raft_sim("fuzz --count 1000000000").stdout(Stdio::piped()).spawn().expect("the command starts");
    // Long enough to be under way; a signal before the handler is in place would just end the process.
    std::thread::sleep(Duration::from_secs(1));
    let killed = Command::new("kill").args(["-INT", &running.id().to_string()]).status().expect("kill starts");
    assert!(killed.success());
    let output = running.wait_with_output().expect("it ends");
    let text = String::from_utf8(output.stdout).expect("text");
    assert_eq!(output.status.code(), Some(0));
    assert!(text.contains("interrupted") && text.contains("Nothing was violated"), "{text}");
}

#[test]
fn a_score_names_the_folder_the_bug_or_the_file_that_is_wrong() {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("bugs");
    fs::create_dir_all(&folder).expect("the test's folder can be written to");
    fs::write(folder.join("X1-odd.patch"), "what: odd\ncost: free\ndiff --git a/x b/x\n").expect("a file");
    let odd = format!("score --bugs-dir {}", folder.display());
    assert!(complaint(raft_sim(&odd)).contains("X1-odd.patch: line 2: cost: 'free'"));
    assert!(complaint(raft_sim("score --bugs-dir /nowhere")).contains("--bugs-dir: /nowhere"));
    assert!(complaint(raft_sim("score --bugs E99")).contains("--bugs: there is no 'E99'"));
    let before = file("before.json", "{\"bugs\": 3}");
    let against = format!("score --against {}", before.display());
    assert!(complaint(raft_sim(&against)).contains("before.json: invalid type"));
}

#[test]
fn a_run_under_priorities_repeats_itself_and_says_what_it_promises() {
    let fuzz = json("fuzz --engine pct --depth 2 --events 300 --seeds 5..6 --json");
    let replay = json("replay 5 --engine pct --depth 2 --events 300 --json");
    assert_eq!(fuzz["trace_hash"], replay["trace_hash"]);
    assert_ne!(fuzz["trace_hash"], json("replay 5 --json")["trace_hash"]);
    let text = String::from_utf8(output("fuzz --engine pct --count 3").stdout).expect("text");
    assert!(text.contains("pct, depth 3") && text.contains("at least 1 in"), "{text}");
}

#[test]
fn a_depth_without_priorities_is_refused() {
    let refused = output("fuzz --depth 3 --count 1");
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("--depth"));
}

#[test]
fn a_search_says_how_far_it_came() {
    let found = json("explore --depth 4 --json");
    assert_eq!((&found["verdict"], &found["covered_depth"]), (&Value::from("clean"), &Value::from(4)));
    assert!(found["states_by_elections"][1].as_u64() > Some(0), "{found}");
    assert_eq!(found["states"], json("explore --depth 4 --all-orders --json")["states"]);
    let text = String::from_utf8(output("explore --depth 3 --faults crash=2,loss --commands 1").stdout).expect("text");
    assert!(text.contains("All runs of up to 3 events: clean"), "{text}");
}

#[test]
fn a_search_that_may_not_remember_enough_is_no_clean_one() {
    let found = output("explore --depth 6 --states 100");
    assert_eq!(found.status.code(), Some(6));
    assert!(String::from_utf8_lossy(&found.stdout).contains("UNKNOWN"));
}

#[test]
fn a_fault_that_no_search_knows_is_refused() {
    let refused = output("explore --faults gremlins");
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("gremlins"));
}
