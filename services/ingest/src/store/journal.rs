//! The journal.

use kernel::{ActivityId, AthleteId, EventId, Source, SourceKey, Timestamp};
use outbox::{StoreError, sql};
use sea_orm::{ConnectionTrait, FromQueryResult, Value};

use super::Result;
use super::row::{Table, parse_id, truncate};
use crate::domain::journal::JournalEntry;

const TABLE: Table = Table {
    name: "journal",
    columns: "athlete, activity, source, source_id, service, step, state, reason, \
              attempts, next_try_us, at_us, id",
    key_columns: 1,
};

#[derive(FromQueryResult)]
struct JournalRow {
    id: String,
    athlete: String,
    activity: Option<String>,
    source: Option<String>,
    source_id: Option<String>,
    service: String,
    step: String,
    state: String,
    reason: String,
    attempts: i64,
    next_try_us: i64,
    at_us: i64,
}

/// Position in an athlete's journal, newest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct JournalCursor {
    pub(crate) at: Timestamp,
    pub(crate) id: EventId,
}

/// Inserts an entry; one that is stored already is ignored.
pub(crate) async fn insert(conn: &impl ConnectionTrait, entry: &JournalEntry) -> Result<()> {
    let values = vec![
        entry.athlete.to_string().into(),
        entry.activity.map(|activity| activity.to_string()).into(),
        entry.source.as_ref().map(|key| key.source.to_string()).into(),
        entry.source.as_ref().map(|key| key.source_id.to_string()).into(),
        truncate(&entry.service, 32),
        truncate(&entry.step, 32),
        truncate(&entry.state, 16),
        truncate(&entry.reason, 64),
        entry.attempts.into(),
        entry.next_try_us.into(),
        entry.at.as_micros().into(),
        entry.id.to_string().into(),
    ];
    match TABLE.insert(conn, values).await {
        Err(StoreError::UniqueViolation) => Ok(()),
        inserted => inserted,
    }
}

/// Lists a page of the athlete's journal, newest first.
pub(crate) async fn list_page(
    conn: &impl ConnectionTrait,
    athlete: AthleteId,
    activity: Option<ActivityId>,
    after: Option<JournalCursor>,
    limit: u32,
) -> Result<Vec<JournalEntry>> {
    let mut select = "SELECT * FROM journal WHERE athlete = ?".to_owned();
    let mut values: Vec<Value> = vec![athlete.to_string().into()];
    if let Some(activity) = activity {
        select.push_str(" AND activity = ?");
        values.push(activity.to_string().into());
    }
    if let Some(cursor) = after {
        select.push_str(" AND (at_us < ? OR (at_us = ? AND id < ?))");
        let at = cursor.at.as_micros();
        values.extend([at.into(), at.into(), cursor.id.to_string().into()]);
    }
    select.push_str(" ORDER BY at_us DESC, id DESC LIMIT ?");
    values.push(i64::from(limit).into());
    let rows = sql::fetch_all::<JournalRow>(conn, &select, values).await?;
    rows.into_iter().map(JournalEntry::try_from).collect()
}

/// Deletes older entries.
pub(crate) async fn delete_before(conn: &impl ConnectionTrait, before: Timestamp) -> Result<()> {
    sql::execute(conn, "DELETE FROM journal WHERE at_us < ?", [before.as_micros().into()]).await?;
    Ok(())
}

/// Deletes the athlete's entries about one source, those before an instant if one is given.
pub(crate) async fn delete_for_source(
    conn: &impl ConnectionTrait,
    athlete: AthleteId,
    source: Source,
    before: Option<Timestamp>,
) -> Result<u64> {
    let before = before.map_or(i64::MAX, Timestamp::as_micros);
    let values = [athlete.to_string().into(), source.to_string().into(), before.into()];
    let delete = "DELETE FROM journal WHERE athlete = ? AND source = ? AND at_us < ?";
    sql::execute(conn, delete, values).await
}

impl TryFrom<JournalRow> for JournalEntry {
    type Error = StoreError;

    fn try_from(row: JournalRow) -> Result<Self> {
        let source = row.source.as_deref().zip(row.source_id.as_deref());
        Ok(Self {
            id: parse_id(&row.id)?,
            athlete: parse_id(&row.athlete)?,
            activity: row.activity.map(|id| parse_id(&id)).transpose()?,
            source: source
                .map(|(source, id)| {
                    Ok::<_, StoreError>(SourceKey {
                        source: parse_id(source)?,
                        source_id: parse_id(id)?,
                    })
                })
                .transpose()?,
            service: row.service,
            step: row.step,
            state: row.state,
            reason: row.reason,
            attempts: row.attempts,
            next_try_us: row.next_try_us,
            at: Timestamp::from_micros(row.at_us),
        })
    }
}
