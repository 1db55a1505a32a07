//! The project's own commands: `cargo xtask --help` lists them.

mod codegen;

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
}

fn main() -> anyhow::Result<()> {
    match Command::parse() {
        Command::Codegen { check } => codegen::run(check),
    }
}
