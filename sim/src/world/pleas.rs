//! Candidates and those who are asked for a vote: what was said, and what comes of it in the step that hears it.

use super::World;
use super::mail::Letter;
use crate::checkers::election_restriction;
use crate::checkers::silence::{Listens, breach};
use crate::failure::Violation;
use crate::node::NodeId;
use crate::subject::{Candidacy, OfLeader, Subject, TermAndVote};

/// Somebody asks a node for its vote, or whether it would vote.
#[derive(Clone, Debug)]
pub(super) struct Plea {
    voter: NodeId,
    candidate: NodeId,
    candidacy: Candidacy,
    /// The last term and index of the voter's own log.
    own: (u64, u64),
    before: TermAndVote,
    /// It should not listen, for the sake of the leader of this term.
    owes_silence_to: Option<u64>,
}

impl<S: Subject> World<S> {
    /// The message of `letter` is about to be taken in by `node`.
    #[inline]
    pub(super) fn note_word_of_leader(&mut self, from: NodeId, node: NodeId, letter: &Letter) {
        match self.mail.read(letter).and_then(S::says_of_leader) {
            None => {}
            Some(OfLeader::Leads(term)) => {
                if let Some(silences) = &mut self.silences
                    && term >= self.checkers.seen(node).term_and_vote.term
                {
                    silences.heard(node, term, self.clocks[node].local_ns(self.now_ns));
                }
            }
            Some(said) => self.note_plea(from, node, said),
        }
    }

    /// Whether `message` asks `voter` for what it must refuse for the sake of a leader.
    #[cold]
    pub(super) fn disturbs(&self, voter: NodeId, message: &S::Message) -> bool {
        match S::says_of_leader(message) {
            Some(OfLeader::Campaigns(Candidacy { term, .. }) | OfLeader::WouldCampaign(Candidacy { term, .. })) => {
                self.owes_silence_to(voter, term).is_some()
            }
            _ => false,
        }
    }

    #[cold]
    fn note_plea(&mut self, candidate: NodeId, voter: NodeId, said: OfLeader) {
        let (candidacy, owes_silence_to) = match said {
            OfLeader::Leads(_) => return,
            OfLeader::WouldCampaign(candidacy) => (candidacy, None),
            OfLeader::HandsOver(candidacy) => {
                if let Some(silences) = &mut self.silences {
                    silences.asked_on_behalf(voter, candidacy.term);
                }
                (candidacy, None)
            }
            OfLeader::Campaigns(candidacy) => (candidacy, self.owes_silence_to(voter, candidacy.term)),
        };
        let (own, before) = (self.last_position(voter), self.checkers.seen(voter).term_and_vote);
        self.plea = Some(Box::new(Plea { voter, candidate, candidacy, own, before, owes_silence_to }));
    }

    /// What the node made of what it was asked in the step that is over.
    #[cold]
    pub(super) fn judge_plea(&mut self) -> Result<(), Box<Violation>> {
        let Some(plea) = self.plea.take() else { return Ok(()) };
        let Plea { voter, candidate, candidacy, own, before, owes_silence_to } = *plea;
        let now = self.checkers.seen(voter).term_and_vote;
        if let Some(led) = owes_silence_to
            && now.term == candidacy.term
        {
            return Err(breach(voter, candidate, candidacy.term, Listens::TakesUpTerm, led));
        }
        // Its memory is what counts: the vote may leave later, once it is durable, and its log have grown by then.
        let vote = TermAndVote { term: candidacy.term, voted_for: Some(candidate) };
        if now == vote && before != vote && candidate != voter {
            election_restriction::votes(voter, candidate, candidacy, own)?;
        }
        Ok(())
    }

    /// `node` says that it would vote for `candidate` in `term`, most often in the step in which it is asked.
    #[cold]
    pub(super) fn judge_would_vote(&self, node: NodeId, candidate: NodeId, term: u64) -> Result<(), Box<Violation>> {
        self.judge_silence(node, candidate, term, Listens::WouldVote)?;
        match self.plea.as_deref() {
            Some(plea) if (plea.voter, plea.candidate, plea.candidacy.term) == (node, candidate, term) => {
                election_restriction::would_vote(node, candidate, plea.candidacy, plea.own)
            }
            _ => Ok(()),
        }
    }
}
