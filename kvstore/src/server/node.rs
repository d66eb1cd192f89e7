//! The replica's own thread: one input after the other, and what it asks for carried out.

use std::collections::BTreeMap;
use std::io;
use std::time::{Duration, Instant, SystemTime};

use raft_core::{Entry, LogIndex, Message, NodeId, RoleName, Time, TransferOutcome};
use rand_chacha::ChaCha8Rng;
use tokio::sync::{mpsc, oneshot, watch};
use tracing::{error, info, warn};

use super::disk::{Disk, Done};
use super::link::Links;
use super::status::{Status, role_name};
use crate::bytes::Bytes;
use crate::machine::StateMachine;
use crate::replica::{Clock, Input, Outcome, Output, Replica, Request};
use crate::storage::DirectoryReader;

/// The most inputs that are taken at once.
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

/// The replica, and all that it works with.
pub(super) struct Node {
    replica: Replica<DirectoryReader, ChaCha8Rng>,
    origin: Instant,
    disk: Disk,
    links: Links,
    leadership: watch::Sender<Leadership>,
    /// Who waits for an answer, and since when.
    waiting: BTreeMap<u64, (oneshot::Sender<Outcome>, Instant)>,
    next_request: u64,
    transfers: Vec<(NodeId, oneshot::Sender<TransferOutcome>)>,
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
pub(super) fn now() -> Instant {
    Instant::now()
}

impl Node {
    /// A node whose replica's clock began at `origin`.
    pub(super) fn new(
        replica: Replica<DirectoryReader, ChaCha8Rng>,
        origin: Instant,
        disk: Disk,
        links: Links,
        leadership: watch::Sender<Leadership>,
    ) -> Self {
        Self {
            replica,
            origin,
            disk,
            links,
            leadership,
            waiting: BTreeMap::new(),
            next_request: 1,
            transfers: Vec::new(),
            membership_index: LogIndex(0),
            was_member: false,
            known_addresses: 0,
            end: None,
        }
    }

    /// Goes on until it is told to stop, or has to.
    pub(super) fn run(
        &mut self,
        inbox: mpsc::Receiver<Event>,
        done: mpsc::UnboundedReceiver<Done>,
    ) -> Result<(), String> {
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
            self.replica.flush(clock(self.origin), &mut outputs);
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
                self.links.metrics.snapshots.add(1);
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
                let _ = answer.send(Status::of(&self.replica, &self.links.book));
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
                if !self.disk.write(batch) {
                    self.end = Some(End::Failed("the disk's thread is gone".to_owned()));
                }
            }
            Output::StoreSnapshot { last, machine } => self.disk.store_snapshot(last, machine),
            Output::Send { to, message } => self.links.send(to, message),
            Output::Answer { id, outcome } => {
                if let Some((answer, since)) = self.waiting.remove(&id) {
                    self.links.metrics.answers.observe(now() - since);
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

    fn look_at_members(&mut self) {
        let raft = self.replica.raft();
        self.was_member |= raft.membership().role_of(raft.id()).is_some();
    }

    fn is_removed(&self) -> bool {
        let raft = self.replica.raft();
        self.was_member
            && raft.membership().role_of(raft.id()).is_none()
            && raft.last_applied() >= self.membership_index
            && raft.role() != RoleName::Leader
    }

    /// Takes up where servers are that were added meanwhile.
    fn learn_addresses(&mut self) {
        let addresses = self.replica.machine().addresses();
        if addresses.len() != self.known_addresses {
            self.known_addresses = addresses.len();
            for (id, address) in addresses {
                self.links.book.add(NodeId(*id), &String::from_utf8_lossy(address));
            }
        }
    }
}
