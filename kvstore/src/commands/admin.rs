//! `kvstore admin`.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Subcommand;

use super::{Problem, addresses};

/// Before the servers are asked again who leads.
const PAUSE: Duration = Duration::from_millis(100);

#[derive(clap::Args, Debug)]
pub(super) struct Args {
    /// The servers of the cluster (peers.json)
    #[arg(long, value_name = "FILE", global = true)]
    peers: Option<PathBuf>,
    /// Where they listen for operators, if not 2000 ports further
    #[arg(long, value_name = "ADDR,..", value_delimiter = ',', global = true, conflicts_with = "peers")]
    servers: Vec<String>,
    /// The cluster's secret, where it has one
    #[arg(long, value_name = "FILE", global = true)]
    secret_file: Option<PathBuf>,
    /// How long to look for a leader, in seconds
    #[arg(long, value_name = "S", default_value_t = 10, global = true)]
    wait: u64,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand, Debug)]
enum Verb {
    /// Add a server: it votes once it has caught up
    Add {
        /// Its id, which no server has had before
        id: u64,
        /// Where it listens for its peers, as HOST:PORT
        address: String,
        /// It gets the log and does not vote
        #[arg(long)]
        learner: bool,
    },
    /// Remove a server
    Remove {
        /// Which
        id: u64,
    },
    /// Let a learner vote, once it has caught up
    Promote {
        /// Which
        id: u64,
    },
    /// Let another server lead
    Transfer {
        /// Which
        id: u64,
    },
    /// Show what the servers say of themselves
    Status,
    /// Take a snapshot on every server
    Snapshot,
}

/// What a server answered: a status and a text.
struct Reply(u16, String);

pub(super) fn run(args: &Args) -> Result<(), Problem> {
    let addresses = addresses(args.peers.as_deref(), &args.servers, 2_000)?;
    let secret = match &args.secret_file {
        Some(path) => {
            let bytes = std::fs::read(path).map_err(|error| Problem::Usage(format!("{}: {error}", path.display())))?;
            Some(bytes.trim_ascii().to_vec())
        }
        None => None,
    };
    let ask = |address: &str, line: &str| ask(address, line, secret.as_deref());
    let target = match &args.verb {
        Verb::Add { id, address, learner: false } => {
            format!("/add/{id}?address={}", address.trim_start_matches("tcp://"))
        }
        Verb::Add { id, address, learner: true } => {
            format!("/add-learner/{id}?address={}", address.trim_start_matches("tcp://"))
        }
        Verb::Remove { id } => format!("/remove/{id}"),
        Verb::Promote { id } => format!("/promote/{id}"),
        Verb::Transfer { id } => format!("/transfer/{id}"),
        Verb::Status | Verb::Snapshot => return ask_all(&addresses, &args.verb, ask),
    };
    let text = insist(Duration::from_secs(args.wait), || {
        ask_the_leader(&addresses, |address| ask(address, &format!("POST {target}")))
    })?;
    println!("{text}");
    Ok(())
}

/// An election may be under way.
#[expect(clippy::disallowed_methods, reason = "a real operator")]
fn insist(wait: Duration, mut ask: impl FnMut() -> Result<String, Refused>) -> Result<String, Problem> {
    let until = Instant::now() + wait;
    loop {
        match ask() {
            Err(Refused::NobodyLeads(_)) if Instant::now() < until => std::thread::sleep(PAUSE),
            Err(Refused::NobodyLeads(problem) | Refused::ByTheLeader(problem)) => return Err(Problem::Failed(problem)),
            Ok(text) => return Ok(text),
        }
    }
}

enum Refused {
    /// Nothing has happened, as far as those say that answered.
    NobodyLeads(String),
    ByTheLeader(String),
}

/// Whoever leads takes it. One that leads no more when it is asked says so.
fn ask_the_leader(addresses: &[String], ask: impl Fn(&str) -> std::io::Result<Reply>) -> Result<String, Refused> {
    let mut problem = "no server answered".to_owned();
    for address in addresses {
        match ask(address) {
            Ok(Reply(200, text)) => return Ok(text.trim_end().to_owned()),
            Ok(Reply(421 | 503, text)) => problem = format!("{address}: {}", text.trim_end()),
            Ok(Reply(_, text)) => return Err(Refused::ByTheLeader(format!("{address}: {}", text.trim_end()))),
            Err(error) => problem = format!("{address}: {error}"),
        }
    }
    Err(Refused::NobodyLeads(problem))
}

fn ask_all(
    addresses: &[String],
    verb: &Verb,
    ask: impl Fn(&str, &str) -> std::io::Result<Reply>,
) -> Result<(), Problem> {
    let line = if matches!(verb, Verb::Status) { "GET /status" } else { "POST /snapshot" };
    let mut answered = 0;
    for address in addresses {
        match ask(address, line) {
            Ok(Reply(200, text)) => {
                answered += 1;
                println!("{address}\n{}", text.trim_end());
            }
            Ok(Reply(_, text)) => println!("{address}\n{}", text.trim_end()),
            Err(error) => println!("{address}\n{error}"),
        }
    }
    if answered > 0 { Ok(()) } else { Err(Problem::Failed("no server answered".to_owned())) }
}

fn ask(address: &str, line: &str, secret: Option<&[u8]>) -> std::io::Result<Reply> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(15)))?;
    let mut request = format!("{line} HTTP/1.1\r\nhost: {address}\r\n").into_bytes();
    if let Some(secret) = secret {
        request.extend_from_slice(b"authorization: Bearer ");
        request.extend_from_slice(secret);
        request.extend_from_slice(b"\r\n");
    }
    request.extend_from_slice(b"\r\n");
    stream.write_all(&request)?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    Ok(Reply(status, body.to_owned()))
}
