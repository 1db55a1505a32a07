//! Observations, and Paceline's ids of Strava's activities.

use std::collections::HashMap;

use kernel::{
    ActivityId, ApplicationId, AthleteId, Generation, StravaActivityId, Ticket, Timestamp,
};
use outbox::{StoreError, sql};
use sea_orm::{ConnectionTrait, FromQueryResult, Value};

use super::Result;
use super::row::{StreamsRow, Table, from_json, parse_id, to_json};
use crate::domain::facts::Facts;
use crate::domain::observation::{ActivityKey, HintState, Observation, Part, Source};

const TABLE: Table = Table {
    name: "observation",
    columns: "summary_ticket, summary_generation, summary_answered_us, summary, detail_ticket, \
              detail_generation, detail_answered_us, detail, streams_ticket, streams_generation, \
              streams_answered_us, streams_key, streams_bytes, streams_points, streams_kinds, \
              missing_ticket, missing_generation, missing_answered_us, hints, answered, live, \
              delete_hinted, looks, stream_looks, unlisted, athlete, application, \
              strava_activity",
    key_columns: 3,
};

const SELECT: &str = "SELECT o.*, i.activity FROM observation o LEFT JOIN strava_identity i \
     ON i.athlete = o.athlete AND i.application = o.application AND i.strava_activity = o.strava_activity \
     WHERE o.athlete = ? AND o.application = ?";

#[derive(FromQueryResult)]
struct ObservationRow {
    athlete: String,
    application: i64,
    strava_activity: i64,
    activity: Option<String>,
    #[sea_orm(nested(prefix = "summary_"))]
    summary_source: Option<SourceRow>,
    summary: Option<String>,
    #[sea_orm(nested(prefix = "detail_"))]
    detail_source: Option<SourceRow>,
    detail: Option<String>,
    #[sea_orm(nested(prefix = "streams_"))]
    streams_source: Option<SourceRow>,
    #[sea_orm(nested(prefix = "streams_"))]
    streams: Option<StreamsRow>,
    #[sea_orm(nested(prefix = "missing_"))]
    missing_source: Option<SourceRow>,
    hints: i64,
    answered: i64,
    live: i64,
    delete_hinted: i64,
    looks: i64,
    stream_looks: i64,
    unlisted: i64,
}

/// The columns of a part's source; null without the part.
#[derive(FromQueryResult)]
struct SourceRow {
    ticket: i64,
    generation: i64,
    answered_us: i64,
}

#[derive(FromQueryResult)]
struct IdentityRow {
    strava_activity: i64,
    activity: String,
}

/// Finds an observation. In an athlete's transaction the athlete's row is locked, so that nothing else changes it.
pub(crate) async fn find(
    conn: &impl ConnectionTrait,
    key: ActivityKey,
) -> Result<Option<Observation>> {
    let select = format!("{SELECT} AND o.strava_activity = ?");
    let row = sql::fetch_one::<ObservationRow>(conn, &select, key_values(key)).await?;
    row.map(Observation::try_from).transpose()
}

/// Finds the observations of these activities.
pub(crate) async fn find_many(
    conn: &impl ConnectionTrait,
    athlete: AthleteId,
    application: ApplicationId,
    ids: &[StravaActivityId],
) -> Result<Vec<Observation>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let select = format!("{SELECT} AND o.strava_activity IN ({})", sql::placeholders(ids.len()));
    list(conn, &select, id_values(athlete, application, ids)).await
}

/// Lists the observations of one connection.
pub(crate) async fn list_for_connection(
    conn: &impl ConnectionTrait,
    athlete: AthleteId,
    application: ApplicationId,
) -> Result<Vec<Observation>> {
    list(conn, SELECT, id_values(athlete, application, &[])).await
}

/// Inserts or, if it is stored already, updates an observation.
pub(crate) async fn save(
    conn: &impl ConnectionTrait,
    observation: &Observation,
    is_stored: bool,
) -> Result<()> {
    TABLE.save(conn, column_values(observation)?, is_stored).await
}

/// Deletes an observation. Its identity stays: the same activity must not be counted twice later.
pub(crate) async fn delete(conn: &impl ConnectionTrait, key: ActivityKey) -> Result<()> {
    let delete =
        "DELETE FROM observation WHERE athlete = ? AND application = ? AND strava_activity = ?";
    sql::execute(conn, delete, key_values(key)).await?;
    Ok(())
}

/// Finds Paceline's id of an activity; it outlives expiry and reconnect.
pub(crate) async fn find_identity(
    conn: &impl ConnectionTrait,
    key: ActivityKey,
) -> Result<Option<ActivityId>> {
    let ids = find_identities(conn, key.athlete, key.application, &[key.strava]).await?;
    Ok(ids.into_values().next())
}

/// Finds Paceline's ids of these activities.
pub(crate) async fn find_identities(
    conn: &impl ConnectionTrait,
    athlete: AthleteId,
    application: ApplicationId,
    ids: &[StravaActivityId],
) -> Result<HashMap<StravaActivityId, ActivityId>> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let select = format!(
        "SELECT strava_activity, activity FROM strava_identity \
         WHERE athlete = ? AND application = ? AND strava_activity IN ({})",
        sql::placeholders(ids.len())
    );
    let values = id_values(athlete, application, ids);
    let rows = sql::fetch_all::<IdentityRow>(conn, &select, values).await?;
    rows.into_iter()
        .map(|row| Ok((StravaActivityId::new(row.strava_activity), parse_id(&row.activity)?)))
        .collect()
}

/// Inserts Paceline's id of an activity, which never changes.
pub(crate) async fn insert_identity(
    conn: &impl ConnectionTrait,
    key: ActivityKey,
    activity: ActivityId,
) -> Result<()> {
    let insert = "INSERT INTO strava_identity (athlete, application, strava_activity, activity) \
                  VALUES (?, ?, ?, ?)";
    let values = key_values(key).into_iter().chain([activity.to_string().into()]);
    sql::execute(conn, insert, values).await?;
    Ok(())
}

async fn list(
    conn: &impl ConnectionTrait,
    select: &str,
    values: Vec<Value>,
) -> Result<Vec<Observation>> {
    let rows = sql::fetch_all::<ObservationRow>(conn, select, values).await?;
    rows.into_iter().map(Observation::try_from).collect()
}

fn key_values(key: ActivityKey) -> [Value; 3] {
    [key.athlete.to_string().into(), key.application.get().into(), key.strava.get().into()]
}

fn id_values(
    athlete: AthleteId,
    application: ApplicationId,
    ids: &[StravaActivityId],
) -> Vec<Value> {
    let mut values = vec![athlete.to_string().into(), application.get().into()];
    values.extend(ids.iter().map(|id| Value::from(id.get())));
    values
}

fn column_values(observation: &Observation) -> Result<Vec<Value>> {
    let Observation { key, summary, detail, streams, missing, hints, activity: _ } = observation;
    let mut values = Vec::new();
    for part in [summary, detail] {
        values.extend(source_values(part.as_ref().map(|part| part.source)));
        values.push(to_json(part.as_ref().map(|part| &part.value))?);
    }
    values.extend(source_values(streams.as_ref().map(|part| part.source)));
    let streams = streams.as_ref().map(|part| &part.value);
    values.extend([
        streams.map(|streams| streams.key.clone()).into(),
        streams.map(|streams| streams.bytes).into(),
        streams.map(|streams| streams.points).into(),
        streams.map(|streams| streams.kinds.join(",")).into(),
    ]);
    values.extend(source_values(*missing));
    values.extend([
        hints.received.into(),
        hints.answered.into(),
        i64::from(hints.live).into(),
        i64::from(hints.delete).into(),
        hints.rechecks.into(),
        hints.stream_rechecks.into(),
        i64::from(hints.unlisted).into(),
    ]);
    values.extend(key_values(*key));
    Ok(values)
}

fn source_values(source: Option<Source>) -> [Value; 3] {
    [
        source.map(|source| source.ticket.get()).into(),
        source.map(|source| source.generation.get()).into(),
        source.map(|source| source.answered_at.as_micros()).into(),
    ]
}

impl From<SourceRow> for Source {
    fn from(row: SourceRow) -> Self {
        Self {
            ticket: Ticket::new(row.ticket),
            generation: Generation::new(row.generation),
            answered_at: Timestamp::from_micros(row.answered_us),
        }
    }
}

impl TryFrom<ObservationRow> for Observation {
    type Error = StoreError;

    fn try_from(row: ObservationRow) -> Result<Self> {
        let facts: Option<Facts> = from_json(row.summary.as_deref())?;
        let details: Option<Facts> = from_json(row.detail.as_deref())?;
        Ok(Self {
            key: ActivityKey {
                athlete: parse_id(&row.athlete)?,
                application: ApplicationId::new(row.application),
                strava: StravaActivityId::new(row.strava_activity),
            },
            activity: row.activity.map(|id| parse_id(&id)).transpose()?,
            summary: part(row.summary_source, facts),
            detail: part(row.detail_source, details),
            streams: part(row.streams_source, row.streams.map(Into::into)),
            missing: row.missing_source.map(Into::into),
            hints: HintState {
                received: row.hints,
                answered: row.answered,
                live: row.live != 0,
                delete: row.delete_hinted != 0,
                rechecks: row.looks,
                stream_rechecks: row.stream_looks,
                unlisted: row.unlisted != 0,
            },
        })
    }
}

fn part<T>(source: Option<SourceRow>, value: Option<T>) -> Option<Part<T>> {
    source.zip(value).map(|(source, value)| Part { source: source.into(), value })
}
