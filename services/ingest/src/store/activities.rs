//! Activities as last published.

use contracts::Origin;
use contracts::wire::Cause;
use kernel::{
    ActivityId, ApplicationId, AthleteId, Generation, Revision, StravaActivityId, Timestamp,
};
use outbox::{StoreError, sql};
use sea_orm::{ConnectionTrait, QueryResult, Value};

use super::row::{bit, flag, get, id};
use crate::domain::activity::{Activity, ActivityState};
use crate::domain::connection::Connection;
use crate::domain::observation::StreamsRef;

const COLUMNS: [&str; 15] = [
    "athlete",
    "application",
    "strava_activity",
    "revision",
    "cause",
    "changed_at_us",
    "start_at_us",
    "facts",
    "has_details",
    "streams_key",
    "streams_bytes",
    "streams_points",
    "streams_kinds",
    "origins",
    "id",
];

/// Position in an athlete's list, newest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ActivityCursor {
    pub(crate) start_at: Timestamp,
    pub(crate) id: ActivityId,
}

/// Finds an activity of any athlete.
pub(crate) async fn find<C: ConnectionTrait>(
    conn: &C,
    id: ActivityId,
) -> Result<Option<Activity>, StoreError> {
    let row =
        sql::one(conn, "SELECT * FROM activity WHERE id = ?", [id.to_string().into()]).await?;
    row.map(|row| read(&row)).transpose()
}

/// Finds the activities with these ids.
pub(crate) async fn find_many<C: ConnectionTrait>(
    conn: &C,
    ids: &[ActivityId],
) -> Result<Vec<Activity>, StoreError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let query = format!("SELECT * FROM activity WHERE id IN ({})", sql::placeholders(ids.len()));
    let rows = sql::all(conn, &query, ids.iter().map(|id| Value::from(id.to_string()))).await?;
    rows.iter().map(read).collect()
}

/// Inserts or, if it is stored already, updates an activity. The athlete's row must be locked.
pub(crate) async fn save<C: ConnectionTrait>(
    conn: &C,
    activity: &Activity,
    is_stored: bool,
) -> Result<(), StoreError> {
    let statement = if is_stored {
        let (last, others) = (COLUMNS.len() - 1, &COLUMNS[..COLUMNS.len() - 1]);
        format!("UPDATE activity SET {} = ? WHERE {} = ?", others.join(" = ?, "), COLUMNS[last])
    } else {
        format!(
            "INSERT INTO activity ({}) VALUES ({})",
            COLUMNS.join(", "),
            sql::placeholders(COLUMNS.len())
        )
    };
    sql::execute(conn, &statement, column_values(activity)?).await?;
    Ok(())
}

/// Lists a page of the athlete's activities without tombstones, newest first.
pub(crate) async fn list_page<C: ConnectionTrait>(
    conn: &C,
    athlete: AthleteId,
    after: Option<ActivityCursor>,
    limit: u32,
) -> Result<Vec<Activity>, StoreError> {
    let mut query = "SELECT * FROM activity WHERE athlete = ? AND facts IS NOT NULL".to_owned();
    let mut values: Vec<Value> = vec![athlete.to_string().into()];
    if let Some(cursor) = after {
        query.push_str(" AND (start_at_us < ? OR (start_at_us = ? AND id < ?))");
        let start = cursor.start_at.as_micros();
        values.extend([start.into(), start.into(), cursor.id.to_string().into()]);
    }
    query.push_str(" ORDER BY start_at_us DESC, id DESC LIMIT ?");
    values.push(i64::from(limit).into());
    sql::all(conn, &query, values).await?.iter().map(read).collect()
}

/// Lists the activities of a connection that began in the time from `since` to before `until`, newest first.
pub(crate) async fn list_started_between<C: ConnectionTrait>(
    conn: &C,
    connection: &Connection,
    since: Timestamp,
    until: Option<Timestamp>,
) -> Result<Vec<StravaActivityId>, StoreError> {
    let rows = sql::all(
        conn,
        "SELECT strava_activity FROM activity \
         WHERE athlete = ? AND application = ? AND start_at_us >= ? AND start_at_us < ? \
         AND facts IS NOT NULL ORDER BY start_at_us DESC",
        [
            connection.athlete.to_string().into(),
            connection.application.get().into(),
            since.as_micros().into(),
            until.map_or(i64::MAX, Timestamp::as_micros).into(),
        ],
    )
    .await?;
    rows.iter().map(|row| Ok(StravaActivityId::new(get(row, "strava_activity")?))).collect()
}

/// Returns the next athlete with activities after this one, by id.
pub(crate) async fn next_athlete<C: ConnectionTrait>(
    conn: &C,
    after: Option<AthleteId>,
) -> Result<Option<AthleteId>, StoreError> {
    let after = after.map(|athlete| athlete.to_string()).unwrap_or_default();
    let query = "SELECT MIN(athlete) AS athlete FROM activity WHERE athlete > ?";
    match sql::one(conn, query, [after.into()]).await? {
        Some(row) => super::row::maybe_id(&row, "athlete"),
        None => Ok(None),
    }
}

/// Lists a batch of the athlete's activities, tombstones included, by id.
pub(crate) async fn list_batch<C: ConnectionTrait>(
    conn: &C,
    athlete: AthleteId,
    after: Option<ActivityId>,
    limit: u32,
) -> Result<Vec<Activity>, StoreError> {
    let after = after.map(|id| id.to_string()).unwrap_or_default();
    let rows = sql::all(
        conn,
        "SELECT * FROM activity WHERE athlete = ? AND id > ? ORDER BY id LIMIT ?",
        [athlete.to_string().into(), after.into(), i64::from(limit).into()],
    )
    .await?;
    rows.iter().map(read).collect()
}

/// Deletes an activity.
pub(crate) async fn delete<C: ConnectionTrait>(conn: &C, id: ActivityId) -> Result<(), StoreError> {
    sql::execute(conn, "DELETE FROM activity WHERE id = ?", [id.to_string().into()]).await?;
    Ok(())
}

/// Splits the comma-separated words of a column.
pub(super) fn split_words(text: &str) -> Vec<String> {
    text.split(',').filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

fn column_values(activity: &Activity) -> Result<Vec<Value>, StoreError> {
    let state = &activity.state;
    let facts = state.facts.as_ref().map(serde_json::to_string).transpose();
    let facts = facts.map_err(|error| StoreError::inconsistent(error.to_string()))?;
    let streams = state.streams.as_ref();
    let origins: Vec<_> = state
        .origins
        .iter()
        .map(|origin| format!("{}:{}", origin.application, origin.generation))
        .collect();
    Ok(vec![
        activity.athlete.to_string().into(),
        activity.application.get().into(),
        activity.strava.get().into(),
        activity.revision.get().into(),
        i64::from(i32::from(activity.cause)).into(),
        activity.changed_at.as_micros().into(),
        state.facts.as_ref().map_or(0, |facts| facts.start_at.as_micros()).into(),
        facts.into(),
        bit(state.has_details),
        streams.map(|streams| streams.key.clone()).into(),
        streams.map_or(0, |streams| streams.bytes).into(),
        streams.map_or(0, |streams| streams.points).into(),
        streams.map(|streams| streams.kinds.join(",")).unwrap_or_default().into(),
        origins.join(",").into(),
        activity.id.to_string().into(),
    ])
}

fn read(row: &QueryResult) -> Result<Activity, StoreError> {
    let facts: Option<String> = get(row, "facts")?;
    let facts = facts.map(|text| serde_json::from_str(&text)).transpose();
    let key: Option<String> = get(row, "streams_key")?;
    let streams = match key {
        Some(key) => Some(StreamsRef {
            key,
            bytes: get(row, "streams_bytes")?,
            points: get(row, "streams_points")?,
            kinds: split_words(&get::<String>(row, "streams_kinds")?),
        }),
        None => None,
    };
    let origins: String = get(row, "origins")?;
    Ok(Activity {
        id: id(row, "id")?,
        athlete: id(row, "athlete")?,
        application: ApplicationId::new(get(row, "application")?),
        strava: StravaActivityId::new(get(row, "strava_activity")?),
        revision: Revision::new(get(row, "revision")?),
        cause: Cause::try_from(get::<i64>(row, "cause")? as i32).unwrap_or_default(),
        changed_at: Timestamp::from_micros(get(row, "changed_at_us")?),
        state: ActivityState {
            facts: facts.map_err(|error| StoreError::inconsistent(error.to_string()))?,
            has_details: flag(row, "has_details")?,
            streams,
            origins: split_words(&origins)
                .iter()
                .map(|word| parse_origin(word))
                .collect::<Result<_, _>>()?,
        },
    })
}

fn parse_origin(word: &str) -> Result<Origin, StoreError> {
    let parts = word.split_once(':').and_then(|(application, generation)| {
        Some(Origin {
            application: ApplicationId::new(application.parse().ok()?),
            generation: Generation::new(generation.parse().ok()?),
        })
    });
    parts.ok_or_else(|| StoreError::inconsistent(format!("{word:?} is not an origin")))
}
