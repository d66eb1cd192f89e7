//! The interface of the Go program that this project began with, on the server of today.
//!
//! | There | Here | And |
//! |---|---|---|
//! | `New_raft(id, majority, peers, conf)` | [`Raft::new`] | a majority that is not one is refused |
//! | `LogEntry{Index, Data: "insert\|hello"}` | [`LogEntry`] | verbs `insert`, `update`, `delete`, `view` |
//! | `Id()`, `Term()`, `isLeader()`, `Leader()` | [`Raft::id`], [`Raft::term`], [`Raft::is_leader`], [`Raft::leader`] | no leader is `None` |
//! | `Start()`, `Quit()` | [`Raft::start`], [`Raft::quit`] | what was started keeps its log in [`Raft::keep_in`] |
//! | `Reset()` | [`Raft::reset`] | a leader hands over, and is a follower then |
//! | `Outbox() <- &entry` | [`Raft::outbox`] | who does not lead says who does, instead of dropping the command |
//! | `<-Inbox()` | [`Raft::inbox`] | what has been replicated on a majority, with its answer |
//! | `Givemap()`, `GiveLog()` | [`Raft::map`], [`Raft::log`] | keys are integers, as there |
//! | `DiscardUpto(index)` | [`Raft::discard_up_to`] | a hint, as there: a snapshot is taken |
//!
//! `examples/five_in_one_process.rs` does what the program's own test did.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::mpsc;

use raft_core::Payload;
use tokio::runtime::{Builder, Runtime};

use crate::command::{Command, Operation};
use crate::replica::{Outcome, Request};
use crate::server::{Options, Server};

/// A command: `verb|value` for the key `index`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LogEntry {
    /// The key, which that program calls index.
    pub index: i64,
    /// `insert|VALUE`, `update|VALUE`, `delete|` or `view|`.
    pub data: String,
}

/// What comes out of the [`inbox`](Raft::inbox).
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Delivered {
    /// The command was replicated on a majority and carried out.
    Replicated {
        /// The command.
        entry: LogEntry,
        /// `Done`, `Deleted`, `Not_Found`, or the value.
        answer: String,
    },
    /// It had no effect: this server does not lead.
    Refused {
        /// The command.
        entry: LogEntry,
        /// Who leads, where known.
        leader: Option<u64>,
    },
    /// It had no effect, or nobody knows.
    Failed {
        /// The command.
        entry: LogEntry,
        /// Why.
        reason: String,
    },
}

/// A server of the cluster, in this process.
#[derive(Debug)]
pub struct Raft {
    id: u64,
    options: Options,
    running: Option<Running>,
    delivered: mpsc::Receiver<Delivered>,
    deliver: mpsc::Sender<Delivered>,
}

#[derive(Debug)]
struct Running {
    runtime: Runtime,
    server: std::sync::Arc<Server>,
}

impl Raft {
    /// A server that is not started yet. `majority` is that of the servers in the file `peers`; `conf` has the timeouts.
    ///
    /// # Errors
    /// In one line: a file that makes no sense, an id that is not in it, or a majority that is none.
    pub fn new(id: u64, majority: usize, peers: &Path, conf: &Path) -> Result<Self, String> {
        let options = Options {
            id,
            peers: peers.to_owned(),
            conf: conf.to_owned(),
            data: PathBuf::from(format!("kvstore-data-{id}")),
            clients: None,
            admin: None,
            secret_file: None,
            insecure: true,
            join: false,
            forward: false,
            snapshot_entries: 100_000,
            segment_mib: 8,
        };
        let servers = options.settings()?.peers.len();
        if majority != servers / 2 + 1 {
            return Err(format!("{majority} is not the majority of {servers} servers: {} is", servers / 2 + 1));
        }
        let (deliver, delivered) = mpsc::channel();
        Ok(Self { id, options, running: None, delivered, deliver })
    }

    /// Where it keeps its log and snapshots: `kvstore-data-ID` in the current directory, unless said otherwise.
    #[must_use]
    pub fn keep_in(mut self, directory: &Path) -> Self {
        directory.clone_into(&mut self.options.data);
        self
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> u64 {
        self.id
    }

    /// The latest term it has seen; 0 where it does not run.
    #[must_use]
    pub fn term(&self) -> u64 {
        self.status().map_or(0, |status| status.term)
    }

    /// Whether it leads.
    #[must_use]
    pub fn is_leader(&self) -> bool {
        self.status().is_some_and(|status| status.leader == Some(self.id))
    }

    /// Who leads, where known.
    #[must_use]
    pub fn leader(&self) -> Option<u64> {
        self.status().and_then(|status| status.leader)
    }

    fn status(&self) -> Option<crate::server::Status> {
        let running = self.running.as_ref()?;
        running.runtime.block_on(running.server.status())
    }

    /// Starts it. One that runs goes on.
    ///
    /// # Errors
    /// In one line: what is wrong with its disk or its ports.
    pub fn start(&mut self) -> Result<(), String> {
        if self.running.is_some() {
            return Ok(());
        }
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .map_err(|error| format!("cannot start a runtime: {error}"))?;
        let server = runtime.block_on(Server::start(self.options.settings()?))?;
        self.running = Some(Running { runtime, server: server.into() });
        Ok(())
    }

    /// Stops it; it can be started again.
    pub fn quit(&mut self) {
        if let Some(running) = self.running.take() {
            running.runtime.block_on(async {
                running.server.stop().await;
                // It was asked to.
                let _ = running.server.ended().await;
            });
        }
    }

    /// A leader hands leadership over, and follows then. Anyone else follows already, or soon will.
    pub fn reset(&self) {
        if let Some(running) = &self.running {
            running.runtime.block_on(running.server.hand_over());
        }
    }

    /// Takes a command; what becomes of it comes out of the [`inbox`](Self::inbox).
    ///
    /// # Errors
    /// Where the server does not run, or the command is none: `verb|value`.
    pub fn outbox(&self, entry: LogEntry) -> Result<(), String> {
        let running = self.running.as_ref().ok_or("the server does not run")?;
        let operation = operation(&entry)?;
        let (server, deliver) = (running.server.clone(), self.deliver.clone());
        running.runtime.spawn(async move {
            let outcome = server.ask(Request::Command { stamp: None, trace: 0, operation }).await;
            let delivered = match outcome {
                Some(Outcome::Done { answer, .. }) => Delivered::Replicated { entry, answer: answer.to_string() },
                Some(Outcome::NotLeader { leader }) => Delivered::Refused { entry, leader: leader.map(|id| id.0) },
                Some(Outcome::Again(reason) | Outcome::Refused(reason)) => Delivered::Failed { entry, reason },
                _ => Delivered::Failed { entry, reason: "whether it took effect is not known".to_owned() },
            };
            // Nobody listens any more.
            let _ = deliver.send(delivered);
        });
        Ok(())
    }

    /// What has become of commands, in the order in which that was known.
    pub fn inbox(&self) -> &mpsc::Receiver<Delivered> {
        &self.delivered
    }

    /// The map, as far as this server has applied the log.
    #[must_use]
    pub fn map(&self) -> BTreeMap<i64, String> {
        let machine = self.running.as_ref().and_then(|running| running.runtime.block_on(running.server.state()));
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let machine = machine.unwrap_or_default();
        let pair = |(key, value): (&crate::Bytes, &crate::Bytes)| Some((text(key).parse().ok()?, text(value)));
        machine.range(crate::Bytes::new()).filter_map(pair).collect()
    }

    /// The commands in this server's log, but for what a snapshot has taken the place of.
    #[must_use]
    pub fn log(&self) -> Vec<LogEntry> {
        let entries = self.running.as_ref().and_then(|running| running.runtime.block_on(running.server.log()));
        let entry = |entry: raft_core::Entry<crate::Bytes>| match &entry.payload {
            Payload::Command(bytes) => log_entry(&Command::decode(bytes).ok()?.operation),
            Payload::Noop | Payload::Membership(_) => None,
        };
        entries.unwrap_or_default().into_iter().filter_map(entry).collect()
    }

    /// A hint that the log is not needed up to there: a snapshot takes its place, where it has been applied.
    pub fn discard_up_to(&self, index: u64) {
        if let Some(running) = &self.running
            && self.status().is_some_and(|status| status.compacted < index)
        {
            running.runtime.block_on(running.server.take_snapshot());
        }
    }
}

impl Drop for Raft {
    fn drop(&mut self) {
        self.quit();
    }
}

fn operation(entry: &LogEntry) -> Result<Operation, String> {
    let (verb, value) = entry.data.split_once('|').ok_or_else(|| format!("'{}' is not verb|value", entry.data))?;
    let key = entry.index.to_string().as_str().into();
    match verb {
        "insert" => Ok(Operation::Insert { key, value: value.into() }),
        "update" => Ok(Operation::Update { key, value: value.into() }),
        "delete" => Ok(Operation::Delete { key }),
        "view" => Ok(Operation::View { key }),
        _ => Err(format!("'{verb}' is none of insert, update, delete and view")),
    }
}

fn log_entry(operation: &Operation) -> Option<LogEntry> {
    let (key, verb, value) = match operation {
        Operation::Insert { key, value } => (key, "insert", Some(value)),
        Operation::Update { key, value } => (key, "update", Some(value)),
        Operation::Delete { key } => (key, "delete", None),
        Operation::View { key } => (key, "view", None),
        _ => return None,
    };
    let index = std::str::from_utf8(key).ok()?.parse().ok()?;
    Some(LogEntry {
        index,
        data: format!("{verb}|{}", value.map_or(String::new(), |value| value.display().to_string())),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files() -> (PathBuf, PathBuf, PathBuf) {
        let directory = std::env::temp_dir().join(format!("kvstore-seed-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let (peers, conf) = (directory.join("peers.json"), directory.join("conf.json"));
        let peer = |id: u64| format!("{{\"P_id\":{id},\"Host\":\"tcp://127.0.0.1:{}\"}}", 8001 + id);
        let all = (1..=5).map(peer).collect::<Vec<_>>().join(",");
        std::fs::write(&peers, format!("{{\"Peers\":[{all}]}}")).unwrap();
        std::fs::write(&conf, "{\"EToutStart\":150,\"EToutEnd\":400,\"HTout\":50}").unwrap();
        (directory, peers, conf)
    }

    #[test]
    fn a_majority_that_is_none_is_refused() {
        let (directory, peers, conf) = files();
        assert!(Raft::new(1, 3, &peers, &conf).is_ok());
        for majority in [0, 2, 4, 5, 6] {
            assert!(Raft::new(1, majority, &peers, &conf).is_err(), "{majority}");
        }
        assert!(Raft::new(9, 3, &peers, &conf).is_err(), "no such server");
        std::fs::remove_dir_all(directory).unwrap();
    }

    #[test]
    fn a_command_is_a_verb_and_a_value() {
        let entry = |data: &str| LogEntry { index: 7, data: data.to_owned() };
        for data in ["insert|hello", "update|a|b", "delete|", "view|"] {
            assert_eq!(log_entry(&operation(&entry(data)).unwrap()), Some(entry(data)));
        }
        assert!(operation(&entry("insert")).is_err());
        assert!(operation(&entry("drop|x")).is_err());
    }
}
