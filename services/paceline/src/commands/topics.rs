//! `paceline topics`: makes the topics that are missing and says how others differ.

use std::process::ExitCode;

use contracts::Topic;

use crate::cli::Place;
use crate::commands::{begin, say};
use crate::compose::Foundation;

/// Makes the topics and lists them.
pub(super) async fn topics(place: &Place) -> anyhow::Result<ExitCode> {
    let (chosen, _guard) = begin(place)?;
    let bus = Foundation::lay(chosen.settings, true)?.bus().await?;
    for report in bus.ensure_topics(&Topic::ALL).await? {
        let state = if report.created { "made" } else { "there" };
        say(format!("{:<16} {state}, {} partitions", report.topic, report.partitions));
        for difference in report.differences {
            say(format!("{:<16} differs: {difference}", ""));
        }
    }
    Ok(ExitCode::SUCCESS)
}
