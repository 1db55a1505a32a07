//! The program's entry: arguments in, exit code out.
// Five services start in one future; its layout is deeper than the default allows.
#![recursion_limit = "256"]

use std::process::ExitCode;

use clap::Parser;
use paceline::cli::Cli;
use rustix::fs::Mode;

#[tokio::main]
async fn main() -> ExitCode {
    // Whatever any command creates, nobody else may read.
    rustix::process::umask(Mode::RWXG | Mode::RWXO);
    paceline::commands::run(Cli::parse()).await
}
