//! The program's entry: arguments in, exit code out.
// Five services start in one future; its layout is deeper than the default allows.
#![recursion_limit = "256"]

use std::process::ExitCode;

use clap::Parser;
use paceline::cli::Cli;

#[tokio::main]
async fn main() -> ExitCode {
    paceline::commands::run(Cli::parse()).await
}
