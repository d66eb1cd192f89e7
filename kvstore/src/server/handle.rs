//! A server from its start to its end, as whoever runs it sees it.

use std::sync::Arc;

use raft_core::{Entry, NodeId, Time};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tracing::{error, info};

use super::admin::Admin;
use super::book::Book;
use super::clients::Clients;
use super::disk::Disk;
use super::handshake::Secret;
use super::link::{Links, nonce};
use super::metrics::Metrics;
use super::node::{Event, Leadership, Node, now};
use super::options::{Listen, Settings};
use super::peers::Peers;
use super::status::Status;
use crate::bytes::Bytes;
use crate::machine::StateMachine;
use crate::replica::{Outcome, Replica, Request};
use crate::storage::{Directory, Recovered, recover};

/// The most inputs that wait for the replica.
const QUEUE: usize = 4_096;

/// A server that runs.
#[derive(Debug)]
pub struct Server {
    events: mpsc::Sender<Event>,
    ended: watch::Receiver<Option<Result<(), String>>>,
}

impl Server {
    /// Starts a server: what its disk holds is read, its ports are open, and everything else goes on in the background of
    /// the tokio runtime that this is called on.
    ///
    /// # Errors
    /// In one line: what is wrong with its disk or its ports.
    pub async fn start(settings: Settings) -> Result<Self, String> {
        let directory = settings.data.display().to_string();
        let store = Directory::open(&settings.data).map_err(|error| format!("{directory}: {error}"))?;
        let recovered = read_disk(&store, &settings).map_err(|error| format!("{directory}: {error}"))?;
        let ports = Ports::open(&settings.listen).await?;
        let origin = now();
        let rng = ChaCha8Rng::from_seed(nonce()?);
        let replica = Replica::new(&settings.config(), settings.snapshots, recovered, store.reader(), Time(0), rng)
            .map_err(|error| format!("{directory}: {error}"))?;

        let metrics = Arc::new(Metrics::default());
        let (events, inbox) = mpsc::channel(QUEUE);
        let (leadership, leadership_seen) = watch::channel(Leadership { is_leader: false, leader: None });
        let (disk, disk_done) = Disk::start(store, metrics.clone());
        let book = Book::default();
        settings.peers.iter().for_each(|(id, address)| book.add(*id, address));
        book.set_clients(settings.id, &settings.listen.clients);
        let background = ports.serve(&settings, &book, &events, leadership_seen, &metrics);
        let links = Links::new(&settings, book, events.clone(), metrics);
        let mut node = Node::new(replica, origin, disk, links, leadership);
        let (ended_sender, ended) = watch::channel(None);
        start_thread(settings.id, move || {
            let result = node.run(inbox, disk_done);
            background.iter().for_each(JoinHandle::abort);
            if let Err(problem) = &result {
                error!(problem, "stopped");
            }
            drop(node);
            // Nobody may wait for it any more.
            let _ = ended_sender.send(Some(result));
        })?;
        Ok(Self { events, ended })
    }

    /// What the server looks like now; `None` where it has stopped.
    pub async fn status(&self) -> Option<Status> {
        let (sender, status) = oneshot::channel();
        self.events.send(Event::Look(sender)).await.ok()?;
        status.await.ok()
    }

    /// Asks the server for something; `None` where it stops before it has an answer.
    pub async fn ask(&self, request: Request) -> Option<Outcome> {
        let (answer, outcome) = oneshot::channel();
        self.events.send(Event::Asked { request, answer }).await.ok()?;
        outcome.await.ok()
    }

    /// The state as far as it has applied the log; `None` where it has stopped.
    pub async fn state(&self) -> Option<StateMachine> {
        let (sender, state) = oneshot::channel();
        self.events.send(Event::CopyState(sender)).await.ok()?;
        state.await.ok()
    }

    /// Its log, but for what a snapshot has taken the place of; `None` where it has stopped.
    pub async fn log(&self) -> Option<Vec<Entry<Bytes>>> {
        let (sender, log) = oneshot::channel();
        self.events.send(Event::CopyLog(sender)).await.ok()?;
        log.await.ok()
    }

    /// Asks it to hand leadership over, where it leads.
    pub async fn hand_over(&self) {
        // Where nobody listens, it leads no more.
        let _ = self.events.send(Event::HandOver).await;
    }

    /// Asks it to take a snapshot.
    pub async fn take_snapshot(&self) {
        // Where nobody listens, there is nothing to compact.
        let _ = self.events.send(Event::TakeSnapshot).await;
    }

    /// Asks it to stop: where it leads, it hands leadership over first.
    pub async fn stop(&self) {
        // Where nobody listens, it has stopped.
        let _ = self.events.send(Event::Stop).await;
    }

    /// Waits until it has stopped.
    ///
    /// # Errors
    /// Why, where it was not asked to.
    pub async fn ended(&self) -> Result<(), String> {
        let mut ended = self.ended.clone();
        match ended.wait_for(Option::is_some).await {
            Ok(result) => result.clone().unwrap_or(Ok(())),
            Err(_) => Err("the server's thread is gone".to_owned()),
        }
    }
}

fn read_disk(store: &Directory, settings: &Settings) -> Result<Recovered, crate::storage::StorageError> {
    let begun = now();
    let recovered = recover(store, settings.id.0, settings.segment_bytes)?;
    let report = &recovered.report;
    info!(
        id = settings.id.0,
        segments = report.segments,
        entries = report.entries,
        snapshot_bytes = report.snapshot_bytes,
        took_ms = begun.elapsed().as_millis() as u64,
        "recovered"
    );
    if let Some((file, offset)) = report.torn {
        info!(%file, offset, "left out a batch that a crash had cut: nobody was told that it was durable");
    }
    Ok(recovered)
}

/// Where a server listens.
struct Ports {
    peers: TcpListener,
    clients: TcpListener,
    admin: TcpListener,
}

impl Ports {
    async fn open(listen: &Listen) -> Result<Self, String> {
        let open = async |whom: &str, address: &str| {
            let listener = TcpListener::bind(address).await;
            listener.map_err(|error| format!("cannot listen for {whom} on {address}: {error}"))
        };
        Ok(Self {
            peers: open("peers", &listen.peers).await?,
            clients: open("clients", &listen.clients).await?,
            admin: open("operators", &listen.admin).await?,
        })
    }

    /// Lets in whoever comes.
    fn serve(
        self,
        settings: &Settings,
        book: &Book,
        events: &mpsc::Sender<Event>,
        leadership: watch::Receiver<Leadership>,
        metrics: &Arc<Metrics>,
    ) -> [JoinHandle<()>; 3] {
        let own = settings.id;
        let listen = &settings.listen;
        info!(
            id = own.0,
            peers = listen.peers,
            clients = listen.clients,
            admin = listen.admin,
            secret = settings.secret.is_some(),
            "listening"
        );
        let (book, events, metrics) = (|| book.clone(), || events.clone(), || metrics.clone());
        let secret = settings.secret.clone().unwrap_or_else(|| Secret::new(b""));
        let peers = Peers { own, secret, book: book(), events: events(), metrics: metrics() };
        let forward = settings.forward;
        let clients = Clients { own, book: book(), events: events(), leadership, metrics: metrics(), forward };
        let secret = settings.secret.clone();
        let admin = Admin { own, book: book(), events: events(), metrics: metrics(), secret };
        [
            tokio::spawn(peers.listen(self.peers)),
            tokio::spawn(clients.listen(self.clients)),
            tokio::spawn(admin.listen(self.admin)),
        ]
    }
}

fn start_thread(id: NodeId, run: impl FnOnce() + Send + 'static) -> Result<(), String> {
    let builder = std::thread::Builder::new().name(format!("replica {id}"));
    builder.spawn(run).map(drop).map_err(|error| format!("cannot start a thread: {error}"))
}
