//! The command line.

mod admin;
mod client;
mod serve;

use std::path::Path;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser, Subcommand};
use kvstore::cluster_files::ClusterFiles;
use kvstore::server::Options;

/// A replicated key-value store.
#[derive(Parser, Debug)]
#[command(name = "kvstore", version)]
struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand, Debug)]
enum Verb {
    /// Run a server
    Serve(Options),
    /// Ask the cluster for something, once however often it must be sent
    Client(client::Args),
    /// What operators ask for: members, leadership, snapshots, status
    Admin(admin::Args),
    /// Completions for a shell
    Completions {
        /// Which
        shell: clap_complete::Shell,
    },
}

/// Why the program ends.
pub(crate) enum Problem {
    /// It was asked for something that makes no sense: exit code 2.
    Usage(String),
    /// It could not do it: exit code 1.
    Failed(String),
}

pub(crate) fn run() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(wrong) if matches!(wrong.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => {
            print!("{wrong}");
            return ExitCode::SUCCESS;
        }
        Err(wrong) => {
            eprint!("{wrong}");
            return ExitCode::from(2);
        }
    };
    let result = match args.verb {
        Verb::Serve(options) => serve::run(&options),
        Verb::Client(args) => client::run(&args),
        Verb::Admin(args) => admin::run(&args),
        Verb::Completions { shell } => {
            clap_complete::generate(shell, &mut Args::command(), "kvstore", &mut std::io::stdout());
            Ok(())
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(Problem::Usage(problem)) => {
            eprintln!("kvstore: {problem}");
            ExitCode::from(2)
        }
        Err(Problem::Failed(problem)) => {
            eprintln!("kvstore: {problem}");
            ExitCode::FAILURE
        }
    }
}

/// The addresses that are named, or those in a peers file with their ports so much higher.
fn addresses(peers: Option<&Path>, named: &[String], further: u16) -> Result<Vec<String>, Problem> {
    let Some(peers) = peers else {
        return match named {
            [] => Err(Problem::Usage("which cluster? give --peers or --servers".to_owned())),
            named => Ok(named.to_vec()),
        };
    };
    let files = ClusterFiles::read(None, Some(peers)).map_err(Problem::Usage)?;
    let address = |peer: &kvstore::cluster_files::Peer| {
        format!("{}:{}", peer.host.name(), peer.host.port().wrapping_add(further))
    };
    Ok(files.peers().unwrap_or_default().iter().map(address).collect())
}
