//! `paceline openapi` and `paceline completions`.

use std::process::ExitCode;

use clap::CommandFactory;

use crate::cli::Cli;
use crate::output::print_line;
use crate::public_routes;

/// Prints the description of the HTTP interface.
pub(super) fn openapi() -> anyhow::Result<ExitCode> {
    print_line(public_routes::openapi().to_pretty_json()?);
    Ok(ExitCode::SUCCESS)
}

/// Prints a completion script.
pub(super) fn completions(shell: clap_complete::Shell) -> ExitCode {
    clap_complete::generate(shell, &mut Cli::command(), "paceline", &mut std::io::stdout());
    ExitCode::SUCCESS
}
