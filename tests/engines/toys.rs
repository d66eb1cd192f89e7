//! Protocols small enough to count what they can do.

use std::hash::Hash;

use sim::engine::Fingerprint;
use sim::{
    Choice, Clients, Disk, DiskPlan, Engine, Explorable, Input, Network, NodeId, NodeSet, Outputs, Plan, Setup, Subject,
};

/// What the nodes do when their timers fire, which they do once, and with what they get.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Game {
    /// Nothing.
    Nothing,
    /// The first hands a token to the second, and that to the third.
    Token,
    /// All others send their names to the first, which breaks where the second is heard right after the third.
    Names,
    /// The first and the second play ball, and the third shouts at the second: which breaks where it hears that after the
    /// last ball.
    ShoutAfter,
    /// The same, and it breaks where it hears that between two certain balls.
    ShoutBetween,
    /// The first sends a letter to the second, which breaks where it gets it twice.
    Twice,
    /// The first sends a letter to the second, which breaks where it gets it and has forgotten that its timer had fired.
    Forgets,
}

pub(crate) const GAMES: [Game; 7] =
    [Game::Nothing, Game::Token, Game::Names, Game::ShoutAfter, Game::ShoutBetween, Game::Twice, Game::Forgets];

/// So often the ball goes over.
pub(crate) const BALLS: u8 = 9;
const SHOUT: u8 = 100;

#[derive(Clone, Debug)]
pub(crate) struct Toy {
    node: NodeId,
    nodes: u8,
    game: Game,
    deadline_ns: Option<u64>,
    heard: Vec<u8>,
    has_restarted: bool,
}

/// Knows whether the node was there before.
#[derive(Clone, Debug, Default)]
pub(crate) struct Slate(bool);

impl Disk for Slate {
    type Write = ();

    fn write(&mut self, (): &()) {
        self.0 = true;
    }
}

impl Subject for Toy {
    type Settings = u8;
    type Message = u8;
    type Command = u8;
    type Answer = ();
    type Disk = Slate;

    const NAME: &'static str = "toy";
    const MESSAGE_KINDS: &'static [&'static str] = &["word"];

    fn start(setup: Setup<'_, u8>, disk: &Slate) -> Result<Self, String> {
        let Setup { node, nodes, now_ns, settings, .. } = setup;
        let game = *GAMES.get(usize::from(*settings)).ok_or("no such game")?;
        Ok(Self { node, nodes, game, deadline_ns: Some(now_ns + 1), heard: Vec::new(), has_restarted: disk.0 })
    }

    fn step(&mut self, _: u64, input: Input<Self>, out: &mut impl Outputs<Self>) {
        match input {
            Input::DeadlineReached => {
                self.deadline_ns = None;
                if self.game == Game::Forgets {
                    out.write(());
                }
                match (self.game, self.node.0) {
                    (Game::Token | Game::Twice | Game::Forgets, 0) => out.send(NodeId(1), 0),
                    (Game::Names, 1..) => out.send(NodeId(0), self.node.0),
                    (Game::ShoutAfter | Game::ShoutBetween, 0) => out.send(NodeId(1), BALLS),
                    (Game::ShoutAfter | Game::ShoutBetween, 2) => out.send(NodeId(1), SHOUT),
                    _ => {}
                }
            }
            Input::Receive { from, message } => {
                self.heard.push(message);
                match (self.game, message) {
                    (Game::Token, _) if self.node.0 + 1 < self.nodes => out.send(NodeId(self.node.0 + 1), 0),
                    (Game::ShoutAfter | Game::ShoutBetween, 1..=BALLS) => out.send(from, message - 1),
                    _ => {}
                }
                if self.is_broken() {
                    out.stop("the game is lost".to_owned());
                }
            }
            _ => {}
        }
    }

    fn deadline_ns(&self) -> Option<u64> {
        self.deadline_ns
    }

    fn message_kind(_: &u8) -> u8 {
        0
    }

    fn draw_command(_: &u8, _: u16, _: u32, _: &mut Choice) -> u8 {
        0
    }

    fn command_digest(_: &u8) -> u64 {
        1
    }
}

impl Toy {
    fn is_broken(&self) -> bool {
        let follows = |first, second| self.heard.windows(2).any(|pair| pair == [first, second]);
        match self.game {
            Game::Nothing | Game::Token => false,
            Game::Names => follows(2, 1),
            // The second gets the odd balls.
            Game::ShoutAfter => follows(1, SHOUT),
            Game::ShoutBetween => follows(5, SHOUT) && follows(SHOUT, 3),
            Game::Twice => self.heard.len() == 2,
            Game::Forgets => self.has_restarted && self.deadline_ns.is_some(),
        }
    }
}

impl Explorable for Toy {
    fn fingerprint(&self, into: &mut Fingerprint) {
        (&self.heard, self.deadline_ns.is_some(), self.has_restarted).hash(into);
    }
}

pub(crate) fn plan(game: Game, nodes: u8) -> Plan<u8> {
    Plan {
        nodes,
        members: NodeSet::all(nodes),
        duration_ns: 1_000_000_000,
        settings: game as u8,
        network: Network { latency_ns: (1, 1), ..Network::default() },
        links: Vec::new(),
        disk: DiskPlan { write_ns: (0, 0), loses: false, tears: false, ..DiskPlan::default() },
        clock_drift_ppm: vec![0; usize::from(nodes)],
        clients: Clients::Closed { count: 0, think_ns: (1, 1), timeout_ns: 1 },
        faults: Vec::new(),
        operations: Vec::new(),
        heal: None,
        engine: Engine::Time,
    }
}
