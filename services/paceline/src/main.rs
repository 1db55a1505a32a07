//! The program's entry: arguments in, exit code out.
// Five services start in one future; its layout is deeper than the default allows.
#![recursion_limit = "256"]

use std::process::ExitCode;

use clap::Parser;
use paceline::cli::Cli;
use rustix::fs::Mode;

fn main() -> ExitCode {
    // Whatever any command creates, nobody else may read: before there is any other thread.
    rustix::process::umask(Mode::RWXG | Mode::RWXO);
    run()
}

#[tokio::main]
async fn run() -> ExitCode {
    paceline::commands::run(Cli::parse()).await
}
