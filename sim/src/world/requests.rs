//! Clients: their requests on the way to a node, and its answers on the way back.

use super::World;
use super::event::Event;
use crate::failure::Violation;
use crate::node::NodeId;
use crate::plan::Clients;
use crate::subject::{Access, Input, RequestId, Response, Role, Subject};

/// So often a command is drawn until it is no read; a subject that has none but reads is asked for one.
const MOST_DRAWS: u32 = 100;

impl<S: Subject> World<S> {
    pub(super) fn client_wakes(&mut self, client: u16) -> Result<(), Box<Violation>> {
        if self.is_healed() {
            if self.is_probe(client) {
                self.probe();
            }
            return Ok(());
        }
        let place = usize::from(client);
        match self.plan.clients {
            Clients::Open { every_ns } => {
                self.queue.push(self.now_ns + every_ns, Event::ClientWakes { client });
                let Some(leader) = self.current_leader() else { return Ok(()) };
                let (id, command) = self.begin_request(place);
                self.trace.note(self.now_ns, || format!("client {client} asks {leader} for {command:?}"));
                self.checkers.arrived(id);
                self.step_node(leader, Input::Request { id, command })
            }
            Clients::Closed { timeout_ns, .. } => {
                let (id, command) = self.begin_request(place);
                let state = &mut self.clients[place];
                let to = state.target(self.plan.nodes);
                if let Some(delay_ns) = state.delay_ns(&self.plan.network) {
                    self.trace.note(self.now_ns, || format!("client {client} asks {to} for {command:?}"));
                    self.queue.push(self.now_ns + delay_ns, Event::Request { to, id, command: Box::new(command) });
                } else {
                    self.trace.note(self.now_ns, || format!("client {client} asks {to} for {command:?}  (lost)"));
                }
                self.queue.push(self.now_ns + timeout_ns, Event::ClientGivesUp { id });
                Ok(())
            }
        }
    }

    pub(super) fn begin_request(&mut self, place: usize) -> (RequestId, S::Command) {
        let id = self.clients[place].begin();
        let mut command = self.draw_command(id);
        // A read may be answered by a cluster that can commit nothing.
        for _ in 0..MOST_DRAWS {
            if !self.is_probe(id.client) || !matches!(S::access(&command), Access::Read { .. }) {
                break;
            }
            command = self.draw_command(id);
        }
        self.checkers.invoked(id, S::command_digest(&command), S::access(&command));
        (id, command)
    }

    fn draw_command(&mut self, id: RequestId) -> S::Command {
        let choice = &mut self.clients[usize::from(id.client)].choice;
        S::draw_command(&self.plan.settings, id.client, id.number, choice)
    }

    /// The node that leads the latest term, as far as nodes that are up and running believe.
    pub(super) fn current_leader(&self) -> Option<NodeId> {
        NodeId::all(self.plan.nodes)
            .filter(|node| self.subjects[node.index()].is_some() && !self.paused.contains(*node))
            .filter(|node| self.checkers.seen(*node).role == Role::Leader)
            .max_by_key(|node| self.checkers.seen(*node).term_and_vote.term)
    }

    pub(super) fn request(&mut self, to: NodeId, id: RequestId, command: S::Command) -> Result<(), Box<Violation>> {
        if !self.links.is_in_reach(to) {
            self.trace.note(self.now_ns, || format!("client {} ─✗ {to}  (cut off)", id.client));
            return Ok(());
        }
        if self.subjects[to.index()].is_none() {
            self.trace.note(self.now_ns, || format!("client {} ─✗ {to}  ({to} is down)", id.client));
            return Ok(());
        }
        self.trace.note(self.now_ns, || format!("client {} ──▶ {to}  {command:?}", id.client));
        self.checkers.arrived(id);
        self.step_node(to, Input::Request { id, command })
    }

    /// Sends what a node has answered on its way, after the checkers have seen the node.
    pub(super) fn send_responses(&mut self, node: NodeId) -> Result<(), Box<Violation>> {
        let mut responses = std::mem::take(&mut self.responses);
        for (id, response) in responses.drain(..) {
            // Judged where it is said: whether and when the client hears of it changes nothing.
            match &response {
                Response::Done { index, answer } => self.checkers.done(node, id, *index, || S::read_value(answer))?,
                Response::NotLeader { .. } | Response::NoEffect => self.checkers.refused(id)?,
            }
            let is_remote = matches!(self.plan.clients, Clients::Closed { .. }) || self.is_probe(id.client);
            let network = self.client_network();
            let client = &mut self.clients[usize::from(id.client)];
            if is_remote
                && self.links.is_in_reach(node)
                && let Some(delay_ns) = client.delay_ns(&network)
            {
                self.queue.push(self.now_ns + delay_ns, Event::Response { id, response: Box::new(response) });
            }
        }
        self.responses = responses;
        Ok(())
    }

    pub(super) fn respond(&mut self, id: RequestId, response: &Response<S::Answer>) {
        self.trace.note(self.now_ns, || format!("client {} ◀── {response:?}", id.client));
        let client = &mut self.clients[usize::from(id.client)];
        let leader = match response {
            Response::Done { .. } => client.leader(),
            Response::NotLeader { leader } => *leader,
            Response::NoEffect => None,
        };
        let was_waited_for = client.end(id, leader);
        self.probe_hears(id, response);
        if was_waited_for {
            self.client_thinks(id.client);
        }
    }

    pub(super) fn client_gives_up(&mut self, id: RequestId) {
        if self.clients[usize::from(id.client)].end(id, None) {
            self.trace.note(self.now_ns, || format!("client {} gives up request {}", id.client, id.number));
            self.client_thinks(id.client);
        }
    }

    pub(super) fn client_thinks(&mut self, client: u16) {
        if self.is_healed() {
            if self.is_probe(client) {
                self.probe_rests();
            }
        } else if let Clients::Closed { think_ns, .. } = self.plan.clients {
            let think_ns = self.clients[usize::from(client)].choice.within(think_ns);
            self.queue.push(self.now_ns + think_ns, Event::ClientWakes { client });
        }
    }
}
