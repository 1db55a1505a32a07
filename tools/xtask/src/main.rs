//! The project's own commands: `cargo xtask --help` lists them.

mod check;
mod codegen;
mod command;
mod contracts;
mod deny;
mod packages;
mod servers;
mod steps;
mod test;
mod tidy;

use std::process::ExitCode;

use clap::Parser;

use servers::{Engine, background};

/// The project's own commands.
#[derive(Parser)]
#[command(
    name = "xtask",
    after_help = "Examples:\n  cargo xtask check\n  cargo xtask test\n  cargo xtask test --database mysql\n  eval \"$(cargo xtask servers --background)\""
)]
enum Command {
    /// Run every check and test that needs no server: format, structure, contracts, licences, lints, unit tests.
    Check,
    /// Run everything that CI runs: every check, and every test against real servers.
    Test {
        /// The SQL server that stores are tested on besides SQLite.
        #[arg(long, value_enum, default_value_t = Engine::MariaDb)]
        database: Engine,
        /// Only the tests whose names contain this, without the checks before them.
        filter: Option<String>,
    },
    /// Start the test servers, print `export …` lines for the shell, and keep the servers until interrupted.
    #[command(
        after_help = "Examples:\n  cargo xtask servers                              until ctrl-c; paste what it prints\n  eval \"$(cargo xtask servers --background)\"       start them and set the variables\n  eval \"$(cargo xtask servers --stop)\"             end them and unset the variables"
    )]
    Servers {
        /// The SQL server.
        #[arg(long, value_enum, default_value_t = Engine::MariaDb)]
        database: Engine,
        /// Keep them in the background, and return when they answer.
        #[arg(long)]
        background: bool,
        /// End those in the background, and print `unset …` for the shell.
        #[arg(long, conflicts_with = "background")]
        stop: bool,
    },
    /// Check what clippy and cargo-deny cannot: file sizes, layers, names, doc comments, imports, compose parity.
    Tidy(tidy::Options),
    /// Generate shared/contracts/src/generated from proto/ (`--check`: fail when it is stale).
    Codegen {
        /// Only compare, change nothing.
        #[arg(long)]
        check: bool,
    },
    /// Lint proto/ and fail on a change that old readers or stored records would not survive.
    Contracts {
        /// Accept the present state as the baseline (after a release).
        #[arg(long)]
        accept: bool,
    },
}

fn main() -> ExitCode {
    match run(Command::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Check => check::run(),
        Command::Test { database, filter } => test::run(database, filter.as_deref()),
        Command::Servers { stop: true, .. } => background::stop(),
        Command::Servers { database, background: true, .. } => background::start(database),
        Command::Servers { database, .. } => background::hold(database),
        Command::Tidy(options) => tidy::run(&options),
        Command::Codegen { check } => codegen::run(check),
        Command::Contracts { accept } => contracts::run(accept),
    }
}
