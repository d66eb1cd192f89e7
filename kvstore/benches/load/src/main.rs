//! So many clients with one put of 100 bytes each under way, for some seconds: puts a second, and what half and 99 of a hundred
//! of them took at most. One loop and one thread for both services; what differs is the protocol, which is each one's own.
//!
//! `load kvstore|etcd ADDRESS[,ADDRESS..] SECONDS [CLIENTS [CONNECTIONS]]` prints the puts a second and the two latencies in
//! microseconds. `load fill ADDRESS PUTS KEYS` puts as fast as it goes, over and over the same keys, many ahead on one connection.

mod etcd;
mod redis;

use std::process::ExitCode;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// What is wrong, in one line.
type Problem = Box<dyn std::error::Error>;

/// What is put under way and not counted, before the measure begins.
const WARM_UP: Duration = Duration::from_secs(2);
/// So many keys are written over and over.
const KEYS: u64 = 100_000;
const VALUE: [u8; 100] = [b'v'; 100];

/// What is asked for.
struct Wish {
    service: String,
    addresses: Vec<String>,
    seconds: u64,
    clients: usize,
    connections: usize,
}

impl Wish {
    fn read(mut words: impl Iterator<Item = String>) -> Result<Self, Problem> {
        let mut next = |name: &str| words.next().ok_or(format!("{name} is missing"));
        let (service, addresses) = (next("the service")?, next("its addresses")?);
        let seconds = next("the number of seconds")?.parse().map_err(|error| format!("seconds: {error}"))?;
        let mut number = |name: &str, usual| match words.next() {
            Some(word) => word.parse().map_err(|error| format!("{name}: {error}")),
            None => Ok(usual),
        };
        let clients = number("clients", 64)?;
        let connections = number("connections", clients)?;
        if clients == 0 || connections == 0 || seconds == 0 {
            return Err("seconds, clients and connections are at least 1".into());
        }
        Ok(Self {
            service,
            addresses: addresses.split(',').map(str::to_owned).collect(),
            seconds,
            clients,
            connections,
        })
    }
}

/// When what counts begins and ends, and which key is next.
struct Course {
    begin: Instant,
    end: Instant,
    number: std::cell::Cell<u64>,
}

impl Course {
    fn next_key(&self) -> String {
        let number = self.number.get();
        self.number.set(number + 1);
        format!("key{:08}", number % KEYS)
    }
}

/// One client's latencies.
#[derive(Default)]
struct Taken(Vec<Duration>);

impl Taken {
    /// Notes a put that began then and has ended now. Whether there is time for another.
    fn note(&mut self, course: &Course, begun: Instant) -> bool {
        let now = Instant::now();
        if now >= course.end {
            return false;
        }
        if begun >= course.begin {
            self.0.push(now - begun);
        }
        true
    }
}

async fn measure(wish: &Wish) -> Result<Vec<Duration>, Problem> {
    let now = Instant::now();
    let end = now + WARM_UP + Duration::from_secs(wish.seconds);
    let course = Rc::new(Course { begin: now + WARM_UP, end, number: std::cell::Cell::new(0) });
    let clients = match wish.service.as_str() {
        "kvstore" => redis::clients(wish, &course).await?,
        "etcd" => etcd::clients(wish, &course).await?,
        other => return Err(format!("there is no service '{other}'").into()),
    };
    let mut taken = Vec::new();
    for client in clients {
        taken.extend(client.await??.0);
    }
    taken.sort_unstable();
    Ok(taken)
}

fn run(words: &[String]) -> Result<(), Problem> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    if let [fill, address, puts, keys] = words
        && fill == "fill"
    {
        return runtime.block_on(redis::fill(address, puts.parse()?, keys.parse()?));
    }
    let wish = Wish::read(words.iter().cloned())?;
    let taken = tokio::task::LocalSet::new().block_on(&runtime, measure(&wish))?;
    let at = |percent: usize| taken.get(taken.len() * percent / 100).map_or(0, Duration::as_micros);
    println!("{} {} {}", taken.len() as u64 / wish.seconds, at(50), at(99));
    Ok(())
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match run(&words) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("load: {problem}");
            ExitCode::FAILURE
        }
    }
}
