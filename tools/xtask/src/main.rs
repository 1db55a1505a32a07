//! The project's own commands: `cargo xtask --help` lists them.

mod codegen;
mod environment;
mod servers;

use clap::Parser;

/// The project's own commands.
#[derive(Parser)]
#[command(name = "xtask")]
enum Command {
    /// Generate shared/contracts/src/generated from proto/ (`--check`: fail when it is stale).
    Codegen {
        /// Only compare, change nothing.
        #[arg(long)]
        check: bool,
    },
    /// Start the test servers, print their addresses, and keep them until interrupted.
    Servers,
}

fn main() -> anyhow::Result<()> {
    match Command::parse() {
        Command::Codegen { check } => codegen::run(check),
        Command::Servers => hold_servers(),
    }
}

fn hold_servers() -> anyhow::Result<()> {
    let servers = servers::Servers::start(servers::Engine::MariaDb)?;
    for (name, value) in servers.environment() {
        eprintln!("export {name}={value}");
    }
    loop {
        std::thread::park();
    }
}
