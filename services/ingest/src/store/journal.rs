//! The journal.

use kernel::{ActivityId, ApplicationId, AthleteId, EventId, StravaActivityId, Timestamp};
use outbox::{StoreError, sql};
use sea_orm::{ConnectionTrait, QueryResult, Value};

use super::row::{get, id, maybe_id};
use crate::domain::journal::JournalEntry;

/// Position in an athlete's journal, newest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct JournalCursor {
    pub(crate) at: Timestamp,
    pub(crate) id: EventId,
}

/// Inserts an entry. Returns false if it is stored already.
pub(crate) async fn insert<C: ConnectionTrait>(
    conn: &C,
    entry: &JournalEntry,
) -> Result<bool, StoreError> {
    let inserted = sql::execute(
        conn,
        "INSERT INTO journal (id, athlete, activity, application, strava_activity, service, step, state, reason, \
         attempts, next_try_us, at_us) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            entry.id.to_string().into(),
            entry.athlete.to_string().into(),
            entry.activity.map(|activity| activity.to_string()).into(),
            entry.application.get().into(),
            entry.strava.get().into(),
            truncate(&entry.service, 32),
            truncate(&entry.step, 32),
            truncate(&entry.state, 16),
            truncate(&entry.reason, 64),
            entry.attempts.into(),
            entry.next_try_us.into(),
            entry.at.as_micros().into(),
        ],
    )
    .await;
    match inserted {
        Ok(_) => Ok(true),
        Err(error) if error.is_unique_violation() => Ok(false),
        Err(error) => Err(error),
    }
}

/// Lists a page of the athlete's journal, newest first.
pub(crate) async fn list_page<C: ConnectionTrait>(
    conn: &C,
    athlete: AthleteId,
    activity: Option<ActivityId>,
    after: Option<JournalCursor>,
    limit: u32,
) -> Result<Vec<JournalEntry>, StoreError> {
    let mut query = "SELECT * FROM journal WHERE athlete = ?".to_owned();
    let mut values: Vec<Value> = vec![athlete.to_string().into()];
    if let Some(activity) = activity {
        query.push_str(" AND activity = ?");
        values.push(activity.to_string().into());
    }
    if let Some(cursor) = after {
        query.push_str(" AND (at_us < ? OR (at_us = ? AND id < ?))");
        let at = cursor.at.as_micros();
        values.extend([at.into(), at.into(), cursor.id.to_string().into()]);
    }
    query.push_str(" ORDER BY at_us DESC, id DESC LIMIT ?");
    values.push(i64::from(limit).into());
    sql::all(conn, &query, values).await?.iter().map(read).collect()
}

/// Deletes older entries.
pub(crate) async fn delete_before<C: ConnectionTrait>(
    conn: &C,
    before: Timestamp,
) -> Result<(), StoreError> {
    sql::execute(conn, "DELETE FROM journal WHERE at_us < ?", [before.as_micros().into()]).await?;
    Ok(())
}

/// Deletes the athlete's entries of one application.
pub(crate) async fn delete_for_application<C: ConnectionTrait>(
    conn: &C,
    athlete: AthleteId,
    application: ApplicationId,
) -> Result<(), StoreError> {
    let values = [athlete.to_string().into(), application.get().into()];
    sql::execute(conn, "DELETE FROM journal WHERE athlete = ? AND application = ?", values).await?;
    Ok(())
}

fn truncate(text: &str, max: usize) -> Value {
    text.chars().take(max).collect::<String>().into()
}

fn read(row: &QueryResult) -> Result<JournalEntry, StoreError> {
    Ok(JournalEntry {
        id: id(row, "id")?,
        athlete: id(row, "athlete")?,
        activity: maybe_id(row, "activity")?,
        application: ApplicationId::new(get(row, "application")?),
        strava: StravaActivityId::new(get(row, "strava_activity")?),
        service: get(row, "service")?,
        step: get(row, "step")?,
        state: get(row, "state")?,
        reason: get(row, "reason")?,
        attempts: get(row, "attempts")?,
        next_try_us: get(row, "next_try_us")?,
        at: Timestamp::from_micros(get(row, "at_us")?),
    })
}
