//! `paceline topics`: creates missing topics and reports how existing ones differ.

use std::process::ExitCode;

use contracts::Topic;

use crate::cli::RunOptions;
use crate::commands::load;
use crate::compose::Foundation;
use crate::output::print_line;

/// Creates the topics and lists them.
pub(super) async fn topics(options: &RunOptions) -> anyhow::Result<ExitCode> {
    let (loaded, _guard) = load(options)?;
    let bus = Foundation::build(loaded.settings, true)?.bus().await?;
    for report in bus.ensure_topics(&Topic::ALL).await? {
        let state = if report.created { "made" } else { "there" };
        print_line(format!("{:<16} {state}, {} partitions", report.topic, report.partitions));
        for difference in report.differences {
            print_line(format!("{:<16} differs: {difference}", ""));
        }
    }
    Ok(ExitCode::SUCCESS)
}
