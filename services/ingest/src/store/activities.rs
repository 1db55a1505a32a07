//! Activities as last published.

use contracts::Origin;
use contracts::wire::Cause;
use kernel::{
    ActivityId, ApplicationId, AthleteId, Generation, Revision, SourceKey, StravaActivityId,
    Timestamp,
};
use outbox::{StoreError, sql};
use sea_orm::{ConnectionTrait, FromQueryResult, Value};

use super::Result;
use super::row::{StreamsRow, Table, from_json, parse_id, split_words, to_json};
use crate::domain::activity::{Activity, ActivityState};
use crate::domain::connection::Connection;

const TABLE: Table = Table {
    name: "activity",
    columns: "athlete, source, source_id, sources, revision, cause, changed_at_us, \
              start_at_us, facts, has_details, streams_key, streams_bytes, streams_points, \
              streams_kinds, origins, id",
    key_columns: 1,
};

#[derive(FromQueryResult)]
struct ActivityRow {
    id: String,
    athlete: String,
    source: String,
    source_id: String,
    /// JSON.
    sources: String,
    revision: i64,
    cause: i64,
    changed_at_us: i64,
    facts: Option<String>,
    has_details: i64,
    #[sea_orm(nested(prefix = "streams_"))]
    streams: Option<StreamsRow>,
    origins: String,
}

/// Position in an athlete's list, newest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ActivityCursor {
    pub(crate) start_at: Timestamp,
    pub(crate) id: ActivityId,
}

/// Finds an activity of any athlete.
pub(crate) async fn find(conn: &impl ConnectionTrait, id: ActivityId) -> Result<Option<Activity>> {
    let select = "SELECT * FROM activity WHERE id = ?";
    let row = sql::fetch_one::<ActivityRow>(conn, select, [id.to_string().into()]).await?;
    row.map(Activity::try_from).transpose()
}

/// Finds the activities with these ids.
pub(crate) async fn find_many(
    conn: &impl ConnectionTrait,
    ids: &[ActivityId],
) -> Result<Vec<Activity>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let select = format!("SELECT * FROM activity WHERE id IN ({})", sql::placeholders(ids.len()));
    list(conn, &select, ids.iter().map(|id| id.to_string().into()).collect()).await
}

/// Inserts or, if it is stored already, updates an activity. The athlete's row must be locked.
pub(crate) async fn save(
    conn: &impl ConnectionTrait,
    activity: &Activity,
    is_stored: bool,
) -> Result<()> {
    TABLE.save(conn, column_values(activity)?, is_stored).await
}

/// Lists a page of the athlete's activities without tombstones, newest first.
pub(crate) async fn list_page(
    conn: &impl ConnectionTrait,
    athlete: AthleteId,
    after: Option<ActivityCursor>,
    limit: u32,
) -> Result<Vec<Activity>> {
    let mut select = "SELECT * FROM activity WHERE athlete = ? AND facts IS NOT NULL".to_owned();
    let mut values: Vec<Value> = vec![athlete.to_string().into()];
    if let Some(cursor) = after {
        select.push_str(" AND (start_at_us < ? OR (start_at_us = ? AND id < ?))");
        let start = cursor.start_at.as_micros();
        values.extend([start.into(), start.into(), cursor.id.to_string().into()]);
    }
    select.push_str(" ORDER BY start_at_us DESC, id DESC LIMIT ?");
    values.push(i64::from(limit).into());
    list(conn, &select, values).await
}

/// Lists what is present at the source of a connection and began in the time from `since` to before `until`, newest
/// first.
pub(crate) async fn list_started_between(
    conn: &impl ConnectionTrait,
    connection: &Connection,
    since: Timestamp,
    until: Option<Timestamp>,
) -> Result<Vec<StravaActivityId>> {
    let ids = sql::fetch_scalars::<String>(
        conn,
        "SELECT o.source_id FROM activity a JOIN source_identity i ON i.activity = a.id \
         JOIN observation o \
         ON o.athlete = i.athlete AND o.source = i.source AND o.source_id = i.source_id \
         WHERE a.athlete = ? AND a.start_at_us >= ? AND a.start_at_us < ? \
         AND a.facts IS NOT NULL AND o.source = ? \
         AND (o.summary_ticket IS NOT NULL OR o.detail_ticket IS NOT NULL) \
         ORDER BY a.start_at_us DESC",
        [
            connection.athlete.to_string().into(),
            since.as_micros().into(),
            until.map_or(i64::MAX, Timestamp::as_micros).into(),
            connection.source().to_string().into(),
        ],
    )
    .await?;
    ids.iter().map(|id| parse_id(id)).collect()
}

/// Returns the next athlete with activities after this one, by id.
pub(crate) async fn next_athlete(
    conn: &impl ConnectionTrait,
    after: Option<AthleteId>,
) -> Result<Option<AthleteId>> {
    let after = after.map(|athlete| athlete.to_string()).unwrap_or_default();
    let select = "SELECT MIN(athlete) FROM activity WHERE athlete > ?";
    let next = sql::fetch_scalar::<Option<String>>(conn, select, [after.into()]).await?;
    next.flatten().map(|id| parse_id(&id)).transpose()
}

/// Lists a batch of the athlete's activities, tombstones included, by id.
pub(crate) async fn list_batch(
    conn: &impl ConnectionTrait,
    athlete: AthleteId,
    after: Option<ActivityId>,
    limit: u32,
) -> Result<Vec<Activity>> {
    let after = after.map(|id| id.to_string()).unwrap_or_default();
    let select = "SELECT * FROM activity WHERE athlete = ? AND id > ? ORDER BY id LIMIT ?";
    let values = vec![athlete.to_string().into(), after.into(), i64::from(limit).into()];
    list(conn, select, values).await
}

/// Deletes an activity.
pub(crate) async fn delete(conn: &impl ConnectionTrait, id: ActivityId) -> Result<()> {
    sql::execute(conn, "DELETE FROM activity WHERE id = ?", [id.to_string().into()]).await?;
    Ok(())
}

async fn list(
    conn: &impl ConnectionTrait,
    select: &str,
    values: Vec<Value>,
) -> Result<Vec<Activity>> {
    let rows = sql::fetch_all::<ActivityRow>(conn, select, values).await?;
    rows.into_iter().map(Activity::try_from).collect()
}

fn column_values(activity: &Activity) -> Result<Vec<Value>> {
    let state = &activity.state;
    let streams = state.streams.as_ref();
    let origins: Vec<_> = state
        .origins
        .iter()
        .map(|origin| format!("{}:{}", origin.application, origin.generation))
        .collect();
    Ok(vec![
        activity.athlete.to_string().into(),
        activity.source.source.to_string().into(),
        activity.source.source_id.as_str().into(),
        to_json(Some(&state.sources))?,
        activity.revision.get().into(),
        i64::from(i32::from(activity.cause)).into(),
        activity.changed_at.as_micros().into(),
        state.facts.as_ref().map_or(0, |facts| facts.start_at.as_micros()).into(),
        to_json(state.facts.as_ref())?,
        i64::from(state.has_details).into(),
        streams.map(|streams| streams.key.clone()).into(),
        streams.map_or(0, |streams| streams.bytes).into(),
        streams.map_or(0, |streams| streams.points).into(),
        streams.map(|streams| streams.kinds.join(",")).unwrap_or_default().into(),
        origins.join(",").into(),
        activity.id.to_string().into(),
    ])
}

impl TryFrom<ActivityRow> for Activity {
    type Error = StoreError;

    fn try_from(row: ActivityRow) -> Result<Self> {
        let origins = split_words(&row.origins);
        Ok(Self {
            id: parse_id(&row.id)?,
            athlete: parse_id(&row.athlete)?,
            source: SourceKey {
                source: parse_id(&row.source)?,
                source_id: parse_id(&row.source_id)?,
            },
            revision: Revision::new(row.revision),
            cause: Cause::try_from(row.cause as i32).unwrap_or_default(),
            changed_at: Timestamp::from_micros(row.changed_at_us),
            state: ActivityState {
                facts: from_json(row.facts.as_deref())?,
                has_details: row.has_details != 0,
                streams: row.streams.map(Into::into),
                origins: origins.iter().map(|word| parse_origin(word)).collect::<Result<_, _>>()?,
                sources: from_json(Some(&row.sources))?.unwrap_or_default(),
            },
        })
    }
}

fn parse_origin(word: &str) -> Result<Origin> {
    let parts = word.split_once(':').and_then(|(application, generation)| {
        Some(Origin {
            application: ApplicationId::new(application.parse().ok()?),
            generation: Generation::new(generation.parse().ok()?),
        })
    });
    parts.ok_or_else(|| StoreError::inconsistent(format!("{word:?} is not an origin")))
}
