//! The way out to one peer: a connection that is made again whenever it breaks.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use raft_core::{Message, NodeId};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};
use tracing::{debug, info, warn};

use super::book::Book;
use super::frame::{Content, Refusal, Seal};
use super::handshake::{self, Secret, WELCOME};
use super::metrics::Metrics;
use super::node::Event;
use super::options::Settings;
use crate::bytes::Bytes;

/// The most messages that wait for one peer: more are dropped, as on any bad network.
const QUEUE: usize = 4_096;
/// So many bytes go out in one write, or one message more.
const WRITE: usize = 1 << 20;
const HANDSHAKE: Duration = Duration::from_secs(3);
/// A write that takes longer is a dead peer's.
const STALLED: Duration = Duration::from_secs(5);
const BACKOFF: (Duration, Duration) = (Duration::from_millis(20), Duration::from_secs(1));

/// The ways out to all peers, each of which begins with the first message.
#[derive(Debug)]
pub(super) struct Links {
    own: NodeId,
    secret: Secret,
    pub(super) book: Book,
    clients: String,
    events: mpsc::Sender<Event>,
    pub(super) metrics: Arc<Metrics>,
    runtime: tokio::runtime::Handle,
    open: BTreeMap<NodeId, mpsc::Sender<Message<Bytes>>>,
}

impl Links {
    /// The links run on the tokio runtime that this is called on.
    pub(super) fn new(settings: &Settings, book: Book, events: mpsc::Sender<Event>, metrics: Arc<Metrics>) -> Self {
        Self {
            own: settings.id,
            secret: settings.secret.clone().unwrap_or_else(|| Secret::new(b"")),
            book,
            clients: settings.listen.clients.clone(),
            events,
            metrics,
            runtime: tokio::runtime::Handle::current(),
            open: BTreeMap::new(),
        }
    }

    /// Puts a message on its way. It may get lost.
    pub(super) fn send(&mut self, to: NodeId, message: Message<Bytes>) {
        let link = self.open.entry(to).or_insert_with(|| {
            let (messages, queue) = mpsc::channel(QUEUE);
            let link = Link {
                own: self.own,
                to,
                secret: self.secret.clone(),
                book: self.book.clone(),
                clients: self.clients.clone(),
                events: self.events.clone(),
                metrics: self.metrics.clone(),
            };
            self.runtime.spawn(link.run(queue));
            messages
        });
        if link.try_send(message).is_err() {
            self.metrics.messages_dropped.add(1);
        }
    }
}

struct Link {
    own: NodeId,
    to: NodeId,
    secret: Secret,
    book: Book,
    /// Where this server listens for clients.
    clients: String,
    events: mpsc::Sender<Event>,
    metrics: Arc<Metrics>,
}

impl Link {
    /// Sends what comes until nothing can come any more.
    async fn run(self, mut messages: mpsc::Receiver<Message<Bytes>>) {
        let mut backoff = BACKOFF.0;
        let mut last_problem = String::new();
        loop {
            match self.connect().await {
                Ok((stream, seal)) => {
                    info!(peer = self.to.0, "connected");
                    (backoff, last_problem) = (BACKOFF.0, String::new());
                    if self.send_all(stream, seal, &mut messages).await.is_none() {
                        return;
                    }
                    info!(peer = self.to.0, "connection lost");
                }
                // Once is enough.
                Err(problem) if problem == last_problem => debug!(peer = self.to.0, problem, "cannot connect"),
                Err(problem) => {
                    warn!(peer = self.to.0, problem, "cannot connect");
                    last_problem = problem;
                }
            }
            // A hint only: where the queue is full, it does not matter.
            let _ = self.events.try_send(Event::Unreachable(self.to));
            // What waits is old by then.
            while messages.try_recv().is_ok() {}
            if messages.is_closed() {
                return;
            }
            sleep(backoff + jitter(backoff)).await;
            backoff = (2 * backoff).min(BACKOFF.1);
        }
    }

    async fn connect(&self) -> Result<(TcpStream, Seal), String> {
        let address = self.book.get(self.to).ok_or("its address is not known")?.peers;
        let connecting = async {
            let mut stream = TcpStream::connect(&address).await.map_err(|error| format!("{address}: {error}"))?;
            stream.set_nodelay(true).map_err(|error| error.to_string())?;
            let seal = self.shake_hands(&mut stream).await.map_err(|problem| format!("{address}: {problem}"))?;
            Ok((stream, seal))
        };
        timeout(HANDSHAKE, connecting).await.map_err(|_| format!("{address}: no answer"))?
    }

    async fn shake_hands(&self, stream: &mut TcpStream) -> Result<Seal, String> {
        let hello = handshake::hello(self.own, self.to, nonce()?);
        let text = |error: std::io::Error| error.to_string();
        stream.write_all(&hello).await.map_err(text)?;
        let mut welcome = [0; WELCOME];
        stream.read_exact(&mut welcome).await.map_err(|error| format!("it hung up: {error}"))?;
        let refused = |refusal: Refusal| refusal.to_string();
        let (proof, mut seal) = handshake::accept_welcome(&self.secret, self.to, &hello, &welcome).map_err(refused)?;
        let mut first = proof.to_vec();
        seal.write(&Content::Introduction { clients: self.clients.clone() }, &mut first);
        stream.write_all(&first).await.map_err(text)?;
        Ok(seal)
    }

    /// Sends until the connection breaks; `None` where there is nothing more to send ever.
    async fn send_all(
        &self,
        mut stream: TcpStream,
        mut seal: Seal,
        messages: &mut mpsc::Receiver<Message<Bytes>>,
    ) -> Option<()> {
        let (mut reader, mut writer) = stream.split();
        let mut out = Vec::new();
        let mut byte = [0];
        loop {
            let message = tokio::select! {
                message = messages.recv() => message?,
                // Nothing ever comes this way: it is the end.
                _ = reader.read(&mut byte) => return Some(()),
            };
            out.clear();
            seal.write(&Content::Raft(message), &mut out);
            let mut count = 1;
            while out.len() < WRITE
                && let Ok(message) = messages.try_recv()
            {
                seal.write(&Content::Raft(message), &mut out);
                count += 1;
            }
            match timeout(STALLED, writer.write_all(&out)).await {
                Ok(Ok(())) => self.metrics.messages_sent.add(count),
                _ => return Some(()),
            }
            out.shrink_to(WRITE);
        }
    }
}

/// Some bytes that nobody can guess.
pub(super) fn nonce<const N: usize>() -> Result<[u8; N], String> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| format!("the system has no random numbers: {error}"))?;
    Ok(bytes)
}

/// Up to half as much again, so that not all come at once.
fn jitter(of: Duration) -> Duration {
    let [byte] = nonce().unwrap_or([0]);
    of * u32::from(byte) / 512
}
