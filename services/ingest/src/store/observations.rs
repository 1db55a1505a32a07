//! Observations, and Paceline's ids of Strava's activities.

use std::collections::HashMap;

use kernel::{
    ActivityId, ApplicationId, AthleteId, Generation, StravaActivityId, Ticket, Timestamp,
};
use outbox::{StoreError, sql};
use sea_orm::{ConnectionTrait, QueryResult, Value};

use super::row::{bit, flag, get, id, maybe_id};
use crate::domain::facts::Facts;
use crate::domain::observation::{ActivityKey, HintState, Observation, Part, Source, StreamsRef};

const COLUMNS: [&str; 26] = [
    "summary_ticket",
    "summary_generation",
    "summary_answered_us",
    "summary",
    "detail_ticket",
    "detail_generation",
    "detail_answered_us",
    "detail",
    "streams_ticket",
    "streams_generation",
    "streams_answered_us",
    "streams_key",
    "streams_bytes",
    "streams_points",
    "streams_kinds",
    "missing_ticket",
    "missing_generation",
    "missing_answered_us",
    "hints",
    "answered",
    "live",
    "delete_hinted",
    "looks",
    "stream_looks",
    "unlisted",
    "strava_activity",
];

const SELECT: &str = "SELECT o.*, i.activity FROM observation o LEFT JOIN strava_identity i \
     ON i.athlete = o.athlete AND i.application = o.application AND i.strava_activity = o.strava_activity \
     WHERE o.athlete = ? AND o.application = ?";

/// Finds an observation. In an athlete's transaction the athlete's row is locked, so that nothing else changes it.
pub(crate) async fn find<C: ConnectionTrait>(
    conn: &C,
    key: ActivityKey,
) -> Result<Option<Observation>, StoreError> {
    let query = format!("{SELECT} AND o.strava_activity = ?");
    let values =
        [key.athlete.to_string().into(), key.application.get().into(), key.strava.get().into()];
    sql::one(conn, &query, values).await?.map(|row| read(&row, key)).transpose()
}

/// Finds the observations of these activities.
pub(crate) async fn find_many<C: ConnectionTrait>(
    conn: &C,
    athlete: AthleteId,
    application: ApplicationId,
    ids: &[StravaActivityId],
) -> Result<HashMap<StravaActivityId, Observation>, StoreError> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let query = format!("{SELECT} AND o.strava_activity IN ({})", sql::placeholders(ids.len()));
    let mut values: Vec<Value> = vec![athlete.to_string().into(), application.get().into()];
    values.extend(ids.iter().map(|strava| Value::from(strava.get())));
    collect(sql::all(conn, &query, values).await?, athlete, application)
}

/// Lists the observations of one connection.
pub(crate) async fn list_for_connection<C: ConnectionTrait>(
    conn: &C,
    athlete: AthleteId,
    application: ApplicationId,
) -> Result<HashMap<StravaActivityId, Observation>, StoreError> {
    let rows =
        sql::all(conn, SELECT, [athlete.to_string().into(), application.get().into()]).await?;
    collect(rows, athlete, application)
}

/// Inserts or, if it is stored already, updates an observation.
pub(crate) async fn save<C: ConnectionTrait>(
    conn: &C,
    observation: &Observation,
    is_stored: bool,
) -> Result<(), StoreError> {
    let key = observation.key;
    let mut values = column_values(observation)?;
    let statement = if is_stored {
        values.extend([
            key.athlete.to_string().into(),
            key.application.get().into(),
            key.strava.get().into(),
        ]);
        format!(
            "UPDATE observation SET {} = ? WHERE athlete = ? AND application = ? AND strava_activity = ?",
            COLUMNS.join(" = ?, ")
        )
    } else {
        values.extend([key.athlete.to_string().into(), key.application.get().into()]);
        format!(
            "INSERT INTO observation ({}, athlete, application) VALUES ({})",
            COLUMNS.join(", "),
            sql::placeholders(COLUMNS.len() + 2)
        )
    };
    sql::execute(conn, &statement, values).await?;
    Ok(())
}

/// Deletes an observation. Its identity stays: the same activity must not be counted twice later.
pub(crate) async fn delete<C: ConnectionTrait>(
    conn: &C,
    key: ActivityKey,
) -> Result<(), StoreError> {
    sql::execute(
        conn,
        "DELETE FROM observation WHERE athlete = ? AND application = ? AND strava_activity = ?",
        [key.athlete.to_string().into(), key.application.get().into(), key.strava.get().into()],
    )
    .await?;
    Ok(())
}

/// Finds Paceline's id of an activity; it outlives expiry and reconnect.
pub(crate) async fn find_identity<C: ConnectionTrait>(
    conn: &C,
    key: ActivityKey,
) -> Result<Option<ActivityId>, StoreError> {
    let row = sql::one(
        conn,
        "SELECT activity FROM strava_identity WHERE athlete = ? AND application = ? AND strava_activity = ?",
        [key.athlete.to_string().into(), key.application.get().into(), key.strava.get().into()],
    )
    .await?;
    row.map(|row| id(&row, "activity")).transpose()
}

/// Finds Paceline's ids of these activities.
pub(crate) async fn find_identities<C: ConnectionTrait>(
    conn: &C,
    athlete: AthleteId,
    application: ApplicationId,
    ids: &[StravaActivityId],
) -> Result<HashMap<StravaActivityId, ActivityId>, StoreError> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let query = format!(
        "SELECT strava_activity, activity FROM strava_identity \
         WHERE athlete = ? AND application = ? AND strava_activity IN ({})",
        sql::placeholders(ids.len())
    );
    let mut values: Vec<Value> = vec![athlete.to_string().into(), application.get().into()];
    values.extend(ids.iter().map(|strava| Value::from(strava.get())));
    let rows = sql::all(conn, &query, values).await?;
    rows.iter()
        .map(|row| Ok((StravaActivityId::new(get(row, "strava_activity")?), id(row, "activity")?)))
        .collect()
}

/// Inserts Paceline's id of an activity, which never changes.
pub(crate) async fn insert_identity<C: ConnectionTrait>(
    conn: &C,
    key: ActivityKey,
    activity: ActivityId,
) -> Result<(), StoreError> {
    sql::execute(
        conn,
        "INSERT INTO strava_identity (athlete, application, strava_activity, activity) VALUES (?, ?, ?, ?)",
        [
            key.athlete.to_string().into(),
            key.application.get().into(),
            key.strava.get().into(),
            activity.to_string().into(),
        ],
    )
    .await?;
    Ok(())
}

fn collect(
    rows: Vec<QueryResult>,
    athlete: AthleteId,
    application: ApplicationId,
) -> Result<HashMap<StravaActivityId, Observation>, StoreError> {
    let mut found = HashMap::with_capacity(rows.len());
    for row in rows {
        let strava = StravaActivityId::new(get(&row, "strava_activity")?);
        found.insert(strava, read(&row, ActivityKey { athlete, application, strava })?);
    }
    Ok(found)
}

fn column_values(observation: &Observation) -> Result<Vec<Value>, StoreError> {
    let Observation { key, summary, detail, streams, missing, hints, activity: _ } = observation;
    let mut values = Vec::with_capacity(COLUMNS.len() + 3);
    values.extend(source_values(summary.as_ref().map(|part| part.source)));
    values.push(facts_json(summary.as_ref())?);
    values.extend(source_values(detail.as_ref().map(|part| part.source)));
    values.push(facts_json(detail.as_ref())?);
    values.extend(source_values(streams.as_ref().map(|part| part.source)));
    let streams = streams.as_ref().map(|part| &part.value);
    values.push(streams.map(|streams| streams.key.clone()).into());
    values.push(streams.map(|streams| streams.bytes).into());
    values.push(streams.map(|streams| streams.points).into());
    values.push(streams.map(|streams| streams.kinds.join(",")).into());
    values.extend(source_values(*missing));
    values.extend([
        hints.received.into(),
        hints.answered.into(),
        bit(hints.live),
        bit(hints.delete),
        hints.rechecks.into(),
        hints.stream_rechecks.into(),
        bit(hints.unlisted),
        key.strava.get().into(),
    ]);
    Ok(values)
}

fn source_values(source: Option<Source>) -> [Value; 3] {
    [
        source.map(|source| source.ticket.get()).into(),
        source.map(|source| source.generation.get()).into(),
        source.map(|source| source.answered_at.as_micros()).into(),
    ]
}

fn facts_json(part: Option<&Part<Facts>>) -> Result<Value, StoreError> {
    let text = part.map(|part| serde_json::to_string(&part.value)).transpose();
    text.map(Value::from).map_err(|error| StoreError::inconsistent(error.to_string()))
}

fn read(row: &QueryResult, key: ActivityKey) -> Result<Observation, StoreError> {
    Ok(Observation {
        key,
        activity: maybe_id(row, "activity")?,
        summary: facts(row, "summary")?,
        detail: facts(row, "detail")?,
        streams: streams(row)?,
        missing: source(row, "missing")?,
        hints: HintState {
            received: get(row, "hints")?,
            answered: get(row, "answered")?,
            live: flag(row, "live")?,
            delete: flag(row, "delete_hinted")?,
            rechecks: get(row, "looks")?,
            stream_rechecks: get(row, "stream_looks")?,
            unlisted: flag(row, "unlisted")?,
        },
    })
}

fn source(row: &QueryResult, part: &str) -> Result<Option<Source>, StoreError> {
    let Some(ticket) = get::<Option<i64>>(row, &format!("{part}_ticket"))? else { return Ok(None) };
    Ok(Some(Source {
        ticket: Ticket::new(ticket),
        generation: Generation::new(get(row, &format!("{part}_generation"))?),
        answered_at: Timestamp::from_micros(get(row, &format!("{part}_answered_us"))?),
    }))
}

fn facts(row: &QueryResult, part: &str) -> Result<Option<Part<Facts>>, StoreError> {
    let Some(source) = source(row, part)? else { return Ok(None) };
    let text: String = get(row, part)?;
    let value =
        serde_json::from_str(&text).map_err(|error| StoreError::inconsistent(error.to_string()))?;
    Ok(Some(Part { source, value }))
}

fn streams(row: &QueryResult) -> Result<Option<Part<StreamsRef>>, StoreError> {
    let Some(source) = source(row, "streams")? else { return Ok(None) };
    let kinds: String = get(row, "streams_kinds")?;
    let value = StreamsRef {
        key: get(row, "streams_key")?,
        bytes: get(row, "streams_bytes")?,
        points: get(row, "streams_points")?,
        kinds: super::activities::split_words(&kinds),
    };
    Ok(Some(Part { source, value }))
}
