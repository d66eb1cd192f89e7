//! The operators' port: HTTP with `/metrics`, `/status`, and what an operator asks for.
//!
//! ```text
//! GET  /metrics                    Prometheus' text format
//! GET  /status                     JSON
//! POST /add/ID?address=HOST:PORT   a new voter, once it has caught up
//! POST /add-learner/ID?address=..  a new learner
//! POST /promote/ID                 a learner votes, once it has caught up
//! POST /remove/ID
//! POST /transfer/ID                leadership
//! POST /snapshot                   of this server
//! ```
//!
//! Where the cluster has a secret, whoever posts must show it (`authorization: Bearer SECRET`).

use std::sync::Arc;
use std::time::Duration;

use raft_core::{MemberChange, NodeId, TransferOutcome};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::time::timeout;
use tracing::{info, warn};

use super::book::Book;
use super::handshake::Secret;
use super::metrics::Metrics;
use super::node::Event;
use super::status::Status;
use crate::command::Operation;
use crate::replica::{Outcome, Request};

const MOST_CONNECTIONS: usize = 64;
/// The most bytes of a request's head. Requests here have no body.
const LONGEST_HEAD: usize = 8 << 10;
const SLOWEST: Duration = Duration::from_secs(10);
/// A change of members is answered when it is committed; catching up comes after that.
const LONGEST_ANSWER: Duration = Duration::from_secs(10);

#[derive(Clone)]
pub(super) struct Admin {
    pub(super) own: NodeId,
    pub(super) book: Book,
    pub(super) events: mpsc::Sender<Event>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) secret: Option<Secret>,
}

/// What is answered: the status line's number and words, the type of the text, and the text.
struct Reply(u16, &'static str, String);

const PLAIN: &str = "text/plain; charset=utf-8";

fn plain(status: u16, text: impl Into<String>) -> Reply {
    Reply(status, PLAIN, format!("{}\n", text.into()))
}

impl Admin {
    pub(super) async fn listen(self, listener: TcpListener) {
        let places = Arc::new(Semaphore::new(MOST_CONNECTIONS));
        loop {
            let Ok(place) = places.clone().acquire_owned().await else { return };
            let Ok((mut stream, address)) = listener.accept().await else {
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            };
            let admin = self.clone();
            tokio::spawn(async move {
                let _place = place;
                let reply = match timeout(SLOWEST, read_head(&mut stream)).await {
                    Ok(Ok(head)) => admin.answer(&head).await,
                    Ok(Err(reason)) => {
                        warn!(%address, reason, "operator's connection closed");
                        plain(400, reason)
                    }
                    Err(_) => {
                        warn!(%address, reason = "it is too slow", "operator's connection closed");
                        plain(408, "too slow")
                    }
                };
                if reply.0 == 400 || reply.0 == 408 {
                    admin.metrics.connections_refused.add(1);
                }
                let Reply(status, kind, text) = reply;
                let head = format!(
                    "HTTP/1.1 {status} {}\r\ncontent-type: {kind}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                    words(status),
                    text.len()
                );
                // Whoever asked may have gone.
                let _ = timeout(SLOWEST, stream.write_all((head + &text).as_bytes())).await;
            });
        }
    }

    async fn answer(&self, head: &Head) -> Reply {
        let (path, address) = match head.target.split_once("?address=") {
            Some((path, address)) => (path, Some(address)),
            None => (head.target.as_str(), None),
        };
        let mut parts = path.trim_start_matches('/').split('/');
        let (verb, id) = (parts.next().unwrap_or_default(), parts.next());
        let id = match id.map(str::parse::<u64>) {
            Some(Ok(id)) => Some(NodeId(id)),
            Some(Err(_)) => return plain(400, "an id is a number"),
            None => None,
        };
        match (head.method.as_str(), verb, id) {
            ("GET", "metrics", None) => self.metrics().await,
            ("GET", "" | "status", None) => match self.status().await {
                Some(status) => match serde_json::to_string_pretty(&status) {
                    Ok(text) => Reply(200, "application/json", text + "\n"),
                    Err(error) => plain(500, error.to_string()),
                },
                None => plain(503, "the server stops"),
            },
            ("POST", ..) if !self.may_post(head) => plain(401, "show the cluster's secret: --secret-file"),
            ("POST", verb, id) => self.operate(verb, id, address).await,
            _ => plain(404, "there are /metrics and /status, and what is posted"),
        }
    }

    fn may_post(&self, head: &Head) -> bool {
        let Some(secret) = &self.secret else { return true };
        head.authorization
            .as_deref()
            .and_then(|value| value.strip_prefix(b"Bearer "))
            .is_some_and(|text| secret.is(text))
    }

    async fn operate(&self, verb: &str, id: Option<NodeId>, address: Option<&str>) -> Reply {
        info!(verb, id = id.map(|id| id.0), address, "operator");
        match (verb, id) {
            ("add", Some(id)) => self.add(id, address, MemberChange::AddVoterOnceCaughtUp(id)).await,
            ("add-learner", Some(id)) => self.add(id, address, MemberChange::AddLearner(id)).await,
            ("promote", Some(id)) => self.change(MemberChange::AddVoterOnceCaughtUp(id)).await,
            ("remove", Some(id)) => self.change(MemberChange::Remove(id)).await,
            ("transfer", Some(to)) => self.transfer(to).await,
            ("snapshot", None) => match self.events.send(Event::TakeSnapshot).await {
                Ok(()) => plain(200, "begun"),
                Err(_) => plain(503, "the server stops"),
            },
            _ => plain(404, "there are add, add-learner, promote, remove, transfer and snapshot"),
        }
    }

    /// Tells all where the new server is, and then makes it a member.
    async fn add(&self, id: NodeId, address: Option<&str>, change: MemberChange) -> Reply {
        match (address, self.book.get(id)) {
            (Some(address), _) => {
                let is_address = address.rsplit_once(':').is_some_and(|(host, port)| {
                    !host.is_empty() && port.parse::<u16>().is_ok_and(|port| port > 0) && address.len() <= 256
                });
                if !is_address {
                    return plain(400, "an address is HOST:PORT");
                }
                let operation = Operation::Introduce { server: id.0, address: address.into() };
                let introduced = self.ask(Request::Command { stamp: None, trace: 0, operation }).await;
                if !matches!(introduced, Some(Outcome::Done { .. })) {
                    return self.said(introduced);
                }
            }
            (None, Some(_)) => {}
            (None, None) => return plain(400, "where is it? give its address"),
        }
        self.change(change).await
    }

    async fn change(&self, change: MemberChange) -> Reply {
        let outcome = self.ask(Request::ChangeMembership(vec![change])).await;
        self.said(outcome)
    }

    async fn ask(&self, request: Request) -> Option<Outcome> {
        let (answer, outcome) = oneshot::channel();
        self.events.send(Event::Asked { request, answer }).await.ok()?;
        timeout(LONGEST_ANSWER, outcome).await.ok()?.ok()
    }

    fn said(&self, outcome: Option<Outcome>) -> Reply {
        match outcome {
            Some(Outcome::Changed | Outcome::Done { .. } | Outcome::Found(_)) => plain(200, "done"),
            Some(Outcome::NotLeader { leader }) => match leader.and_then(|leader| self.book.get(leader)) {
                Some(addresses) => plain(421, format!("ask the leader, whose peers' address is {}", addresses.peers)),
                None => plain(503, "no leader is known"),
            },
            Some(Outcome::Again(why)) => plain(503, format!("again later: {why}")),
            Some(Outcome::Refused(why)) => plain(409, why),
            Some(Outcome::Unknown) | None => plain(504, "whether it took effect is not known: see /status"),
        }
    }

    async fn transfer(&self, to: NodeId) -> Reply {
        let (answer, outcome) = oneshot::channel();
        if self.events.send(Event::Transfer { to, answer }).await.is_err() {
            return plain(503, "the server stops");
        }
        match timeout(LONGEST_ANSWER, outcome).await {
            Ok(Ok(TransferOutcome::SteppedDown)) => plain(200, "done"),
            Ok(Ok(TransferOutcome::Rejected(raft_core::TransferReject::NotLeader { leader }))) => {
                self.said(Some(Outcome::NotLeader { leader }))
            }
            Ok(Ok(TransferOutcome::Rejected(why))) => plain(409, format!("{why:?}")),
            Ok(Ok(other)) => plain(503, format!("again later: {other:?}")),
            _ => plain(504, "whether it took effect is not known: see /status"),
        }
    }

    async fn status(&self) -> Option<Status> {
        let (answer, status) = oneshot::channel();
        self.events.send(Event::Look(answer)).await.ok()?;
        status.await.ok()
    }

    async fn metrics(&self) -> Reply {
        let Some(status) = self.status().await else { return plain(503, "the server stops") };
        let gauges = [
            ("kvstore_raft_term", "The latest term seen.", status.term),
            ("kvstore_raft_is_leader", "Whether this server leads.", u64::from(status.leader == Some(self.own.0))),
            ("kvstore_raft_commit_index", "The highest index known to be committed.", status.committed),
            ("kvstore_raft_applied_index", "The last entry applied.", status.applied),
            ("kvstore_raft_durable_index", "The last entry on this server's disk.", status.durable),
            ("kvstore_raft_last_index", "The last entry of the log.", status.last),
            ("kvstore_raft_compacted_index", "What is compacted into a snapshot.", status.compacted),
            ("kvstore_keys", "Keys.", status.keys),
            ("kvstore_sessions", "Sessions that are open.", status.sessions),
        ];
        Reply(200, "text/plain; version=0.0.4", self.metrics.text(&gauges))
    }
}

struct Head {
    method: String,
    target: String,
    authorization: Option<Vec<u8>>,
}

/// Reads the head of a request, and nothing after it.
async fn read_head(stream: &mut TcpStream) -> Result<Head, String> {
    let mut bytes = Vec::new();
    let mut piece = [0; 1024];
    loop {
        let count = stream.read(&mut piece).await.map_err(|error| error.to_string())?;
        if count == 0 {
            return Err("it ended in the middle".to_owned());
        }
        bytes.extend_from_slice(&piece[..count]);
        let mut headers = [httparse::EMPTY_HEADER; 32];
        let mut request = httparse::Request::new(&mut headers);
        match request.parse(&bytes) {
            Ok(httparse::Status::Complete(_)) => {
                let authorization =
                    request.headers.iter().find(|header| header.name.eq_ignore_ascii_case("authorization"));
                return Ok(Head {
                    method: request.method.unwrap_or_default().to_owned(),
                    target: request.path.unwrap_or_default().to_owned(),
                    authorization: authorization.map(|header| header.value.to_vec()),
                });
            }
            Ok(httparse::Status::Partial) if bytes.len() < LONGEST_HEAD => {}
            Ok(httparse::Status::Partial) => return Err("the head is too long".to_owned()),
            Err(error) => return Err(format!("no HTTP: {error}")),
        }
    }
}

fn words(status: u16) -> &'static str {
    match status {
        200 => "OK",
        400 => "Bad Request",
        401 => "Unauthorized",
        404 => "Not Found",
        408 => "Request Timeout",
        409 => "Conflict",
        421 => "Misdirected Request",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => "Internal Server Error",
    }
}
