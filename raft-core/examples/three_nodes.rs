//! Three servers in one thread: elect a leader, replicate a command, apply it everywhere.
//!
//! A driver turns effects into inputs. Here a write is durable at once, and time jumps from one deadline to the next.

use std::collections::VecDeque;
use std::error::Error;

use raft_core::{Config, Effect, Input, NodeId, Payload, ProposalId, Raft, Restored, Time};
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};

struct Server {
    raft: Raft<String>,
    applied: Vec<String>,
}

struct Cluster {
    servers: Vec<Server>,
    now: Time,
    /// What is to happen next, and to whom.
    inputs: VecDeque<(NodeId, Input<String>)>,
}

impl Cluster {
    fn new(ids: &[NodeId]) -> Result<Self, Box<dyn Error>> {
        let mut servers = Vec::new();
        for &id in ids {
            let config = Config::new(id, ids.to_vec());
            // Each server draws its own election timeouts.
            let raft = Raft::new(&config, Restored::default(), Time(0), ChaCha8Rng::seed_from_u64(id.0))?;
            servers.push(Server { raft, applied: Vec::new() });
        }
        Ok(Self { servers, now: Time(0), inputs: VecDeque::new() })
    }

    /// Lets everything happen that is due, then lets time pass until a deadline.
    fn turn(&mut self) -> Result<(), Box<dyn Error>> {
        while let Some((id, input)) = self.inputs.pop_front() {
            let server = &mut self.servers[id.0 as usize - 1];
            let mut effects = Vec::new();
            server.raft.step(self.now, input, &mut effects)?;
            for effect in effects {
                match effect {
                    Effect::Persist(write) => {
                        self.inputs.push_back((id, Input::Persisted { sequence: write.sequence }));
                    }
                    Effect::Send { to, message } => self.inputs.push_back((to, Input::Receive { from: id, message })),
                    Effect::Apply { first, last } => {
                        for entry in server.raft.log().slice(first..=last) {
                            if let Payload::Command(command) = &entry.payload {
                                server.applied.push(command.clone());
                            }
                        }
                    }
                    other => println!("{id:?}: {other:?}"),
                }
            }
        }
        let deadline = |server: &Server| Some((server.raft.next_deadline()?, server.raft.id()));
        let (at, id) = self.servers.iter().filter_map(deadline).min().ok_or("nobody waits")?;
        self.now = at;
        self.inputs.push_back((id, Input::DeadlineReached));
        Ok(())
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut cluster = Cluster::new(&[NodeId(1), NodeId(2), NodeId(3)])?;
    while cluster.servers[0].raft.leader().is_none() {
        cluster.turn()?;
    }
    let leader = cluster.servers[0].raft.leader().ok_or("nobody leads")?;
    cluster.inputs.push_back((leader, Input::Propose { id: ProposalId(1), command: "x = 1".to_owned() }));
    while cluster.servers.iter().any(|server| server.applied.is_empty()) {
        cluster.turn()?;
    }
    println!("all three have applied {:?}", cluster.servers[0].applied);
    Ok(())
}
