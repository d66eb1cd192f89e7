//! Clients, and the history of what they saw.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use kvstore::client::{Client, Failure, Patience};
use sim::linearizability::{Access, KeyValue, Op, Outcome, Value, Verb, WORK, check};

use super::cluster::{Cluster, PATIENCE};

type History = Vec<Op<Access, Outcome>>;

const KEYS: u64 = 4;

pub(crate) struct Load {
    clients: Vec<JoinHandle<()>>,
    shared: Arc<Shared>,
}

struct Shared {
    origin: Instant,
    is_over: AtomicBool,
    writes: AtomicU64,
    history: Mutex<History>,
}

impl Load {
    pub(crate) fn start(cluster: &Cluster, clients: u16, seed: u64) -> Self {
        let shared = Arc::new(Shared {
            origin: Instant::now(),
            is_over: AtomicBool::new(false),
            writes: AtomicU64::new(0),
            history: Mutex::new(Vec::new()),
        });
        let clients = (0..clients)
            .map(|number| {
                let (addresses, shared) = (cluster.addresses(), shared.clone());
                thread::spawn(move || run(number, addresses, &shared, seed))
            })
            .collect();
        Self { clients, shared }
    }

    /// Waits for so many more writes to be acknowledged.
    pub(crate) fn wait_for(&self, more: u64) {
        self.time_until_more(more);
    }

    pub(crate) fn time_until_more(&self, more: u64) -> Duration {
        let begun = Instant::now();
        let wanted = self.shared.writes.load(Ordering::SeqCst) + more;
        while self.shared.writes.load(Ordering::SeqCst) < wanted {
            assert!(begun.elapsed() < PATIENCE, "writes do not go on");
            thread::sleep(Duration::from_millis(1));
        }
        begun.elapsed()
    }

    /// Ends the load, reads all keys once more, and holds all that was seen against a map.
    pub(crate) fn finish_and_check(self, cluster: &Cluster) {
        self.shared.is_over.store(true, Ordering::SeqCst);
        for client in self.clients {
            client.join().expect("a client");
        }
        let mut client = Client::new(cluster.addresses(), 999, Patience::default());
        for key in 0..KEYS {
            let access = Access { key, verb: Verb::Get };
            ask(&mut client, 999, access, &[], &self.shared);
        }
        let history = std::mem::take(&mut *self.shared.history.lock().expect("no panic"));
        let unknown = history.iter().filter(|op| op.returned.is_none()).count();
        println!("{} operations, {unknown} of them with an unknown outcome", history.len());
        let verdict = check(&KeyValue, &history, WORK);
        assert!(verdict.is_linearizable(), "{verdict:?}\n{}", cluster.all_logs());
        // The checker can fail: the last value read was another one.
        let mut lost = history;
        if let Some(last) = lost.iter_mut().rev().find(|op| op.input.verb == Verb::Get && op.returned.is_some())
            && let Some((_, outcome)) = &mut last.returned
        {
            *outcome = Outcome::Found(Some(Value::of(b"nobody wrote this")));
        }
        assert!(!check(&KeyValue, &lost, WORK).is_linearizable());
    }
}

fn run(number: u16, addresses: Vec<String>, shared: &Shared, seed: u64) {
    let patience =
        Patience { one_server: Duration::from_millis(700), in_all: Duration::from_secs(10), ..Patience::default() };
    let mut client = Client::new(addresses, u64::from(number), patience);
    let mut state = seed << 16 | u64::from(number);
    let mut draw = |below: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    let mut last = [const { None::<String> }; KEYS as usize];
    for count in 0.. {
        if shared.is_over.load(Ordering::SeqCst) {
            return;
        }
        let key = draw(KEYS);
        let value = format!("c{number}-{count}");
        let new = Value::of(value.as_bytes());
        let expected = last[key as usize].clone();
        let (verb, operands) = match draw(8) {
            0 => (Verb::Delete, vec![]),
            1 | 2 => (Verb::Get, vec![]),
            3 => (Verb::Append(new), vec![value.clone()]),
            4 if expected.is_some() => {
                let expected = expected.unwrap_or_default();
                let verb = Verb::CompareAndSet { expected: Some(Value::of(expected.as_bytes())), new };
                (verb, vec![expected, value.clone()])
            }
            _ => (Verb::Put(new), vec![value.clone()]),
        };
        if matches!(verb, Verb::Put(_)) {
            last[key as usize] = Some(value);
        }
        ask(&mut client, number, Access { key, verb }, &operands, shared);
        // What is judged are orders, not speed: the servers shall have the processors.
        thread::sleep(Duration::from_millis(1));
    }
}

/// Asks, and puts down what was seen.
fn ask(client: &mut Client, number: u16, access: Access, operands: &[String], shared: &Shared) {
    let moment = || shared.origin.elapsed().as_nanos() as u64;
    let key = format!("key {}", access.key);
    let called = moment();
    let mut words = vec![key.as_bytes()];
    words.extend(operands.iter().map(String::as_bytes));
    let answer = match access.verb {
        Verb::Get => client.get(key.as_bytes()).map(|found| Outcome::Found(found.map(|value| Value::of(&value)))),
        Verb::Put(_) => client.command("put", &words).map(|_| Outcome::Done),
        Verb::Append(_) => client.command("append", &words).map(|_| Outcome::Done),
        Verb::Delete => client.command("delete", &words).map(|_| Outcome::Done),
        Verb::CompareAndSet { .. } => client.command("cas", &words).map(|said| match said.strip_prefix("Differs: ") {
            None => Outcome::Done,
            Some("Not_Found") => Outcome::Found(None),
            Some(value) => Outcome::Found(Some(Value::of(value.as_bytes()))),
        }),
    };
    let returned = match answer {
        Ok(outcome) => Some((moment(), outcome)),
        Err(Failure::Unknown(_)) => None,
        // It had no effect: as if it had never been asked for.
        Err(Failure::Refused(_)) => return,
    };
    if returned.is_some() && !access.is_read() {
        shared.writes.fetch_add(1, Ordering::SeqCst);
    }
    let mut history = shared.history.lock().expect("no panic");
    history.push(Op { client: number, called, input: access, returned });
}
