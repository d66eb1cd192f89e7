//! What a failing run's folder hands over as a test is one: `pasted/test.rs` is what such a folder held, with its tape beside it,
//! pasted here as anybody would, and is what one holds today.

use std::any::type_name;
use std::cell::Cell;
use std::fs;
use std::panic::catch_unwind;
use std::path::Path;

use scenarios::subjects::SubjectName;
use scenarios::with_subject;
use sim::{Choice, Input, LogEntry, Observation, Outputs, Role, Scenario, Setup, Shrinking, Subject, TermAndVote};

use crate::toy::NoDisk;

include!("pasted/test.rs");

thread_local! {
    /// Whether the bug is there, as far as this thread's tests go.
    static IS_FLAWED: Cell<bool> = const { Cell::new(false) };
}

/// Leads as soon as it has woken up twice, whoever leads already, until that is mended.
#[derive(Clone, Debug)]
pub(crate) struct Usurper {
    deadline_ns: u64,
    wakes: u64,
}

impl Subject for Usurper {
    type Settings = u8;
    type Message = ();
    type Command = ();
    type Answer = ();
    type Disk = NoDisk;

    const NAME: &'static str = "usurper";
    const MESSAGE_KINDS: &'static [&'static str] = &["nothing"];

    fn start(mut setup: Setup<'_, u8>, _: &NoDisk) -> Result<Self, String> {
        Ok(Self { deadline_ns: setup.now_ns + setup.jitter.within((10_000_000, 20_000_000)), wakes: 0 })
    }

    fn step(&mut self, now_ns: u64, _: Input<Self>, _: &mut impl Outputs<Self>) {
        if now_ns >= self.deadline_ns {
            self.wakes += 1;
            self.deadline_ns = now_ns + 10_000_000;
        }
    }

    fn deadline_ns(&self) -> Option<u64> {
        Some(self.deadline_ns)
    }

    fn message_kind((): &()) -> u8 {
        0
    }

    fn draw_command(_: &u8, _: u16, _: u32, _: &mut Choice) {}

    fn command_digest((): &()) -> u64 {
        1
    }

    fn observe(&mut self) -> Option<Observation> {
        let term_and_vote = TermAndVote { term: 1, voted_for: None };
        let role = if self.wakes > 1 && IS_FLAWED.get() { Role::Leader } else { Role::Follower };
        Some(Observation { term_and_vote, role, ..Observation::default() })
    }

    fn log_entry(&self, _: u64) -> Option<LogEntry> {
        None
    }
}

fn scenario() -> Scenario<Usurper> {
    Scenario::new("a night of sleep", "nodes that sleep", &[], |_| crate::plan(crate::Habit::Chats))
}

fn while_flawed<T>(run: impl FnOnce() -> T) -> T {
    IS_FLAWED.set(true);
    let result = run();
    IS_FLAWED.set(false);
    result
}

#[test]
fn the_test_of_a_failing_runs_folder_is_the_one_that_was_pasted_here() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("pasted");
    while_flawed(|| {
        let shrunk = sim::shrink_seed(&scenario(), 0x2a, &Shrinking::usual()).expect("a plan").expect("two leaders");
        sim::write_folder::<Usurper>(&folder, &shrunk, "again").expect("the test's folder can be written to");
    });
    let written = fs::read_to_string(folder.join("test.rs")).expect("it was written");
    assert_eq!(written, include_str!("pasted/test.rs"), "what is to be pasted now is in {}", folder.display());
}

#[test]
fn a_pasted_test_fails_as_its_run_did_as_long_as_the_bug_is_there() {
    let panic = while_flawed(|| catch_unwind(a_night_of_sleep_2a_stays_mended)).expect_err("the bug is there");
    let text = panic.downcast_ref::<String>().expect("a message");
    assert!(text.contains("left: Some(Failure") && text.contains("election_safety: two leaders in term"), "{text}");
}

/// The list is written out, so that it compiles only if another crate can name each of them so.
#[test]
fn each_subject_is_named_as_another_crate_must_name_it() {
    macro_rules! named {
        ($($subject:path),*) => { [$((stringify!($subject), type_name::<$subject>())),*] };
    }
    let named = named![
        scenarios::raft_core_subject::RaftCore,
        scenarios::kvstore_subject::Kvstore,
        scenarios::kvstore_go::KvstoreGo,
        scenarios::tikv_raft::TikvRaft
    ];
    for (path, name) in named {
        assert_eq!(path, name);
    }
    for subject in SubjectName::ALL {
        let name = with_subject!(*subject, S => type_name::<S>());
        assert!(named.iter().any(|(path, _)| *path == name), "{name}");
    }
}
