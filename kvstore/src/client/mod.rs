//! A client that finds the leader, sends again what got no answer, and takes effect once all the same: every command is in a
//! session of its own.

mod connection;

use std::fmt;
use std::time::{Duration, Instant};

use redis_protocol::resp2::types::BytesFrame as Frame;

use connection::Connection;

/// A client of a cluster.
#[derive(Debug)]
pub struct Client {
    /// Where the servers listen for clients.
    servers: Vec<String>,
    /// Which of them is asked next, unless one said who leads.
    next: usize,
    leader: Option<String>,
    connection: Option<(String, Connection)>,
    patience: Patience,
    /// What it calls itself when it opens a session.
    name: u64,
    session: Option<u64>,
    sequence: u64,
}

/// How long a client waits.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// For one server, before it asks another.
    pub one_server: Duration,
    /// In all.
    pub in_all: Duration,
    /// How long a session lives without a command.
    pub session: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            one_server: Duration::from_millis(1_000),
            in_all: Duration::from_secs(30),
            session: Duration::from_secs(600),
        }
    }
}

/// How a command failed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Failure {
    /// The servers refused it: it had no effect.
    Refused(String),
    /// Nobody answered in time: it had an effect, or will have, or not.
    Unknown(String),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(why) => write!(f, "{why}"),
            Self::Unknown(why) => write!(f, "{why}; whether it took effect is not known"),
        }
    }
}

impl std::error::Error for Failure {}

/// What a server said.
enum Said {
    Answer(Frame),
    /// Nothing took effect: ask this one, or anyone.
    Elsewhere(Option<String>),
    /// Nothing took effect here and now, or nobody knows: ask again.
    Nothing(String),
}

impl Client {
    /// A client of the servers that listen there for clients. `name` tells its sessions from others' in what operators see.
    #[must_use]
    pub fn new(servers: Vec<String>, name: u64, patience: Patience) -> Self {
        let next = (name % servers.len().max(1) as u64) as usize;
        Self { servers, next, leader: None, connection: None, patience, name, session: None, sequence: 0 }
    }

    /// Carries out one of the seed's verbs or ours: `insert`, `update`, `delete`, `view`, `put`, `append`, `cas`, `create`, with
    /// its key and values. It takes effect once, however often it had to be sent.
    ///
    /// # Errors
    /// Where it was refused, or nobody answered in time.
    pub fn command(&mut self, verb: &str, operands: &[&[u8]]) -> Result<String, Failure> {
        self.command_in(verb, operands, self.patience.in_all)
    }

    fn command_in(&mut self, verb: &str, operands: &[&[u8]], in_all: Duration) -> Result<String, Failure> {
        let deadline = now() + in_all;
        let session = self.session(deadline)?;
        self.sequence += 1;
        let sequence = self.sequence.to_string();
        let session_text = session.to_string();
        // One at a time: all before it are answered.
        let mut words: Vec<&[u8]> =
            vec![b"KV.DO", session_text.as_bytes(), sequence.as_bytes(), sequence.as_bytes(), verb.as_bytes()];
        words.extend(operands);
        match self.ask_until(&words, deadline, true) {
            Ok(Frame::Error(error)) if error.starts_with("SESSIONEXPIRED") => {
                self.session = None;
                Err(Failure::Unknown("the session expired while the command was sent".to_owned()))
            }
            Ok(Frame::Error(error)) => Err(Failure::Refused(error.to_string())),
            Ok(frame) => Ok(text(&frame)),
            Err(failure) => {
                // What was sent may come late: another command must not be taken for it.
                self.session = None;
                Err(failure)
            }
        }
    }

    /// The value of a key, by a read that leaves nothing in the log; `None`: there is none.
    ///
    /// # Errors
    /// Where nobody answered in time.
    pub fn get(&mut self, key: &[u8]) -> Result<Option<Vec<u8>>, Failure> {
        match self.ask_until(&[b"GET", key], now() + self.patience.in_all, true)? {
            Frame::BulkString(value) => Ok(Some(value.to_vec())),
            Frame::Null => Ok(None),
            frame => Err(Failure::Refused(text(&frame))),
        }
    }

    /// Asks for anything outside of a session. It is sent again only where it surely had no effect.
    ///
    /// # Errors
    /// Where it was refused, or nobody answered in time.
    pub fn raw(&mut self, words: &[&[u8]]) -> Result<String, Failure> {
        match self.ask_until(words, now() + self.patience.in_all, false)? {
            Frame::Error(error) => Err(Failure::Refused(error.to_string())),
            frame => Ok(text(&frame)),
        }
    }

    fn session(&mut self, deadline: Instant) -> Result<u64, Failure> {
        if let Some(session) = self.session {
            return Ok(session);
        }
        let (name, expires_after_ms) = (self.name.to_string(), self.patience.session.as_millis().to_string());
        // One that is opened twice is open twice, and one of them expires.
        match self.ask_until(&[b"KV.SESSION", name.as_bytes(), expires_after_ms.as_bytes()], deadline, true) {
            Ok(Frame::Integer(session)) => {
                self.sequence = 0;
                Ok(*self.session.insert(session.unsigned_abs()))
            }
            Ok(frame) => Err(Failure::Refused(text(&frame))),
            Err(Failure::Unknown(why)) => Err(Failure::Refused(why)),
            Err(refused) => Err(refused),
        }
    }

    /// Asks one server after the other until there is an answer.
    fn ask_until(&mut self, words: &[&[u8]], deadline: Instant, is_idempotent: bool) -> Result<Frame, Failure> {
        let mut pause = Duration::from_millis(5);
        let mut problem = "no server answered".to_owned();
        let mut may_have_effect = false;
        while now() < deadline {
            match self.ask_one(words, deadline) {
                Ok(Said::Answer(frame)) => return Ok(frame),
                Ok(Said::Elsewhere(Some(leader))) if self.leader.as_ref() != Some(&leader) => {
                    self.leader = Some(leader);
                    continue;
                }
                Ok(Said::Elsewhere(_)) => {
                    self.try_another();
                    problem = "no leader is known".to_owned();
                }
                Ok(Said::Nothing(why)) => {
                    may_have_effect |= why.starts_with("UNKNOWN");
                    problem = why;
                }
                Err((why, was_sent)) => {
                    may_have_effect |= was_sent;
                    problem = why;
                    self.try_another();
                }
            }
            if may_have_effect && !is_idempotent {
                break;
            }
            wait(pause.min(deadline.saturating_duration_since(now())));
            pause = (2 * pause).min(Duration::from_millis(100));
        }
        if may_have_effect { Err(Failure::Unknown(problem)) } else { Err(Failure::Refused(problem)) }
    }

    fn try_another(&mut self) {
        self.connection = None;
        self.leader = None;
        self.next = (self.next + 1) % self.servers.len().max(1);
    }

    /// Asks the leader, where known, or the next server. The error says whether anything was sent.
    fn ask_one(&mut self, words: &[&[u8]], deadline: Instant) -> Result<Said, (String, bool)> {
        let address = match &self.leader {
            Some(leader) => leader.clone(),
            None => self.servers.get(self.next).cloned().ok_or(("there are no servers".to_owned(), false))?,
        };
        let patience = self.patience.one_server.min(deadline.saturating_duration_since(now()));
        let patience = patience.max(Duration::from_millis(1));
        let mut connection = match self.connection.take() {
            Some((known, connection)) if known == address => connection,
            _ => Connection::open(&address, patience).map_err(|error| (format!("{address}: {error}"), false))?,
        };
        let frame = connection.ask(words, patience).map_err(|error| (format!("{address}: {error}"), true))?;
        self.connection = Some((address, connection));
        Ok(match frame {
            Frame::Error(error) if error.starts_with("MOVED ") => {
                Said::Elsewhere(error.split(' ').nth(2).map(str::to_owned))
            }
            Frame::Error(error) if error.starts_with("CLUSTERDOWN") => Said::Elsewhere(None),
            Frame::Error(error) if error.starts_with("TRYAGAIN") || error.starts_with("UNKNOWN") => {
                Said::Nothing(error.to_string())
            }
            frame => Said::Answer(frame),
        })
    }
}

#[expect(clippy::disallowed_methods, reason = "a real client")]
fn now() -> Instant {
    Instant::now()
}

#[expect(clippy::disallowed_methods, reason = "a real client")]
fn wait(pause: Duration) {
    std::thread::sleep(pause);
}

/// A frame, as people read it.
fn text(frame: &Frame) -> String {
    match frame {
        Frame::SimpleString(bytes) | Frame::BulkString(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        Frame::Error(error) => error.to_string(),
        Frame::Integer(number) => number.to_string(),
        Frame::Array(frames) => frames.iter().map(text).collect::<Vec<_>>().join("\n"),
        Frame::Null => "Not_Found".to_owned(),
    }
}
