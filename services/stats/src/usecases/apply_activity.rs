//! Counts one activity, in one transaction: guard, fact, sums of the touched days, version.

use contracts::{Topic, journal::JournalEntry, strava_ids};
use outbox::{AthleteTx, OutboxMessage, StoreError};

use super::ServiceContext;
use crate::domain::activity_change::{ActivityChange, TotalKey};
use crate::store::{facts, totals};

/// Failpoint: everything is written, nothing is committed.
pub(crate) const BEFORE_COUNTING: &str = "stats.before-counting";
/// Failpoint: the activity counts, but its offset is not committed yet.
pub(crate) const COUNTED: &str = "stats.counted";

/// The effect a change had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ChangeOutcome {
    /// It counts now.
    Counted,
    /// The stored fact is as new or newer.
    Older,
    /// It stems from a connection that was withdrawn.
    Fenced,
}

/// The priority of a change at the database's writer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Priority {
    Live,
    /// History: live work passes in between, and no journal entry is published.
    Bulk,
}

/// Applies the change; repeated changes, in any order, come to the same.
pub(crate) async fn apply_activity(
    ctx: &ServiceContext,
    change: &ActivityChange,
    priority: Priority,
) -> Result<ChangeOutcome, StoreError> {
    let database = match priority {
        Priority::Live => ctx.database.clone(),
        Priority::Bulk => ctx.database.for_bulk(),
    };
    let outcome = database
        .run("apply_activity", change.athlete, |tx| async move {
            let outcome = try_apply(&tx, change, priority).await?;
            if outcome != ChangeOutcome::Counted {
                return Ok(tx.unchanged(outcome));
            }
            ctx.failpoints.hit(BEFORE_COUNTING);
            Ok::<_, StoreError>(outcome)
        })
        .await?;
    if outcome == ChangeOutcome::Counted {
        ctx.failpoints.hit(COUNTED);
        ctx.count_change(change.athlete);
    }
    Ok(outcome)
}

async fn try_apply(
    tx: &AthleteTx,
    change: &ActivityChange,
    priority: Priority,
) -> Result<ChangeOutcome, StoreError> {
    if tx.is_fenced(&change.origins) {
        return Ok(ChangeOutcome::Fenced);
    }
    let before = facts::find(tx.conn(), change.athlete, change.activity).await?;
    let stored = match &before {
        None => facts::insert(tx.conn(), change).await?,
        Some(before) if before.revision < change.revision => {
            facts::update(tx.conn(), change).await?
        }
        Some(_) => false,
    };
    if !stored {
        return Ok(ChangeOutcome::Older);
    }
    let key_before = before.and_then(|before| before.total_key);
    let mut touched: Vec<TotalKey> = key_before.into_iter().chain(change.total_key()).collect();
    touched.dedup();
    for key in &touched {
        let sums = facts::sum_day(tx.conn(), change.athlete, key).await?;
        totals::replace(tx.conn(), change.athlete, key, sums).await?;
    }
    tx.bump_version();
    if priority == Priority::Live {
        tx.publish(journal_entry(change)).await?;
    }
    Ok(ChangeOutcome::Counted)
}

fn journal_entry(change: &ActivityChange) -> OutboxMessage<JournalEntry> {
    let step = if change.fact.is_some() { "counted" } else { "uncounted" };
    let source = change.source.as_ref();
    let (application, strava_activity) = source.map(strava_ids).unwrap_or_default();
    OutboxMessage {
        topic: Topic::Journal,
        athlete: Some(change.athlete),
        origins: change.origins.clone(),
        cause: change.cause,
        replay: false,
        body: JournalEntry {
            service: crate::settings::NAME.to_owned(),
            activity: change.activity.to_string(),
            application,
            strava_activity,
            source: source.map(|key| key.source.to_string()).unwrap_or_default(),
            source_id: source.map(|key| key.source_id.to_string()).unwrap_or_default(),
            step: step.to_owned(),
            state: "done".to_owned(),
            ..JournalEntry::default()
        },
    }
}
