//! The replica's own thread: one input after the other, and what it asks for carried out.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use raft_core::{Entry, LogIndex, MemberRole, Message, NodeId, RoleName, Time, TransferOutcome};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use serde::Serialize;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot, watch};
use tracing::{error, info, warn};

use super::book::Book;
use super::clients::Clients;
use super::disk::{self, Done};
use super::frame::Secret;
use super::link::{self, Link, nonce};
use super::metrics::Metrics;
use super::options::Settings;
use super::peers::Peers;
use crate::bytes::Bytes;
use crate::machine::StateMachine;
use crate::replica::{Clock, Input, Outcome, Output, Replica, Request};
use crate::storage::{Batch, Directory, DirectoryReader, recover};

/// The most inputs that wait for the replica, and are taken at once.
const QUEUE: usize = 4_096;
const AT_ONCE: usize = 512;
/// A removed server goes on for so long, for the others to hear of it too.
const LINGER: Duration = Duration::from_secs(1);

/// What happens to a server.
#[derive(Debug)]
pub(super) enum Event {
    Received {
        from: NodeId,
        message: Message<Bytes>,
    },
    Unreachable(NodeId),
    Asked {
        request: Request,
        answer: oneshot::Sender<Outcome>,
    },
    Transfer {
        to: NodeId,
        answer: oneshot::Sender<TransferOutcome>,
    },
    TakeSnapshot,
    Look(oneshot::Sender<Status>),
    CopyState(oneshot::Sender<StateMachine>),
    CopyLog(oneshot::Sender<Vec<Entry<Bytes>>>),
    /// Hand over leadership where there is any.
    HandOver,
    /// Stop, after handing over leadership where there is any.
    Stop,
}

/// Who leads, as this server knows it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Leadership {
    pub(super) is_leader: bool,
    pub(super) leader: Option<NodeId>,
}

/// A server at one moment.
#[derive(Clone, Debug, Serialize)]
pub struct Status {
    /// Its id.
    pub id: u64,
    /// Its role.
    pub role: &'static str,
    /// The latest term it has seen.
    pub term: u64,
    /// The leader of that, where known.
    pub leader: Option<u64>,
    /// What is compacted into a snapshot.
    pub compacted: u64,
    /// The last entry applied.
    pub applied: u64,
    /// The highest index known to be committed.
    pub committed: u64,
    /// The last entry on its own disk.
    pub durable: u64,
    /// The last entry of its log.
    pub last: u64,
    /// How many keys there are.
    pub keys: u64,
    /// How many sessions are open.
    pub sessions: u64,
    /// All that was applied in one number: equal on servers that applied the same.
    pub history: String,
    /// The members of the cluster, as its log has it.
    pub members: Vec<MemberStatus>,
    /// What a leader knows of its followers.
    pub followers: Vec<FollowerStatus>,
}

/// A member.
#[derive(Clone, Debug, Serialize)]
pub struct MemberStatus {
    /// Its id.
    pub id: u64,
    /// What it is.
    pub role: &'static str,
    /// Where its peers reach it.
    pub address: Option<String>,
}

/// A follower, as its leader sees it.
#[derive(Clone, Debug, Serialize)]
pub struct FollowerStatus {
    /// Its id.
    pub id: u64,
    /// The last entry known to be durable there.
    pub match_index: u64,
    /// How it is brought up to date.
    pub flow: String,
}

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
        let begun = now();
        let recovered =
            recover(&store, settings.id.0, settings.segment_bytes).map_err(|error| format!("{directory}: {error}"))?;
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
        let listen = |address: String| async move {
            TcpListener::bind(&address).await.map_err(|error| format!("{address}: {error}"))
        };
        let peers_port = listen(settings.listen.peers.clone()).await?;
        let clients_port = listen(settings.listen.clients.clone()).await?;
        let admin_port = listen(settings.listen.admin.clone()).await?;

        let origin = now();
        let reader = store.reader();
        let rng = ChaCha8Rng::from_seed(nonce()?);
        let replica = Replica::new(&settings.config(), settings.snapshots, recovered, reader.clone(), Time(0), rng)
            .map_err(|error| format!("{directory}: {error}"))?;
        let metrics = Arc::new(Metrics::default());
        let (events, inbox) = mpsc::channel(QUEUE);
        let (done, disk_done) = mpsc::unbounded_channel();
        let batches = disk::start(store, done.clone(), metrics.clone());
        let (ended_sender, ended) = watch::channel(None);
        let (leadership, leadership_seen) = watch::channel(Leadership { is_leader: false, leader: None });

        let book = Book::default();
        settings.peers.iter().for_each(|(id, address)| book.add(*id, address));
        book.set_clients(settings.id, &settings.listen.clients);
        let secret = settings.secret.clone().unwrap_or_else(|| Secret::new(b""));
        let peers = Peers {
            own: settings.id,
            secret: secret.clone(),
            book: book.clone(),
            events: events.clone(),
            metrics: metrics.clone(),
        };
        let clients = Clients {
            own: settings.id,
            book: book.clone(),
            events: events.clone(),
            leadership: leadership_seen,
            metrics: metrics.clone(),
            forward: settings.forward,
        };
        let admin = super::admin::Admin {
            own: settings.id,
            book: book.clone(),
            events: events.clone(),
            metrics: metrics.clone(),
            secret: settings.secret.clone(),
        };
        let background = [
            tokio::spawn(peers.listen(peers_port)),
            tokio::spawn(clients.listen(clients_port)),
            tokio::spawn(admin.listen(admin_port)),
        ];
        info!(
            id = settings.id.0,
            peers = settings.listen.peers,
            clients = settings.listen.clients,
            admin = settings.listen.admin,
            secret = settings.secret.is_some(),
            "listening"
        );
        let mut node = Node {
            own: settings.id,
            replica,
            origin,
            reader,
            batches,
            done,
            waiting: BTreeMap::new(),
            next_request: 1,
            transfers: Vec::new(),
            links: BTreeMap::new(),
            book,
            secret,
            clients: settings.listen.clients.clone(),
            events: events.clone(),
            leadership,
            metrics,
            runtime: tokio::runtime::Handle::current(),
            membership_index: LogIndex(0),
            was_member: false,
            known_addresses: 0,
            end: None,
        };
        start_thread(settings.id, move || {
            let result = node.run(inbox, disk_done);
            background.iter().for_each(tokio::task::JoinHandle::abort);
            if let Err(problem) = &result {
                error!(problem, "stopped");
            }
            drop(node);
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

fn start_thread(id: NodeId, run: impl FnOnce() + Send + 'static) -> Result<(), String> {
    let builder = std::thread::Builder::new().name(format!("replica {id}"));
    builder.spawn(run).map(drop).map_err(|error| format!("cannot start a thread: {error}"))
}

struct Node {
    own: NodeId,
    replica: Replica<DirectoryReader, ChaCha8Rng>,
    origin: Instant,
    reader: DirectoryReader,
    batches: std::sync::mpsc::Sender<Batch>,
    done: mpsc::UnboundedSender<Done>,
    /// Who waits for an answer, and since when.
    waiting: BTreeMap<u64, (oneshot::Sender<Outcome>, Instant)>,
    next_request: u64,
    transfers: Vec<(NodeId, oneshot::Sender<TransferOutcome>)>,
    links: BTreeMap<NodeId, mpsc::Sender<Message<Bytes>>>,
    book: Book,
    secret: Secret,
    clients: String,
    events: mpsc::Sender<Event>,
    leadership: watch::Sender<Leadership>,
    metrics: Arc<Metrics>,
    runtime: tokio::runtime::Handle,
    membership_index: LogIndex,
    was_member: bool,
    known_addresses: usize,
    end: Option<End>,
}

/// The server is about to stop.
enum End {
    /// At this time, or when it leads no more and nobody waits.
    At(Instant),
    Failed(String),
}

#[expect(clippy::disallowed_methods, reason = "the one place where a server reads clocks")]
fn clock(origin: Instant) -> Clock {
    let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Clock { now: Time(Instant::now().duration_since(origin).as_nanos() as u64), wall_ms: since_1970.as_millis() as u64 }
}

#[expect(clippy::disallowed_methods, reason = "a real server")]
fn now() -> Instant {
    Instant::now()
}

impl Node {
    fn run(&mut self, inbox: mpsc::Receiver<Event>, done: mpsc::UnboundedReceiver<Done>) -> Result<(), String> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .map_err(|error| format!("cannot start a runtime: {error}"))?;
        runtime.block_on(self.serve(inbox, done))
    }

    async fn serve(
        &mut self,
        mut inbox: mpsc::Receiver<Event>,
        mut done: mpsc::UnboundedReceiver<Done>,
    ) -> Result<(), String> {
        let mut events = Vec::new();
        let mut outputs = Vec::new();
        self.look_at_members();
        self.learn_addresses();
        loop {
            let deadline = self.deadline();
            let mut finished = None;
            tokio::select! {
                biased;
                said = done.recv() => finished = said,
                _ = inbox.recv_many(&mut events, AT_ONCE) => {}
                () = tokio::time::sleep_until(deadline.into()) => {}
            }
            while let Some(said) = finished.take() {
                let input = self.disk_input(said)?;
                self.replica.step(clock(self.origin), input, &mut outputs);
                finished = done.try_recv().ok();
            }
            for event in events.drain(..) {
                self.take(event, &mut outputs);
            }
            let time = clock(self.origin);
            if self.replica.next_deadline().is_some_and(|deadline| deadline <= time.now) {
                self.replica.step(time, Input::DeadlineReached, &mut outputs);
            }
            self.replica.flush(&mut outputs);
            for output in outputs.drain(..) {
                self.carry_out(output);
            }
            self.learn_addresses();
            if self.is_removed() && self.end.is_none() {
                info!("removed from the cluster: this server stops, and its directory is needed no more");
                self.end = Some(End::At(now() + LINGER));
            }
            match &self.end {
                Some(End::Failed(problem)) => return Err(problem.clone()),
                Some(End::At(at)) if *at <= now() => return Ok(()),
                Some(End::At(_)) | None => {}
            }
        }
    }

    fn deadline(&self) -> Instant {
        let of_replica = self.replica.next_deadline().map(|at| self.origin + Duration::from_nanos(at.0));
        let of_end = match self.end {
            Some(End::At(at)) => Some(at),
            _ => None,
        };
        let longest = now() + Duration::from_secs(60);
        [of_replica, of_end].into_iter().flatten().min().unwrap_or(longest).min(longest)
    }

    fn disk_input(&self, said: Done) -> Result<Input, String> {
        match said {
            Done::Written => Ok(Input::Written),
            Done::SnapshotStored { last, size, checksum } => {
                info!(index = last.index.0, size, "snapshot taken");
                self.metrics.snapshots.add(1);
                Ok(Input::SnapshotStored { last, size, checksum })
            }
            // Nobody knows what is on the disk now: an fsync that failed once must not be believed later.
            Done::Failed(error) => Err(match error.kind() {
                io::ErrorKind::StorageFull => format!("the disk is full: {error}; make room, and start it again"),
                _ => format!("the disk fails: {error}"),
            }),
        }
    }

    fn take(&mut self, event: Event, outputs: &mut Vec<Output>) {
        let input = match event {
            Event::Received { from, message } => Input::Receive { from, message },
            Event::Unreachable(peer) => Input::PeerUnreachable { peer },
            Event::Asked { request, answer } => {
                let id = self.next_request;
                self.next_request += 1;
                self.waiting.insert(id, (answer, now()));
                Input::Request { id, request }
            }
            Event::Transfer { to, answer } => {
                self.transfers.push((to, answer));
                Input::TransferLeadership { to }
            }
            Event::TakeSnapshot => Input::TakeSnapshot,
            Event::Look(answer) => {
                // Whoever asked may have gone.
                let _ = answer.send(self.status());
                return;
            }
            Event::CopyState(answer) => {
                let _ = answer.send(self.replica.machine().clone());
                return;
            }
            Event::CopyLog(answer) => {
                let log = self.replica.raft().log();
                let _ = answer.send(log.slice(LogIndex(0)..=log.last_index()).to_vec());
                return;
            }
            Event::HandOver => match self.successor() {
                Some(to) => Input::TransferLeadership { to },
                None => return,
            },
            Event::Stop => {
                self.end.get_or_insert(End::At(now() + self.time_to_hand_over()));
                match self.successor() {
                    Some(to) => Input::TransferLeadership { to },
                    None => return,
                }
            }
        };
        self.replica.step(clock(self.origin), input, outputs);
    }

    /// Whoever is to lead after this server, where it leads and is not alone.
    fn successor(&self) -> Option<NodeId> {
        let raft = self.replica.raft();
        let voters = raft.progress().filter(|(id, _)| raft.membership().is_voter(*id));
        voters.max_by_key(|(_, progress)| progress.match_index()).map(|(id, _)| id)
    }

    fn time_to_hand_over(&self) -> Duration {
        if self.successor().is_some() { Duration::from_millis(300) } else { Duration::ZERO }
    }

    fn carry_out(&mut self, output: Output) {
        match output {
            Output::Write(batch) => {
                if self.batches.send(batch).is_err() {
                    self.end = Some(End::Failed("the disk's thread is gone".to_owned()));
                }
            }
            Output::StoreSnapshot { last, machine } => {
                disk::store_snapshot(self.reader.clone(), last, machine, self.done.clone());
            }
            Output::Send { to, message } => self.send(to, message),
            Output::Answer { id, outcome } => {
                if let Some((answer, since)) = self.waiting.remove(&id) {
                    self.metrics.answers.observe(now() - since);
                    // Whoever asked may have gone.
                    let _ = answer.send(outcome);
                }
            }
            Output::TransferEnded { to, outcome } => {
                if let Some(place) = self.transfers.iter().position(|(target, _)| *target == to) {
                    let _ = self.transfers.remove(place).1.send(outcome);
                }
            }
            Output::RoleChanged { term, role, leader } => {
                info!(term = term.0, role = role_name(role), leader = leader.map(|id| id.0), "role");
                self.leadership.send_replace(Leadership { is_leader: role == RoleName::Leader, leader });
                if self.end.is_some() && role != RoleName::Leader {
                    self.end = Some(End::At(now() + Duration::from_millis(20)));
                }
            }
            Output::MembershipChanged { index, membership } => {
                let ids: Vec<u64> = membership.members().iter().map(|member| member.id.0).collect();
                info!(index = index.0, members = ?ids, is_joint = membership.is_joint(), "members");
                self.membership_index = index;
                self.look_at_members();
            }
            Output::FollowerLostLog { follower } => {
                error!(
                    peer = follower.0,
                    "a follower lost what it had acknowledged: wipe it, and let it join under a new id"
                );
            }
            Output::Restored { last } => info!(index = last.index.0, "restored from the leader's snapshot"),
            Output::Refused { from, reason } => warn!(peer = from.map(|id| id.0), reason, "refused"),
            Output::Stop(reason) => {
                let advice =
                    "; remove this server from the cluster, empty its directory, and let it join under a new id";
                self.end = Some(End::Failed(format!("{reason}{advice}")));
            }
        }
    }

    fn send(&mut self, to: NodeId, message: Message<Bytes>) {
        let link = self.links.entry(to).or_insert_with(|| {
            let (messages, queue) = mpsc::channel(link::QUEUE);
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

    /// Links to those who are members no more end; those to new ones begin with the first message.
    fn look_at_members(&mut self) {
        let raft = self.replica.raft();
        self.was_member |= raft.membership().role_of(self.own).is_some();
    }

    fn is_removed(&self) -> bool {
        let raft = self.replica.raft();
        self.was_member
            && raft.membership().role_of(self.own).is_none()
            && raft.last_applied() >= self.membership_index
            && raft.role() != RoleName::Leader
    }

    /// Takes up where servers are that were added meanwhile.
    fn learn_addresses(&mut self) {
        let addresses = self.replica.machine().addresses();
        if addresses.len() != self.known_addresses {
            self.known_addresses = addresses.len();
            for (id, address) in addresses {
                self.book.add(NodeId(*id), &String::from_utf8_lossy(address));
            }
        }
    }

    fn status(&self) -> Status {
        let status = self.replica.raft().status();
        let machine = self.replica.machine();
        let role = |role| match role {
            MemberRole::Voter => "voter",
            MemberRole::Incoming => "incoming voter",
            MemberRole::Outgoing { .. } => "outgoing voter",
            MemberRole::Learner { is_promoted: false } => "learner",
            MemberRole::Learner { is_promoted: true } => "learner, to be promoted",
        };
        let address = |id| self.book.get(id).map(|addresses| addresses.peers);
        Status {
            id: self.own.0,
            role: role_name(status.role),
            term: status.term.0,
            leader: status.leader.map(|id| id.0),
            compacted: status.compacted.0,
            applied: status.applied.0,
            committed: status.committed.0,
            durable: status.durable.0,
            last: status.last.0,
            keys: machine.len() as u64,
            sessions: machine.open_sessions() as u64,
            history: format!("{:016x}", machine.history()),
            members: (status.membership.members().iter())
                .map(|member| MemberStatus { id: member.id.0, role: role(member.role), address: address(member.id) })
                .collect(),
            followers: (status.followers.iter())
                .map(|follower| FollowerStatus {
                    id: follower.id.0,
                    match_index: follower.match_index.0,
                    flow: format!("{:?}", follower.flow),
                })
                .collect(),
        }
    }
}

pub(super) fn role_name(role: RoleName) -> &'static str {
    match role {
        RoleName::Follower => "follower",
        RoleName::PreCandidate => "pre-candidate",
        RoleName::Candidate => "candidate",
        RoleName::Leader => "leader",
    }
}
