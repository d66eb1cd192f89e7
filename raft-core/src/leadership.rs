//! Being the leader: what a leader keeps, and when it gives up (dissertation §6.2).

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::hash::{Hash, Hasher};

use rand_chacha::rand_core::Rng;

use crate::command::Command;
use crate::effect::{Effect, TransferOutcome};
use crate::ids::{LogIndex, NodeId, Round};
use crate::membership::{Half, MemberRole};
use crate::progress::Progress;
use crate::quorum;
use crate::raft::{Raft, Role};
use crate::read::LeaderReads;
use crate::settings::Settings;
use crate::time::Time;
use crate::transfer::Transfer;

#[derive(Clone, Debug)]
pub(crate) struct Leader {
    pub(crate) followers: Vec<FollowerOfMine>,
    /// What this node is itself; `None` once it has removed itself.
    pub(crate) own_role: Option<MemberRole>,
    pub(crate) is_joint: bool,
    /// The first entry of this leader's own.
    pub(crate) term_start: LogIndex,
    pub(crate) uncommitted_bytes: u64,
    pub(crate) rounds: Rounds,
    pub(crate) reads: LeaderReads,
    pub(crate) transfer: Option<Transfer>,
    /// From then on another may be elected at any time, whatever this leader hears.
    pub(crate) has_sent_timeout_now: bool,
    /// The disk has been stalled for so long that this leader looked for a successor.
    pub(crate) has_offered_leadership: bool,
    pub(crate) heartbeat_deadline: Time,
    /// When to look again whether a quorum and the own disk are there.
    pub(crate) review_deadline: Time,
    /// Room for the arithmetic of quorums.
    reached: Vec<u64>,
}

#[derive(Clone, Hash, Debug)]
pub(crate) struct FollowerOfMine {
    pub(crate) id: NodeId,
    /// `None` for a server that has been removed and is told so.
    pub(crate) role: Option<MemberRole>,
    pub(crate) progress: Progress,
    /// How a learner that is to be promoted keeps up.
    pub(crate) catch_up: Option<CatchUp>,
    /// The entry that removed the server, and when it was appended.
    pub(crate) removed: Option<(LogIndex, Time)>,
}

/// A round of catching up (dissertation §4.2.1): until the learner has what the leader had when the round began.
#[derive(Clone, Copy, Hash, Debug)]
pub(crate) struct CatchUp {
    pub(crate) target: LogIndex,
    pub(crate) began: Time,
}

/// The rounds of a leader's term. Every message to a follower carries the latest, so that an answer tells how recently
/// the follower still recognised this leader.
#[derive(Clone, Hash, Debug, Default)]
pub(crate) struct Rounds {
    last: Round,
    /// When the latest ones began, the last of them at the end.
    began: VecDeque<Time>,
}

impl Rounds {
    /// Rounds older than this many are of no use: a lease on them would be over.
    const REMEMBERED: usize = 16;

    pub(crate) fn last(&self) -> Round {
        self.last
    }

    pub(crate) fn begin(&mut self, now: Time) {
        self.last = self.last.next();
        if self.began.len() == Self::REMEMBERED {
            self.began.pop_front();
        }
        self.began.push_back(now);
    }

    pub(crate) fn began_at(&self, round: Round) -> Option<Time> {
        let from_end = usize::try_from(self.last.0.checked_sub(round.0)?).ok()?;
        let place = self.began.len().checked_sub(from_end + 1)?;
        self.began.get(place).copied()
    }
}

/// The room for arithmetic is no part of a leader's state.
impl Hash for Leader {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        let Self {
            followers,
            own_role,
            is_joint,
            term_start,
            uncommitted_bytes,
            rounds,
            reads,
            transfer,
            has_sent_timeout_now,
            has_offered_leadership,
            heartbeat_deadline: _,
            review_deadline: _,
            reached: _,
        } = self;
        (followers, own_role, is_joint, term_start, uncommitted_bytes).hash(hasher);
        (rounds, reads, transfer, has_sent_timeout_now, has_offered_leadership).hash(hasher);
    }
}

impl Leader {
    pub(crate) fn new(config: &Settings, now: Time, term_start: LogIndex, uncommitted_bytes: u64) -> Self {
        Self {
            followers: Vec::new(),
            own_role: None,
            is_joint: false,
            term_start,
            uncommitted_bytes,
            rounds: Rounds::default(),
            reads: LeaderReads::default(),
            transfer: None,
            has_sent_timeout_now: false,
            has_offered_leadership: false,
            heartbeat_deadline: now.after(config.heartbeat_interval),
            review_deadline: now.after(config.longest_election_timeout),
            reached: Vec::new(),
        }
    }

    pub(crate) fn next_deadline(&self) -> Time {
        let of_reads = self.reads.next_deadline();
        if self.followers.is_empty() {
            return of_reads;
        }
        let of_transfer = self.transfer.as_ref().map_or(Time::NEVER, |transfer| transfer.deadline);
        self.heartbeat_deadline.min(self.review_deadline).min(of_transfer).min(of_reads)
    }

    pub(crate) fn place_of(&self, id: NodeId) -> Option<usize> {
        self.followers.iter().position(|follower| follower.id == id)
    }

    /// The highest number that a quorum has reached, this leader being at `own`: in a joint configuration, a majority
    /// of either half (dissertation §4.3). Learners do not count, nor does a leader that has removed itself.
    pub(crate) fn reached_by_quorum(&mut self, own: u64, of_follower: impl Fn(&Progress) -> u64) -> u64 {
        let in_new = self.reached_in(Half::New, own, &of_follower);
        if self.is_joint { in_new.min(self.reached_in(Half::Old, own, &of_follower)) } else { in_new }
    }

    fn reached_in(&mut self, half: Half, own: u64, of_follower: &impl Fn(&Progress) -> u64) -> u64 {
        let votes = |role: Option<MemberRole>| role.is_some_and(|role| role.votes_in(half));
        self.reached.clear();
        self.reached.extend(votes(self.own_role).then_some(own));
        let voters = self.followers.iter().filter(|follower| votes(follower.role));
        self.reached.extend(voters.map(|follower| of_follower(&follower.progress)));
        quorum::reached_by_majority(&mut self.reached)
    }

    /// The latest round that a quorum has answered.
    pub(crate) fn answered_round(&mut self) -> Round {
        let own = self.rounds.last();
        Round(self.reached_by_quorum(own.0, |progress| progress.answered.0))
    }

    /// Leadership is over: whoever waits for this leader waits no more.
    pub(crate) fn end<P>(self, effects: &mut Vec<Effect<P>>) {
        self.reads.lose(effects);
        if let Some(transfer) = self.transfer {
            transfer.end(TransferOutcome::SteppedDown, effects);
        }
    }
}

impl<P: Command, R: Rng> Raft<P, R> {
    pub(crate) fn leader_deadline_reached(&mut self, effects: &mut Vec<Effect<P>>) {
        let Role::Leader(leader) = &self.role else { return };
        if leader.review_deadline <= self.now {
            self.review_leadership(effects);
        }
        self.end_late_transfer(effects);
        self.give_up_waiting_reads(effects);
        let Role::Leader(leader) = &self.role else { return };
        if leader.heartbeat_deadline <= self.now {
            self.heartbeat(false, effects);
        }
    }

    /// A leader that no quorum hears, or whose own disk hangs, makes room for another: its clients could only wait.
    #[cold]
    fn review_leadership(&mut self, effects: &mut Vec<Effect<P>>) {
        let Role::Leader(leader) = &mut self.role else { return };
        let patience = self.config.longest_election_timeout;
        let heard_at = match self.config.check_quorum {
            true => Time(leader.reached_by_quorum(self.now.0, |progress| progress.heard_at.0)),
            false => self.now,
        };
        if heard_at.after(patience) <= self.now {
            self.become_follower(None, effects);
            return;
        }
        let busy_since = self.durability.oldest_submitted_at().unwrap_or(self.now);
        leader.review_deadline =
            heard_at.min(busy_since).after(patience).max(self.now.after(self.config.heartbeat_interval));
        if busy_since.after(patience) <= self.now {
            self.offer_leadership(effects);
        } else {
            leader.has_offered_leadership = false;
        }
        self.dismiss_removed(effects);
    }

    /// Hands leadership to the follower that is furthest; a leader that nobody relieves steps down. One that nobody can
    /// relieve stays: it would only have to be elected again, by the same disk.
    fn offer_leadership(&mut self, effects: &mut Vec<Effect<P>>) {
        let is_only_voter = self.membership().is_only_voter(self.config.id);
        let Role::Leader(leader) = &mut self.role else { return };
        if leader.transfer.is_some() || is_only_voter {
            return;
        }
        let patience = self.config.longest_election_timeout;
        let is_there = |follower: &&FollowerOfMine| {
            follower.role.is_some_and(|role| role.votes_in(Half::New))
                && self.now < follower.progress.heard_at.after(patience)
        };
        let furthest = leader.followers.iter().filter(is_there).max_by_key(|follower| follower.progress.match_index());
        match furthest.map(|follower| follower.id) {
            Some(to) if !core::mem::replace(&mut leader.has_offered_leadership, true) => {
                self.begin_transfer(to, false, effects);
            }
            _ => self.become_follower(None, effects),
        }
    }
}
