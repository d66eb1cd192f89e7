//! The way in from clients: commands of the Redis protocol, as many ahead as a client likes, answered in their order.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::{Bytes as Wire, BytesMut};
use raft_core::{NodeId, ReadMode};
use redis_protocol::resp2::encode::extend_encode;
use redis_protocol::resp2::types::BytesFrame as Frame;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc, oneshot, watch};
use tokio::time::{Instant, timeout, timeout_at};
use tracing::{debug, warn};

use super::book::Book;
use super::commands::{self, Action, Reply};
use super::forward::WayToLeader;
use super::metrics::Metrics;
use super::node::{Event, Leadership};
use super::resp::Splitter;
use crate::bytes::Bytes;
use crate::replica::{Found, Outcome, Query, Request};

/// So many clients at once.
const MOST_CONNECTIONS: usize = 10_000;
/// So many commands of one client are under way at once.
const AHEAD: usize = 1_024;
/// A command that was begun is complete within this time, and an answer taken.
pub(super) const SLOWEST: Duration = Duration::from_secs(30);
/// Whoever waits longer is told that nobody knows.
pub(super) const LONGEST_ANSWER: Duration = Duration::from_secs(10);
/// So many scans are remembered.
const MOST_CURSORS: usize = 4_096;

#[derive(Clone)]
pub(super) struct Clients {
    pub(super) own: NodeId,
    pub(super) book: Book,
    pub(super) events: mpsc::Sender<Event>,
    pub(super) leadership: watch::Receiver<Leadership>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) forward: bool,
}

/// Where scans go on, by the numbers that clients were given.
#[derive(Debug, Default)]
struct Cursors {
    next: u64,
    places: BTreeMap<u64, Bytes>,
}

impl Cursors {
    fn remember(&mut self, place: Bytes) -> u64 {
        self.next += 1;
        self.places.insert(self.next, place);
        if self.places.len() > MOST_CURSORS {
            self.places.pop_first();
        }
        self.next
    }
}

impl Clients {
    pub(super) async fn listen(self, listener: TcpListener) {
        let places = Arc::new(Semaphore::new(MOST_CONNECTIONS));
        let cursors = Arc::new(Mutex::new(Cursors::default()));
        loop {
            let Ok(place) = places.clone().acquire_owned().await else { return };
            let (stream, address) = match listener.accept().await {
                Ok(accepted) => accepted,
                Err(error) => {
                    warn!(%error, "cannot accept a client");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            };
            self.metrics.clients.add(1);
            let connection = Connection {
                server: self.clone(),
                cursors: cursors.clone(),
                stream,
                splitter: Splitter::default(),
                read_here: false,
                leader: WayToLeader::default(),
            };
            tokio::spawn(async move {
                let _place = place;
                let metrics = connection.server.metrics.clone();
                if let Err(reason) = connection.serve().await {
                    metrics.connections_refused.add(1);
                    warn!(%address, reason, "client's connection closed");
                }
            });
        }
    }
}

struct Connection {
    server: Clients,
    cursors: Arc<Mutex<Cursors>>,
    stream: TcpStream,
    splitter: Splitter,
    /// Reads are answered here, whoever leads.
    read_here: bool,
    /// The way to the leader, where commands are passed on.
    leader: WayToLeader,
}

/// An answer that is there, or on its way.
enum Pending {
    Said(Frame),
    Asked { outcome: oneshot::Receiver<Outcome>, reply: Reply, is_read: bool },
    Page { outcome: oneshot::Receiver<Outcome>, pattern: Option<Wire> },
}

impl Connection {
    async fn serve(mut self) -> Result<(), String> {
        // An address that is gone already is noticed with the first read.
        let _ = self.stream.set_nodelay(true);
        let (mut input, mut output) = (BytesMut::with_capacity(16 << 10), BytesMut::new());
        let mut begun = None;
        loop {
            let (commands, refusal) = self.split(&mut input);
            let has_more = commands.len() == AHEAD;
            if !commands.is_empty() {
                begun = None;
            }
            let goes_on = self.answer_all(commands, &mut output).await;
            if let Some(reason) = &refusal {
                encode(&mut output, &commands::error(&format!("ERR {reason}")));
            }
            if !output.is_empty() {
                match timeout(SLOWEST, self.stream.write_all(&output)).await {
                    Err(_) => return Err("it does not take its answers".to_owned()),
                    Ok(Err(_)) => return Ok(()),
                    Ok(Ok(())) => output.clear(),
                }
                if output.capacity() > 1 << 20 {
                    output = BytesMut::new();
                }
            }
            match refusal {
                Some(reason) => return Err(reason),
                None if !goes_on => return Ok(()),
                None => {}
            }
            if has_more {
                continue;
            }
            // Between commands there may be silence for as long as it likes.
            let read = self.stream.read_buf(&mut input);
            let count = match begun {
                None => read.await,
                Some(begun) => timeout_at(begun + SLOWEST, read).await.map_err(|_| "it is too slow".to_owned())?,
            };
            match count {
                Ok(0) | Err(_) => return Ok(()),
                Ok(_) => begun = begun.or_else(|| Some(Instant::now())),
            }
        }
    }

    /// All commands that have come whole, and what is wrong with what follows.
    fn split(&mut self, input: &mut BytesMut) -> (Vec<Vec<Wire>>, Option<String>) {
        let mut commands = Vec::new();
        while commands.len() < AHEAD {
            match self.splitter.next(input) {
                Ok(Some(command)) if command.is_empty() => {}
                Ok(Some(command)) => commands.push(command),
                Ok(None) => return (commands, None),
                Err(refusal) => return (commands, Some(refusal.to_string())),
            }
        }
        (commands, None)
    }

    /// Answers commands in their order. Returns whether there may be more.
    async fn answer_all(&mut self, commands: Vec<Vec<Wire>>, output: &mut BytesMut) -> bool {
        let mut pending: Vec<Pending> = Vec::new();
        for command in commands {
            let action = match commands::parse(&command) {
                Ok(action) => action,
                Err(problem) => {
                    pending.push(Pending::Said(commands::error(&problem)));
                    continue;
                }
            };
            let is_read = matches!(action, Action::Ask { request: Request::Read { .. }, .. } | Action::Scan { .. });
            let waits = matches!(action, Action::Ask { .. } | Action::Scan { .. });
            if waits && self.server.forward && !self.is_here(is_read) {
                self.settle(&mut pending, output).await;
                let said = self.leader.pass_on(&self.server, &command).await;
                output.extend_from_slice(&said);
                continue;
            }
            // What is asked after a write is to see it, and the other way round.
            let differs = |earlier: &Pending| match earlier {
                Pending::Said(_) => false,
                Pending::Asked { is_read: was_read, .. } => *was_read != is_read,
                Pending::Page { .. } => !is_read,
            };
            if waits && pending.last().is_some_and(differs) {
                self.settle(&mut pending, output).await;
            }
            match action {
                Action::Quit => {
                    pending.push(Pending::Said(Frame::SimpleString("OK".into())));
                    self.settle(&mut pending, output).await;
                    return false;
                }
                action => {
                    let next = self.act(action, is_read).await;
                    pending.push(next);
                }
            }
        }
        self.settle(&mut pending, output).await;
        true
    }

    /// Whether this server is the one to ask.
    fn is_here(&self, is_read: bool) -> bool {
        self.server.leadership.borrow().is_leader || is_read && self.read_here
    }

    async fn act(&mut self, action: Action, is_read: bool) -> Pending {
        match action {
            Action::Say(frame) => Pending::Said(frame),
            Action::Info => Pending::Said(self.info().await),
            Action::ReadHere(here) => {
                self.read_here = here;
                Pending::Said(Frame::SimpleString("OK".into()))
            }
            Action::Quit => Pending::Said(Frame::SimpleString("OK".into())),
            Action::Ask { .. } | Action::Scan { .. } if !self.is_here(is_read) => Pending::Said(self.moved(None)),
            Action::Ask { request, reply } => match self.ask(request).await {
                Some(outcome) => Pending::Asked { outcome, reply, is_read },
                None => Pending::Said(commands::error("ERR the server stops")),
            },
            Action::Scan { cursor, pattern, count } => {
                let from = match cursor {
                    0 => Some(Bytes::new()),
                    _ => lock(&self.cursors).places.remove(&cursor),
                };
                let Some(from) = from else { return Pending::Said(commands::error("ERR invalid cursor")) };
                let request = Request::Read { query: Query::Keys { from, count }, mode: ReadMode::ReadIndex };
                match self.ask(request).await {
                    Some(outcome) => Pending::Page { outcome, pattern },
                    None => Pending::Said(commands::error("ERR the server stops")),
                }
            }
        }
    }

    async fn ask(&self, request: Request) -> Option<oneshot::Receiver<Outcome>> {
        match &request {
            Request::Read { .. } => self.server.metrics.reads.add(1),
            _ => self.server.metrics.commands.add(1),
        }
        let (answer, outcome) = oneshot::channel();
        self.server.events.send(Event::Asked { request, answer }).await.ok()?;
        Some(outcome)
    }

    /// Waits for all answers, and says them.
    async fn settle(&self, pending: &mut Vec<Pending>, output: &mut BytesMut) {
        for next in pending.drain(..) {
            let frame = match next {
                Pending::Said(frame) => frame,
                Pending::Asked { outcome, reply, .. } => match timeout(LONGEST_ANSWER, outcome).await {
                    Ok(Ok(outcome)) => self.say(outcome, reply),
                    _ => unknown(),
                },
                Pending::Page { outcome, pattern } => match timeout(LONGEST_ANSWER, outcome).await {
                    Ok(Ok(Outcome::Found(Found::Keys { keys, next }))) => {
                        let cursor = next.map_or(0, |next| lock(&self.cursors).remember(next));
                        commands::say_page(&keys, pattern.as_deref(), cursor)
                    }
                    Ok(Ok(outcome)) => self.say(outcome, Reply::Redis),
                    _ => unknown(),
                },
            };
            encode(output, &frame);
        }
    }

    fn say(&self, outcome: Outcome, reply: Reply) -> Frame {
        match outcome {
            Outcome::Done { answer, .. } => commands::say_answer(&answer, reply),
            Outcome::Found(found) => commands::say_found(&found),
            Outcome::Changed => Frame::SimpleString("OK".into()),
            Outcome::NotLeader { leader } => self.moved(leader),
            Outcome::Again(why) => commands::error(&format!("TRYAGAIN {why}")),
            Outcome::Refused(why) => commands::error(&format!("ERR {why}")),
            Outcome::Unknown => unknown(),
        }
    }

    /// Where to ask instead.
    fn moved(&self, leader: Option<NodeId>) -> Frame {
        let leader = leader.or(self.server.leadership.borrow().leader).filter(|leader| *leader != self.server.own);
        match leader.and_then(|leader| self.server.book.get(leader)) {
            Some(addresses) => commands::error(&format!("MOVED 0 {}", addresses.clients)),
            None => commands::error("CLUSTERDOWN no leader is known"),
        }
    }

    async fn info(&self) -> Frame {
        let (answer, status) = oneshot::channel();
        let asked = self.server.events.send(Event::Look(answer)).await;
        let Ok(status) = status.await else { return commands::error("ERR the server stops") };
        debug_assert!(asked.is_ok());
        let leader = status.leader.map_or(String::new(), |id| id.to_string());
        let address = status.leader.and_then(|id| self.server.book.get(NodeId(id))).map(|known| known.clients);
        let text = format!(
            "# Server\r\nserver_name:kvstore\r\nversion:{}\r\nredis_mode:standalone\r\n\r\n# Raft\r\nraft_id:{}\r\nraft_role:{}\r\n\
             raft_term:{}\r\nraft_leader:{leader}\r\nraft_leader_address:{}\r\nraft_commit:{}\r\nraft_applied:{}\r\n\r\n\
             # Keyspace\r\ndb0:keys={},expires=0\r\n",
            env!("CARGO_PKG_VERSION"),
            status.id,
            status.role,
            status.term,
            address.unwrap_or_default(),
            status.committed,
            status.applied,
            status.keys,
        );
        Frame::BulkString(text.into())
    }
}

fn lock(cursors: &Mutex<Cursors>) -> std::sync::MutexGuard<'_, Cursors> {
    cursors.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Whether it took effect or will, nobody knows.
pub(super) fn unknown() -> Frame {
    commands::error("UNKNOWN whether the command took effect is not known")
}

pub(super) fn encode(output: &mut BytesMut, frame: &Frame) {
    // Fails on frames that we never make.
    if let Err(problem) = extend_encode(output, frame, false) {
        debug!(%problem, "cannot encode");
    }
}
