//! Counts one activity, in one transaction: guard, fact, re-sum of the touched days, version.

use contracts::{Topic, journal::JournalEntry};
use outbox::{OutboxMessage, StoreError, again_if_contended};

use super::Core;
use crate::domain::fact::{Change, DayOf};
use crate::store::{facts, totals};

/// Everything is written, nothing is committed.
pub(crate) const BEFORE_COUNTING: &str = "stats.before-counting";
/// It counts; the log does not know yet that it was handled.
pub(crate) const COUNTED: &str = "stats.counted";

/// What became of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Applied {
    /// It counts now.
    Counted,
    /// What is stored is as new or newer.
    Older,
    /// It stems from a connection that was withdrawn.
    Fenced,
}

/// Whether the change may keep others waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pace {
    /// Somebody is looking.
    Live,
    /// History: live work passes in between.
    Bulk,
}

/// Applies the change, however often and in whatever order changes come.
pub(crate) async fn apply_activity(
    core: &Core,
    change: &Change,
    pace: Pace,
) -> Result<Applied, StoreError> {
    let applied = again_if_contended(|| once(core, change, pace)).await?;
    if applied == Applied::Counted {
        core.committed(change.athlete);
    }
    Ok(applied)
}

async fn once(core: &Core, change: &Change, pace: Pace) -> Result<Applied, StoreError> {
    let database = match pace {
        Pace::Live => core.store.database(),
        Pace::Bulk => core.store.database().for_bulk(),
    };
    let mut effect = database.effect(change.athlete).await?;
    if effect.is_fenced(&change.origins) {
        return Ok(Applied::Fenced);
    }
    let before = facts::stored(effect.conn(), change.athlete, change.activity).await?;
    if before.as_ref().is_some_and(|before| before.revision >= change.revision)
        || !facts::put(effect.conn(), change, before.is_some()).await?
    {
        return Ok(Applied::Older);
    }
    let mut days: Vec<DayOf> =
        before.and_then(|before| before.day).into_iter().chain(change.day()).collect();
    days.dedup();
    for day in &days {
        let sums = facts::sums_of(effect.conn(), change.athlete, day).await?;
        totals::put(effect.conn(), change.athlete, day, sums).await?;
    }
    effect.bump_version();
    if pace == Pace::Live {
        effect.publish(journal(change)).await?;
    }
    core.failpoints.hit(BEFORE_COUNTING);
    effect.commit().await?;
    core.failpoints.hit(COUNTED);
    Ok(Applied::Counted)
}

/// The line that answers "where is my activity?".
fn journal(change: &Change) -> OutboxMessage<JournalEntry> {
    let step = if change.fact.is_some() { "counted" } else { "uncounted" };
    OutboxMessage {
        topic: Topic::Journal,
        athlete: Some(change.athlete),
        origins: change.origins.clone(),
        cause: change.cause,
        replay: false,
        body: JournalEntry {
            service: crate::Service::NAME.to_owned(),
            activity: change.activity.to_string(),
            application: change.application.get(),
            strava_activity: change.strava_activity.get(),
            step: step.to_owned(),
            state: "done".to_owned(),
            ..JournalEntry::default()
        },
    }
}
