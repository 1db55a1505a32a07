//! `paceline receipts`: what was erased of an athlete.

use std::process::ExitCode;

use anyhow::Context;
use kernel::AthleteId;
use serde_json::Value;

use crate::cli::RunOptions;
use crate::commands::load;
use crate::ops_client;
use crate::output::print_line;

/// Prints the receipts of an athlete as the running program has them.
pub(super) async fn receipts(options: &RunOptions, athlete: &str) -> anyhow::Result<ExitCode> {
    let athlete: AthleteId = athlete.parse().with_context(|| {
        format!("{athlete:?} is no athlete's id; `paceline users list` has them")
    })?;
    let (loaded, _guard) = load(options)?;
    let client = ops_client::require(&loaded).await?;
    let receipts: Value = client.get(&format!("receipts/{athlete}")).await?;
    print_line(serde_json::to_string_pretty(&receipts)?);
    Ok(ExitCode::SUCCESS)
}
