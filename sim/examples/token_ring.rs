//! A protocol that is no Raft, from its rules to what 300 seeds say of them: `cargo run --release -p sim --example token_ring`.
//!
//! Mutual exclusion by a token that goes round (Le Lann, 1977): who holds it serves clients, and passes it on to the next node.
//! Each time it is passed it gets the next number, by which late copies of a message are told from news.
//! 1. *State*: [`Node`] is one running node, and [`Hand`], its [`Disk`], all that a crash leaves of it.
//! 2. *Steps*: messages, deadlines and finished writes come in one by one; what a step wants done goes out as it is asked for.
//! 3. *The invariant* speaks of all nodes and disks at once, and is looked at after every event: one node holds the token.
//! 4. *A scenario*: a [`Nemesis`] draws a cluster and its faults from each seed, and [`sim::check`] runs seeds in a test.
//!
//! `Node<true>` is hasty: it passes the token on before its disk knows that it has. A few seeds find the crash in between.

use sim::FaultClass::{Crash, CrashInWrite, Duplication, Loss, LostWrite, Partition, Pause, StaleReplay};
use sim::{
    Campaign, CampaignReport, Choice, Disk, Input, Nemesis, NodeId, Outputs, Response, Scenario, Setup, Subject,
};

const TIMEOUT_NS: u64 = 200_000_000;

/// The highest number of the token that a node has seen, and whether it still holds it.
#[derive(Clone, Copy, Default, Debug)]
struct Hand {
    number: u64,
    holds: bool,
}

impl Disk for Hand {
    type Write = Self;

    fn write(&mut self, write: &Self) {
        *self = *write;
    }
}

#[derive(Clone, Debug)]
struct Token(u64);

struct Node<const HASTY: bool> {
    next: NodeId,
    hand: Hand,
    writes_under_way: u32,
    deadline_ns: u64,
}

impl<const HASTY: bool> Node<HASTY> {
    fn set(&mut self, hand: Hand, out: &mut impl Outputs<Self>) {
        self.hand = hand;
        self.writes_under_way += 1;
        out.write(hand);
    }

    /// Sends the token that it last held, again and again: messages are lost, and who has seen the number ignores it.
    fn pass(&self, out: &mut impl Outputs<Self>) {
        if self.hand.number > 0 && !self.hand.holds && (HASTY || self.writes_under_way == 0) {
            out.send(self.next, Token(self.hand.number + 1));
        }
    }
}

impl<const HASTY: bool> Subject for Node<HASTY> {
    type Settings = ();
    type Message = Token;
    type Command = u64;
    type Answer = u64;
    type Disk = Hand;

    const NAME: &'static str = "token-ring";
    const MESSAGE_KINDS: &'static [&'static str] = &["Token"];
    const FEATURES: &'static [&'static str] = &["passed"];
    const HAS_INVARIANT: bool = true;

    /// Of a node that is down, its disk says whether it will hold the token.
    fn invariant(nodes: &[Option<&Self>], disks: &[Hand]) -> Result<(), String> {
        let hands = nodes.iter().zip(disks).map(|(node, disk)| node.map_or(*disk, |node| node.hand));
        let mut holders = (0..).map(NodeId).zip(hands).filter(|(_, hand)| hand.holds);
        match (holders.next(), holders.next()) {
            (Some((one, Hand { number, .. })), Some((other, Hand { number: later, .. }))) => {
                Err(format!("{one} holds token {number}, and {other} holds token {later}"))
            }
            _ => Ok(()),
        }
    }

    fn start(setup: Setup<'_, ()>, disk: &Hand) -> Result<Self, String> {
        let Setup { node, nodes, now_ns, .. } = setup;
        // A token that nobody has ever passed is the first node's.
        let hand = if node == NodeId(0) && disk.number == 0 { Hand { number: 1, holds: true } } else { *disk };
        Ok(Self { next: NodeId((node.0 + 1) % nodes), hand, writes_under_way: 0, deadline_ns: now_ns + TIMEOUT_NS })
    }

    fn step(&mut self, now_ns: u64, input: Input<Self>, out: &mut impl Outputs<Self>) {
        match input {
            Input::Receive { message: Token(number), .. } if number > self.hand.number => {
                self.set(Hand { number, holds: true }, out);
            }
            Input::Written => {
                self.writes_under_way -= 1;
                self.pass(out);
            }
            Input::DeadlineReached => {
                self.deadline_ns = now_ns + TIMEOUT_NS;
                if self.hand.holds {
                    out.exercised(0);
                    self.set(Hand { holds: false, ..self.hand }, out);
                }
                self.pass(out);
            }
            Input::Request { id, .. } if self.hand.holds => {
                out.respond(id, Response::Done { answer: self.hand.number, index: None });
            }
            _ => {}
        }
    }

    fn deadline_ns(&self) -> Option<u64> {
        Some(self.deadline_ns)
    }

    fn message_kind(_: &Token) -> u8 {
        0
    }

    fn draw_command(_: &(), client: u16, number: u32, _: &mut Choice) -> u64 {
        u64::from(client) << 32 | u64::from(number + 1)
    }

    fn command_digest(command: &u64) -> u64 {
        *command
    }
}

fn scenario<const HASTY: bool>() -> Scenario<Node<HASTY>> {
    let nemesis = Nemesis::plain(&[Loss, Duplication, StaleReplay, Partition, Crash, CrashInWrite, LostWrite, Pause]);
    Scenario::new("ring", "a token under faults", &nemesis.faults.clone(), move |choice| {
        let nodes = nemesis.draw_nodes(choice);
        nemesis.draw(choice, nodes, (), (TIMEOUT_NS / 2, TIMEOUT_NS))
    })
}

#[cfg_attr(test, test)]
fn main() {
    let CampaignReport { runs, totals, .. } = sim::check(&scenario::<false>(), 300);
    println!("{runs} runs, {} events, the token passed {} times: clean", totals.events, totals.features.of(0));
    let found = Campaign { seeds: 0..300, jobs: 1, fail_fast: true }.run(&scenario::<true>(), |_| true);
    let failures = found.expect("plans that make sense").failures;
    let (seed, failure) = failures.first().expect("hasty nodes are caught");
    println!("hasty: seed {seed:#x} fails after event {}: {}: {}", failure.event, failure.checker, failure.detail);
}
