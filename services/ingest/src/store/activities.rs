//! Activities as they were last told to others.

use contracts::Origin;
use contracts::wire::Cause;
use kernel::{
    ActivityId, ApplicationId, AthleteId, Generation, Revision, StravaActivityId, Timestamp,
};
use outbox::{StoreError, sql};
use sea_orm::{ConnectionTrait, QueryResult, Value};

use super::row::{bit, flag, get, id};
use crate::domain::activity::{Activity, State};
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

/// A place in the athlete's list, newest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) start_at: Timestamp,
    pub(crate) id: ActivityId,
}

/// The activity of this id, whosever it is.
pub(crate) async fn find<C: ConnectionTrait>(
    conn: &C,
    id: ActivityId,
) -> Result<Option<Activity>, StoreError> {
    let row =
        sql::one(conn, "SELECT * FROM activity WHERE id = ?", [id.to_string().into()]).await?;
    row.map(|row| read(&row)).transpose()
}

/// Several of these ids.
pub(crate) async fn find_all<C: ConnectionTrait>(
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

/// Keeps it; `known`: whether it was stored before. The athlete's row must be locked.
pub(crate) async fn save<C: ConnectionTrait>(
    conn: &C,
    activity: &Activity,
    known: bool,
) -> Result<(), StoreError> {
    let statement = if known {
        let (last, others) = (COLUMNS.len() - 1, &COLUMNS[..COLUMNS.len() - 1]);
        format!("UPDATE activity SET {} = ? WHERE {} = ?", others.join(" = ?, "), COLUMNS[last])
    } else {
        format!(
            "INSERT INTO activity ({}) VALUES ({})",
            COLUMNS.join(", "),
            sql::placeholders(COLUMNS.len())
        )
    };
    sql::execute(conn, &statement, values_of(activity)?).await?;
    Ok(())
}

/// A page of the athlete's activities, newest first; tombstones are not shown.
pub(crate) async fn page<C: ConnectionTrait>(
    conn: &C,
    athlete: AthleteId,
    after: Option<Place>,
    limit: u32,
) -> Result<Vec<Activity>, StoreError> {
    let mut query = "SELECT * FROM activity WHERE athlete = ? AND facts IS NOT NULL".to_owned();
    let mut values: Vec<Value> = vec![athlete.to_string().into()];
    if let Some(place) = after {
        query.push_str(" AND (start_at_us < ? OR (start_at_us = ? AND id < ?))");
        let start = place.start_at.as_micros();
        values.extend([start.into(), start.into(), place.id.to_string().into()]);
    }
    query.push_str(" ORDER BY start_at_us DESC, id DESC LIMIT ?");
    values.push(i64::from(limit).into());
    sql::all(conn, &query, values).await?.iter().map(read).collect()
}

/// The athlete's activities that began from then until before then and are there, by Strava's id.
pub(crate) async fn started_between<C: ConnectionTrait>(
    conn: &C,
    (athlete, application): (AthleteId, ApplicationId),
    since: Timestamp,
    until: Option<Timestamp>,
) -> Result<Vec<StravaActivityId>, StoreError> {
    let rows = sql::all(
        conn,
        "SELECT strava_activity FROM activity \
         WHERE athlete = ? AND application = ? AND start_at_us >= ? AND start_at_us < ? \
         AND facts IS NOT NULL ORDER BY start_at_us DESC",
        [
            athlete.to_string().into(),
            application.get().into(),
            since.as_micros().into(),
            until.map_or(i64::MAX, Timestamp::as_micros).into(),
        ],
    )
    .await?;
    rows.iter().map(|row| Ok(StravaActivityId::new(get(row, "strava_activity")?))).collect()
}

/// Who has activities at all, in order, after this one.
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

/// The athlete's activities, tombstones too, in order of id after this one.
pub(crate) async fn batch<C: ConnectionTrait>(
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

/// Forgets it.
pub(crate) async fn forget<C: ConnectionTrait>(conn: &C, id: ActivityId) -> Result<(), StoreError> {
    sql::execute(conn, "DELETE FROM activity WHERE id = ?", [id.to_string().into()]).await?;
    Ok(())
}

/// Forgets everything the athlete has.
pub(crate) async fn forget_everything<C: ConnectionTrait>(
    conn: &C,
    athlete: AthleteId,
) -> Result<(), StoreError> {
    sql::execute(conn, "DELETE FROM activity WHERE athlete = ?", [athlete.to_string().into()])
        .await?;
    Ok(())
}

/// Words kept in one column.
pub(super) fn words(text: &str) -> Vec<String> {
    text.split(',').filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

fn values_of(activity: &Activity) -> Result<Vec<Value>, StoreError> {
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
            kinds: words(&get::<String>(row, "streams_kinds")?),
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
        state: State {
            facts: facts.map_err(|error| StoreError::inconsistent(error.to_string()))?,
            has_details: flag(row, "has_details")?,
            streams,
            origins: words(&origins).iter().map(|word| origin(word)).collect::<Result<_, _>>()?,
        },
    })
}

fn origin(word: &str) -> Result<Origin, StoreError> {
    let parts = word.split_once(':').and_then(|(application, generation)| {
        Some(Origin {
            application: ApplicationId::new(application.parse().ok()?),
            generation: Generation::new(generation.parse().ok()?),
        })
    });
    parts.ok_or_else(|| StoreError::inconsistent(format!("{word:?} is no origin")))
}
