//! `kvstore client`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Subcommand;
use kvstore::client::{Client, Patience};

use super::{Problem, addresses};

#[derive(clap::Args, Debug)]
pub(super) struct Args {
    /// The servers of the cluster (peers.json)
    #[arg(long, value_name = "FILE", global = true)]
    peers: Option<PathBuf>,
    /// Where they listen for clients, if not 1000 ports further
    #[arg(long, value_name = "ADDR,..", value_delimiter = ',', global = true, conflicts_with = "peers")]
    servers: Vec<String>,
    /// Give up after so many milliseconds
    #[arg(long, value_name = "MS", default_value_t = 30_000, global = true)]
    timeout: u64,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand, Debug)]
enum Verb {
    /// Set a value
    Insert { key: String, value: String },
    /// Set a value
    Update { key: String, value: String },
    /// Remove a key
    Delete { key: String },
    /// Ask for a value, through the log
    View { key: String },
    /// Ask for a value, without the log
    Get { key: String },
    /// Set a value
    Put { key: String, value: String },
    /// Add to the end of a value
    Append { key: String, value: String },
    /// Set a value if it is what is expected
    Cas { key: String, expected: String, value: String },
    /// Set a value if there is none
    Create { key: String, value: String },
}

pub(super) fn run(args: &Args) -> Result<(), Problem> {
    let addresses = addresses(args.peers.as_deref(), &args.servers, 1_000)?;
    let patience = Patience { in_all: Duration::from_millis(args.timeout), ..Patience::default() };
    let mut client = Client::new(addresses, u64::from(std::process::id()), patience);
    let mut command = |verb: &str, operands: &[&String]| {
        let operands: Vec<&[u8]> = operands.iter().map(|operand| operand.as_bytes()).collect();
        client.command(verb, &operands)
    };
    let answer = match &args.verb {
        Verb::Insert { key, value } => command("insert", &[key, value]),
        Verb::Update { key, value } => command("update", &[key, value]),
        Verb::Delete { key } => command("delete", &[key]),
        Verb::View { key } => command("view", &[key]),
        Verb::Put { key, value } => command("put", &[key, value]),
        Verb::Append { key, value } => command("append", &[key, value]),
        Verb::Cas { key, expected, value } => command("cas", &[key, expected, value]),
        Verb::Create { key, value } => command("create", &[key, value]),
        Verb::Get { key } => client.get(key.as_bytes()).map(|value| match value {
            Some(value) => String::from_utf8_lossy(&value).into_owned(),
            None => "Not_Found".to_owned(),
        }),
    };
    println!("{}", answer.map_err(|failure| Problem::Failed(failure.to_string()))?);
    Ok(())
}
