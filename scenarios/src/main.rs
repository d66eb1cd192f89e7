//! `raft-sim`: fuzz, replay and look at simulated Raft clusters.

#![forbid(unsafe_code)]

mod cli;

use std::process::ExitCode;

/// A run builds its logs and drops them; the next one wants the same memory again.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match cli::run(std::env::args_os()) {
        Ok(code) => code,
        Err(problem) => {
            eprintln!("raft-sim: {problem}");
            ExitCode::from(cli::exit::USAGE)
        }
    }
}
