//! The project's own commands: `cargo xtask --help` lists them.

mod codegen;
mod contracts;
mod deny;
mod environment;
mod servers;
mod steps;
mod test;
mod tidy;

use std::process::ExitCode;

use clap::{Parser, ValueEnum};

/// The project's own commands.
#[derive(Parser)]
#[command(
    name = "xtask",
    after_help = "Examples:\n  cargo xtask test\n  cargo xtask test --database mysql\n  cargo xtask servers"
)]
enum Command {
    /// Everything CI checks: format, lints, structure, licences, contracts, and every test against real servers.
    Test {
        /// Which SQL server the store and end-to-end tests use besides SQLite.
        #[arg(long, value_enum, default_value_t = Database::Mariadb)]
        database: Database,
        /// Only these tests (a filter of cargo test), without the checks before them.
        filter: Option<String>,
    },
    /// Start the test servers, print their addresses, and keep them until interrupted.
    Servers {
        /// Which SQL server.
        #[arg(long, value_enum, default_value_t = Database::Mariadb)]
        database: Database,
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

/// A SQL server.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Database {
    Mariadb,
    Mysql,
}

impl Database {
    fn engine(self) -> servers::Engine {
        match self {
            Self::Mariadb => servers::Engine::MariaDb,
            Self::Mysql => servers::Engine::MySql,
        }
    }
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
        Command::Test { database, filter } => test::run(database, filter.as_deref()),
        Command::Servers { database } => hold_servers(database),
        Command::Tidy(options) => tidy::run(&options),
        Command::Codegen { check } => codegen::run(check),
        Command::Contracts { accept } => contracts::run(accept),
    }
}

fn hold_servers(database: Database) -> anyhow::Result<()> {
    environment::provide(&test::needed(database))?;
    let servers = servers::Servers::start(database.engine())?;
    for (name, value) in servers.environment() {
        eprintln!("export {name}={value}");
    }
    loop {
        std::thread::park();
    }
}
