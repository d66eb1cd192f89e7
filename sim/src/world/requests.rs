//! Clients: their requests on the way to a node, and its answers on the way back.

use super::World;
use super::event::Event;
use crate::failure::Violation;
use crate::faults::FaultClass;
use crate::node::NodeId;
use crate::plan::Clients;
use crate::subject::{RequestId, Response, Role, Subject};
use crate::trace::{Request, Source, What};

/// So often a command is drawn until it is no read; a subject that has none but reads is asked for one.
pub(super) const MOST_DRAWS: u32 = 100;

impl<S: Subject> World<S> {
    #[inline(never)]
    pub(super) fn client_wakes(&mut self, client: u16) -> Result<(), Box<Violation>> {
        if self.is_healed() {
            if self.is_probe(client) {
                self.probe();
            }
            return Ok(());
        }
        let place = usize::from(client);
        let has_tape = self.has_taped_requests();
        let attempt = if has_tape { self.taped_client_wakes(client) } else { Some(0) };
        let Some(attempt) = attempt else { return Ok(()) };
        match self.plan.clients {
            Clients::Open { every_ns } => {
                if !has_tape {
                    self.queue.push(self.now_ns + every_ns, Event::ClientWakes { client });
                }
                let Some(leader) = self.current_leader() else { return Ok(()) };
                let (id, command) = self.begin_request(place);
                self.note_ask(leader, id, &command, false);
                self.arrived(leader, id, 0);
                self.request_of(leader, id, command)
            }
            Clients::Stream { every_ns, timeout_ns } => {
                let (id, command) = self.begin_request(place);
                let to = self.draw_target(place, &command);
                if !has_tape {
                    self.queue.push(self.now_ns + every_ns, Event::ClientWakes { client });
                    self.queue.push(self.now_ns + timeout_ns, Event::ClientGivesUp { id, attempt: 1 });
                }
                self.ask(to, id, command);
                Ok(())
            }
            Clients::Closed { timeout_ns, .. } => {
                let (id, command) = self.begin_request(place);
                let to = self.draw_target(place, &command);
                let state = &mut self.clients[place];
                state.attempts += u32::from(attempt);
                if S::takes_effect_once(&command) {
                    state.keep(&command);
                }
                if has_tape {
                    self.draw_thought(client);
                }
                self.ask(to, id, command);
                if !has_tape {
                    self.queue.push(self.now_ns + timeout_ns, Event::ClientGivesUp { id, attempt: 1 });
                }
                Ok(())
            }
        }
    }

    /// Whom a client on the network asks.
    fn draw_target(&mut self, place: usize, command: &S::Command) -> NodeId {
        let is_read = S::access(command).is_some_and(|access| access.is_read());
        let (state, nodes) = (&mut self.clients[place], self.plan.nodes);
        if is_read { state.target_of_read(nodes) } else { state.target(nodes) }
    }

    /// Whether clients ask when a tape says so, and at no other time.
    pub(super) fn has_taped_requests(&self) -> bool {
        self.taping.as_ref().is_some_and(|taping| taping.has_all_requests())
    }

    pub(super) fn note_ask(&mut self, to: NodeId, id: RequestId, command: &S::Command, is_lost: bool) {
        let ask = || What::Ask(in_words::<S>(to, id, command, is_lost));
        self.trace.note(self.now_ns, None, Source::Client(id.client), ask);
        self.trace.leads_to(Source::Asked(id));
    }

    /// A client on the network asks, and its request travels, or is lost.
    fn ask(&mut self, mut to: NodeId, id: RequestId, command: S::Command) {
        let network = self.plan.network;
        let state = &mut self.clients[usize::from(id.client)];
        let attempt = u16::try_from(state.attempts.saturating_sub(1)).unwrap_or(u16::MAX);
        let mut delay_ns = state.delay_ns(&network);
        // Only what takes effect once: anything else would hold up its client, and nothing could come of it.
        if S::takes_effect_once(&command)
            && let Some(late_ns) = state.late_by_ns(&network)
            && let Some(delay_ns) = &mut delay_ns
            && self.now_ns + *delay_ns + late_ns < self.ends_ns
        {
            *delay_ns += late_ns;
            self.counts[FaultClass::StaleReplay] += 1;
        }
        if let Some(taping) = &mut self.taping {
            to = taping.asks(self.now_ns, id, attempt, to, self.plan.nodes);
            delay_ns = taping.request_ns(id, attempt, delay_ns, network.median_ns());
        }
        self.note_ask(to, id, &command, delay_ns.is_none());
        if let Some(delay_ns) = delay_ns {
            self.queue.push(self.now_ns + delay_ns, Event::Request { to, attempt, id, command: Box::new(command) });
        }
    }

    /// A client on the network asks for the same again: the leader, where it knows of one.
    pub(super) fn ask_again(&mut self, id: RequestId, command: S::Command) {
        let to = self.clients[usize::from(id.client)].target(self.plan.nodes);
        self.checkers.asked_again(id, S::command_digest(&command));
        self.history.asked_again(id);
        self.ask(to, id, command);
    }

    /// A request has come to a node.
    pub(super) fn arrived(&mut self, node: NodeId, id: RequestId, attempt: u16) {
        if self.history.arrived(id, self.stamp()) {
            self.checkers.read_arrived(id);
        }
        if let Some(taping) = &mut self.taping {
            taping.arrived(self.now_ns, node, id, attempt);
        }
    }

    pub(super) fn begin_request(&mut self, place: usize) -> (RequestId, S::Command) {
        let id = self.clients[place].begin();
        let mut command = self.draw_command(id);
        // A read may be answered by a cluster that can commit nothing.
        for _ in 0..MOST_DRAWS {
            if !self.is_probe(id.client) || !S::access(&command).is_some_and(|access| access.is_read()) {
                break;
            }
            command = self.draw_command(id);
        }
        self.invoked(id, &command);
        (id, command)
    }

    pub(super) fn invoked(&mut self, id: RequestId, command: &S::Command) {
        let access = S::access(command);
        let is_write = access.is_some_and(|access| !access.is_read());
        self.checkers.invoked::<S>(id, S::command_digest(command), is_write);
        self.history.invoked(id, access);
    }

    pub(super) fn draw_command(&mut self, id: RequestId) -> S::Command {
        let choice = &mut self.clients[usize::from(id.client)].choice;
        if let Some(taping) = &mut self.taping {
            *choice = taping.command(id, choice);
        }
        S::draw_command(&self.plan.settings, id.client, id.number, choice)
    }

    /// The node that leads the latest term, as far as nodes that are up and running believe.
    pub(super) fn current_leader(&self) -> Option<NodeId> {
        NodeId::all(self.plan.nodes)
            .filter(|node| self.subjects[*node].is_some() && !self.paused.contains(*node))
            .filter(|node| self.checkers.seen(*node).role == Role::Leader)
            .max_by_key(|node| self.checkers.seen(*node).term_and_vote.term)
    }

    #[inline(never)]
    pub(super) fn request(
        &mut self,
        to: NodeId,
        id: RequestId,
        attempt: u16,
        command: S::Command,
    ) -> Result<(), Box<Violation>> {
        let is_lost = !self.links.is_in_reach(to) || self.subjects[to].is_none();
        let request = || What::Request(in_words::<S>(to, id, &command, is_lost));
        self.trace.note(self.now_ns, Some(to), Source::Asked(id), request);
        if is_lost {
            return Ok(());
        }
        self.arrived(to, id, attempt);
        self.request_of(to, id, command)
    }

    /// Sends what a node has answered on its way, after the checkers have seen the node.
    #[inline(never)]
    pub(super) fn send_responses(&mut self, node: NodeId, subject: &S) -> Result<(), Box<Violation>> {
        let mut responses = std::mem::take(&mut self.responses);
        for (id, response) in responses.drain(..) {
            // Judged where it is said: whether and when the client hears of it changes nothing.
            match &response {
                Response::Done { index, answer } => {
                    self.checkers.done(node, id, *index)?;
                    self.history.done(id, self.stamp(), S::outcome(answer))?;
                    self.core_has_done(id);
                }
                Response::NotLeader { .. } | Response::NoEffect => {
                    // The subject that is being stepped is not among them.
                    let subjects = &self.subjects;
                    self.checkers.refused(id, |other| other == node || subjects[other].is_some())?;
                    self.history.refused(id);
                    self.core_refuses(id);
                }
            }
            if self.history.is_read(id) {
                self.judge_lease(node, subject)?;
                self.judge_confirmation(node, id, &response)?;
                self.checkers.read_ended(id);
            }
            let is_remote = !matches!(self.plan.clients, Clients::Open { .. }) || self.is_probe(id.client);
            let network = self.client_network();
            let client = &mut self.clients[usize::from(id.client)];
            if !is_remote || !self.links.is_in_reach(node) {
                continue;
            }
            let mut delay_ns = client.delay_ns(&network);
            if let Some(taping) = &mut self.taping {
                delay_ns = taping.answer_ns(node, id, delay_ns, network.median_ns());
            }
            if let Some(delay_ns) = delay_ns {
                self.trace.leads_to(Source::Answered(id));
                self.queue.push(self.now_ns + delay_ns, Event::Response { id, response: Box::new(response) });
            }
        }
        self.responses = responses;
        Ok(())
    }

    #[inline(never)]
    pub(super) fn respond(&mut self, id: RequestId, response: &Response<S::Answer>) {
        let RequestId { client, number } = id;
        let answer = || What::Answer { client, number, says: format!("{response:?}") };
        self.trace.note(self.now_ns, None, Source::Answered(id), answer);
        let asks_again = self.taping.as_ref().is_some_and(|taping| taping.asks_again(id));
        let is_stream = self.is_stream(client);
        let client = &mut self.clients[usize::from(id.client)];
        let leader = match response {
            Response::Done { .. } => client.leader(),
            Response::NotLeader { leader } => *leader,
            Response::NoEffect => None,
        };
        if is_stream {
            return client.hears_in_stream(number, leader);
        }
        client.is_turned_away(matches!(response, Response::NotLeader { leader: None } | Response::NoEffect));
        // Refused this time, and perhaps not before.
        if !matches!(response, Response::Done { .. }) && client.is_in_doubt(id, asks_again) {
            client.hears_of(leader);
            if !self.has_taped_requests() {
                let (attempt, patience_ns) =
                    (self.clients[usize::from(id.client)].attempts, self.patience_ns(id.client));
                self.queue.push(self.now_ns + patience_ns, Event::ClientGivesUp { id, attempt });
            }
            return;
        }
        let was_waited_for = client.end(id, leader);
        self.probe_hears(id, response);
        if was_waited_for {
            self.client_thinks(id.client);
        }
    }

    /// How long a client thinks before it asks again: nothing that decides what it asks for next.
    fn patience_ns(&mut self, client: u16) -> u64 {
        match self.plan.clients {
            Clients::Closed { think_ns, .. } => {
                let client = &mut self.clients[usize::from(client)];
                client.retry.within(think_ns) * client.caution()
            }
            Clients::Stream { every_ns, .. } | Clients::Open { every_ns } => every_ns,
        }
    }

    /// Whether `client` goes on asking whatever becomes of what it asked: it waits for nothing.
    fn is_stream(&self, client: u16) -> bool {
        matches!(self.plan.clients, Clients::Stream { .. }) && !self.is_probe(client)
    }

    /// A client has waited for long enough, unless it has asked again since.
    #[inline(never)]
    pub(super) fn client_gives_up(&mut self, id: RequestId, attempt: u32) {
        let place = usize::from(id.client);
        if self.is_stream(id.client) {
            let RequestId { client, number } = id;
            if self.clients[place].misses_answer(number) {
                self.trace.note(self.now_ns, None, Source::Asked(id), || What::GivesUp { client, number });
            }
            return;
        }
        if self.clients[place].attempts != attempt {
            return;
        }
        if !self.is_healed()
            && let Clients::Closed { timeout_ns, .. } = self.plan.clients
            && let Some(command) = self.clients[place].again(id)
        {
            let attempt = self.clients[place].attempts;
            self.ask_again(id, command);
            self.queue.push(self.now_ns + timeout_ns, Event::ClientGivesUp { id, attempt });
            return;
        }
        if self.clients[usize::from(id.client)].end(id, None) {
            let RequestId { client, number } = id;
            self.trace.note(self.now_ns, None, Source::Asked(id), || What::GivesUp { client, number });
            self.client_thinks(id.client);
        }
    }

    pub(super) fn client_thinks(&mut self, client: u16) {
        if self.is_healed() {
            if self.is_probe(client) {
                self.probe_rests();
            }
        } else if let Clients::Closed { think_ns, .. } = self.plan.clients
            && !self.has_taped_requests()
        {
            let state = &mut self.clients[usize::from(client)];
            let think_ns = state.choice.within(think_ns) * state.caution();
            self.trace.leads_to(Source::Client(client));
            self.queue.push(self.now_ns + think_ns, Event::ClientWakes { client });
        }
    }
}

fn in_words<S: Subject>(to: NodeId, id: RequestId, command: &S::Command, is_lost: bool) -> Request {
    Request { client: id.client, number: id.number, to, says: format!("{command:?}"), is_lost }
}
