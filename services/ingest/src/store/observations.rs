//! Observations: what Strava said, part by part.

use std::collections::HashMap;

use kernel::{
    ActivityId, ApplicationId, AthleteId, Generation, StravaActivityId, Ticket, Timestamp,
};
use outbox::{StoreError, sql};
use sea_orm::{ConnectionTrait, QueryResult, Value};

use super::row::{bit, flag, get, id, maybe_id};
use crate::domain::facts::Facts;
use crate::domain::observation::{Attention, Key, Observation, Part, Source, StreamsRef};

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

/// What is stored of it, if anything. Inside an effect the athlete's row is locked, so nobody else changes it.
pub(crate) async fn find<C: ConnectionTrait>(
    conn: &C,
    key: Key,
) -> Result<Option<Observation>, StoreError> {
    let query = format!("{SELECT} AND o.strava_activity = ?");
    let values =
        [key.athlete.to_string().into(), key.application.get().into(), key.strava.get().into()];
    sql::one(conn, &query, values).await?.map(|row| read(&row, key)).transpose()
}

/// What is stored of any of these.
pub(crate) async fn find_all<C: ConnectionTrait>(
    conn: &C,
    athlete: AthleteId,
    application: ApplicationId,
    wanted: &[StravaActivityId],
) -> Result<HashMap<StravaActivityId, Observation>, StoreError> {
    if wanted.is_empty() {
        return Ok(HashMap::new());
    }
    let query = format!("{SELECT} AND o.strava_activity IN ({})", sql::placeholders(wanted.len()));
    let mut values: Vec<Value> = vec![athlete.to_string().into(), application.get().into()];
    values.extend(wanted.iter().map(|strava| Value::from(strava.get())));
    collect(sql::all(conn, &query, values).await?, athlete, application)
}

/// Everything of one application of the athlete.
pub(crate) async fn all_of<C: ConnectionTrait>(
    conn: &C,
    athlete: AthleteId,
    application: ApplicationId,
) -> Result<HashMap<StravaActivityId, Observation>, StoreError> {
    let rows =
        sql::all(conn, SELECT, [athlete.to_string().into(), application.get().into()]).await?;
    collect(rows, athlete, application)
}

/// Keeps it; `known`: whether it was stored before.
pub(crate) async fn save<C: ConnectionTrait>(
    conn: &C,
    observation: &Observation,
    known: bool,
) -> Result<(), StoreError> {
    let key = observation.key;
    let mut values = values_of(observation)?;
    let statement = if known {
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

/// Forgets it; its identity stays, or the same run would count twice one day.
pub(crate) async fn forget<C: ConnectionTrait>(conn: &C, key: Key) -> Result<(), StoreError> {
    sql::execute(
        conn,
        "DELETE FROM observation WHERE athlete = ? AND application = ? AND strava_activity = ?",
        [key.athlete.to_string().into(), key.application.get().into(), key.strava.get().into()],
    )
    .await?;
    Ok(())
}

/// Forgets everything the athlete has.
pub(crate) async fn forget_everything<C: ConnectionTrait>(
    conn: &C,
    athlete: AthleteId,
) -> Result<(), StoreError> {
    sql::execute(conn, "DELETE FROM observation WHERE athlete = ?", [athlete.to_string().into()])
        .await?;
    Ok(())
}

/// Our own id of it, if it ever had one; it outlives expiry and reconnect.
pub(crate) async fn identity<C: ConnectionTrait>(
    conn: &C,
    key: Key,
) -> Result<Option<ActivityId>, StoreError> {
    let row = sql::one(
        conn,
        "SELECT activity FROM strava_identity WHERE athlete = ? AND application = ? AND strava_activity = ?",
        [key.athlete.to_string().into(), key.application.get().into(), key.strava.get().into()],
    )
    .await?;
    row.map(|row| id(&row, "activity")).transpose()
}

/// Our own ids of any of these.
pub(crate) async fn identities<C: ConnectionTrait>(
    conn: &C,
    athlete: AthleteId,
    application: ApplicationId,
    wanted: &[StravaActivityId],
) -> Result<HashMap<StravaActivityId, ActivityId>, StoreError> {
    if wanted.is_empty() {
        return Ok(HashMap::new());
    }
    let query = format!(
        "SELECT strava_activity, activity FROM strava_identity \
         WHERE athlete = ? AND application = ? AND strava_activity IN ({})",
        sql::placeholders(wanted.len())
    );
    let mut values: Vec<Value> = vec![athlete.to_string().into(), application.get().into()];
    values.extend(wanted.iter().map(|strava| Value::from(strava.get())));
    let rows = sql::all(conn, &query, values).await?;
    rows.iter()
        .map(|row| Ok((StravaActivityId::new(get(row, "strava_activity")?), id(row, "activity")?)))
        .collect()
}

/// Gives it our own id for ever.
pub(crate) async fn identify<C: ConnectionTrait>(
    conn: &C,
    key: Key,
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
        found.insert(strava, read(&row, Key { athlete, application, strava })?);
    }
    Ok(found)
}

fn values_of(observation: &Observation) -> Result<Vec<Value>, StoreError> {
    let Observation { key, summary, detail, streams, missing, attention, activity: _ } =
        observation;
    let mut values = Vec::with_capacity(COLUMNS.len() + 3);
    values.extend(stamp(summary.as_ref().map(|part| part.source)));
    values.push(json(summary.as_ref())?);
    values.extend(stamp(detail.as_ref().map(|part| part.source)));
    values.push(json(detail.as_ref())?);
    values.extend(stamp(streams.as_ref().map(|part| part.source)));
    let streams = streams.as_ref().map(|part| &part.value);
    values.push(streams.map(|streams| streams.key.clone()).into());
    values.push(streams.map(|streams| streams.bytes).into());
    values.push(streams.map(|streams| streams.points).into());
    values.push(streams.map(|streams| streams.kinds.join(",")).into());
    values.extend(stamp(*missing));
    values.extend([
        attention.hints.into(),
        attention.answered.into(),
        bit(attention.live),
        bit(attention.delete),
        attention.looks.into(),
        attention.stream_looks.into(),
        bit(attention.unlisted),
        key.strava.get().into(),
    ]);
    Ok(values)
}

fn stamp(source: Option<Source>) -> [Value; 3] {
    [
        source.map(|source| source.ticket.get()).into(),
        source.map(|source| source.generation.get()).into(),
        source.map(|source| source.answered_at.as_micros()).into(),
    ]
}

fn json(part: Option<&Part<Facts>>) -> Result<Value, StoreError> {
    let text = part.map(|part| serde_json::to_string(&part.value)).transpose();
    text.map(Value::from).map_err(|error| StoreError::inconsistent(error.to_string()))
}

fn read(row: &QueryResult, key: Key) -> Result<Observation, StoreError> {
    Ok(Observation {
        key,
        activity: maybe_id(row, "activity")?,
        summary: facts(row, "summary")?,
        detail: facts(row, "detail")?,
        streams: streams(row)?,
        missing: source(row, "missing")?,
        attention: Attention {
            hints: get(row, "hints")?,
            answered: get(row, "answered")?,
            live: flag(row, "live")?,
            delete: flag(row, "delete_hinted")?,
            looks: get(row, "looks")?,
            stream_looks: get(row, "stream_looks")?,
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
        kinds: super::activities::words(&kinds),
    };
    Ok(Some(Part { source, value }))
}
