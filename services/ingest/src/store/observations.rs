//! Observations.

use kernel::{ActivityId, AthleteId, Generation, Source, SourceId, Ticket, Timestamp};
use outbox::{StoreError, sql};
use sea_orm::{ConnectionTrait, FromQueryResult, Value};

use super::Result;
use super::row::{StreamsRow, Table, from_json, parse_id, to_json};
use crate::domain::expiring::Expiring;
use crate::domain::facts::Facts;
use crate::domain::observation::{HintState, Observation, Part, SourceAnswer};
use crate::domain::observation_key::ObservationKey;

const TABLE: Table = Table {
    name: "observation",
    columns: "facts_since_us, summary_ticket, summary_generation, summary_answered_us, summary, detail_ticket, \
              detail_generation, detail_answered_us, detail, streams_ticket, streams_generation, \
              streams_answered_us, streams_key, streams_bytes, streams_points, streams_kinds, \
              not_found_ticket, not_found_generation, not_found_answered_us, hints, \
              hints_answered, hinted_by_webhook, delete_hinted, rechecks, stream_rechecks, \
              unlisted, athlete, source, source_id",
    key_columns: 3,
};

const SELECT: &str = "SELECT o.*, i.activity FROM observation o LEFT JOIN source_identity i \
     ON i.athlete = o.athlete AND i.source = o.source AND i.source_id = o.source_id";

#[derive(FromQueryResult)]
struct ObservationRow {
    athlete: String,
    source: String,
    source_id: String,
    activity: Option<String>,
    #[sea_orm(nested(prefix = "summary_"))]
    summary_answer: Option<AnswerRow>,
    summary: Option<String>,
    #[sea_orm(nested(prefix = "detail_"))]
    detail_answer: Option<AnswerRow>,
    detail: Option<String>,
    #[sea_orm(nested(prefix = "streams_"))]
    streams_answer: Option<AnswerRow>,
    #[sea_orm(nested(prefix = "streams_"))]
    streams: Option<StreamsRow>,
    #[sea_orm(nested(prefix = "not_found_"))]
    not_found_answer: Option<AnswerRow>,
    hints: i64,
    hints_answered: i64,
    hinted_by_webhook: i64,
    delete_hinted: i64,
    rechecks: i64,
    stream_rechecks: i64,
    unlisted: i64,
}

/// The columns of a part's answer; null without the part.
#[derive(FromQueryResult)]
struct AnswerRow {
    ticket: i64,
    generation: i64,
    answered_us: i64,
}

/// Finds an observation. In an athlete's transaction the athlete's row is locked, so that nothing else changes it.
pub(crate) async fn find(
    conn: &impl ConnectionTrait,
    key: &ObservationKey,
) -> Result<Option<Observation>> {
    let select = format!("{SELECT} WHERE o.athlete = ? AND o.source = ? AND o.source_id = ?");
    let row = sql::fetch_one::<ObservationRow>(conn, &select, key_values(key)).await?;
    row.map(Observation::try_from).transpose()
}

/// Finds the observations of one source with these ids.
pub(crate) async fn find_many(
    conn: &impl ConnectionTrait,
    athlete: AthleteId,
    source: Source,
    ids: &[SourceId],
) -> Result<Vec<Observation>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let select = format!(
        "{SELECT} WHERE o.athlete = ? AND o.source = ? AND o.source_id IN ({})",
        sql::placeholders(ids.len())
    );
    let mut values = vec![athlete.to_string().into(), source.to_string().into()];
    values.extend(ids.iter().map(|id| Value::from(id.as_str())));
    list(conn, &select, values).await
}

/// Lists the observations of one activity.
pub(crate) async fn list_for_activity(
    conn: &impl ConnectionTrait,
    athlete: AthleteId,
    activity: ActivityId,
) -> Result<Vec<Observation>> {
    let select = "SELECT o.*, i.activity FROM source_identity i JOIN observation o \
         ON o.athlete = i.athlete AND o.source = i.source AND o.source_id = i.source_id \
         WHERE i.activity = ? AND i.athlete = ? ORDER BY o.source, o.source_id";
    list(conn, select, vec![activity.to_string().into(), athlete.to_string().into()]).await
}

/// Lists the next observations of one source, by source id after this one (empty: from the first).
pub(crate) async fn list_batch(
    conn: &impl ConnectionTrait,
    (athlete, source): (AthleteId, Source),
    after: &str,
    limit: u64,
) -> Result<Vec<Observation>> {
    let select = format!(
        "{SELECT} WHERE o.athlete = ? AND o.source = ? AND o.source_id > ? \
         ORDER BY o.source_id LIMIT ?"
    );
    let values =
        vec![athlete.to_string().into(), source.to_string().into(), after.into(), limit.into()];
    list(conn, &select, values).await
}

/// Lists observations of Strava whose streams were given before this instant, the oldest first.
pub(crate) async fn list_streams_before(
    conn: &impl ConnectionTrait,
    instant: Timestamp,
    limit: u64,
) -> Result<Vec<Observation>> {
    let select = format!(
        "{SELECT} WHERE o.streams_answered_us < ? AND o.source <> 'file' \
         ORDER BY o.streams_answered_us LIMIT ?"
    );
    list(conn, &select, vec![instant.as_micros().into(), limit.into()]).await
}

/// Lists observations with facts that have been stored since before this instant, the oldest first.
pub(crate) async fn list_facts_before(
    conn: &impl ConnectionTrait,
    instant: Timestamp,
    limit: u64,
) -> Result<Vec<Observation>> {
    let select = format!("{SELECT} WHERE o.facts_since_us < ? ORDER BY o.facts_since_us LIMIT ?");
    list(conn, &select, vec![instant.as_micros().into(), limit.into()]).await
}

#[derive(FromQueryResult)]
struct ExpiringRow {
    count: i64,
    first_us: Option<i64>,
    last_us: Option<i64>,
}

impl From<ExpiringRow> for Expiring {
    fn from(row: ExpiringRow) -> Self {
        Self {
            activities: row.count,
            first: row.first_us.map(Timestamp::from_micros),
            last: row.last_us.map(Timestamp::from_micros),
        }
    }
}

/// Counts the athlete's streams of Strava.
pub(crate) async fn count_streams(
    conn: &impl ConnectionTrait,
    athlete: AthleteId,
) -> Result<Expiring> {
    count_expiring(conn, athlete, "streams_answered_us").await
}

/// Counts the athlete's activities whose facts have not expired.
pub(crate) async fn count_facts(
    conn: &impl ConnectionTrait,
    athlete: AthleteId,
) -> Result<Expiring> {
    count_expiring(conn, athlete, "facts_since_us").await
}

async fn count_expiring(
    conn: &impl ConnectionTrait,
    athlete: AthleteId,
    column: &str,
) -> Result<Expiring> {
    let select = format!(
        "SELECT COUNT({column}) AS count, MIN({column}) AS first_us, MAX({column}) AS last_us \
         FROM observation WHERE athlete = ? AND source <> 'file'"
    );
    let row: Option<ExpiringRow> =
        sql::fetch_one(conn, &select, [athlete.to_string().into()]).await?;
    Ok(row.map(Expiring::from).unwrap_or_default())
}

/// Inserts or, if it is stored already, updates an observation.
pub(crate) async fn save(
    conn: &impl ConnectionTrait,
    observation: &Observation,
    is_stored: bool,
) -> Result<()> {
    TABLE.save(conn, column_values(observation)?, is_stored).await
}

/// Deletes an observation. Which activity it was of stays known.
pub(crate) async fn delete(conn: &impl ConnectionTrait, key: &ObservationKey) -> Result<()> {
    let delete = "DELETE FROM observation WHERE athlete = ? AND source = ? AND source_id = ?";
    sql::execute(conn, delete, key_values(key)).await?;
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

fn key_values(key: &ObservationKey) -> [Value; 3] {
    [key.athlete.to_string().into(), key.source.to_string().into(), key.source_id.as_str().into()]
}

fn column_values(observation: &Observation) -> Result<Vec<Value>> {
    let Observation { key, summary, detail, streams, missing, hints, activity: _ } = observation;
    let mut values = vec![observation.facts_since().map(Timestamp::as_micros).into()];
    for part in [summary, detail] {
        values.extend(answer_values(part.as_ref().map(|part| part.answer)));
        values.push(to_json(part.as_ref().map(|part| &part.value))?);
    }
    values.extend(answer_values(streams.as_ref().map(|part| part.answer)));
    let streams = streams.as_ref().map(|part| &part.value);
    values.extend([
        streams.map(|streams| streams.key.clone()).into(),
        streams.map(|streams| streams.bytes).into(),
        streams.map(|streams| streams.points).into(),
        streams.map(|streams| streams.kinds.join(",")).into(),
    ]);
    values.extend(answer_values(*missing));
    values.extend([
        hints.received.into(),
        hints.answered.into(),
        i64::from(hints.live).into(),
        i64::from(hints.delete).into(),
        hints.rechecks.into(),
        hints.stream_rechecks.into(),
        i64::from(hints.unlisted).into(),
    ]);
    values.extend(key_values(key));
    Ok(values)
}

fn answer_values(answer: Option<SourceAnswer>) -> [Value; 3] {
    [
        answer.map(|answer| answer.ticket.get()).into(),
        answer.map(|answer| answer.generation.get()).into(),
        answer.map(|answer| answer.answered_at.as_micros()).into(),
    ]
}

impl From<AnswerRow> for SourceAnswer {
    fn from(row: AnswerRow) -> Self {
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
            key: ObservationKey {
                athlete: parse_id(&row.athlete)?,
                source: parse_id(&row.source)?,
                source_id: parse_id(&row.source_id)?,
            },
            activity: row.activity.map(|id| parse_id(&id)).transpose()?,
            summary: part(row.summary_answer, facts),
            detail: part(row.detail_answer, details),
            streams: part(row.streams_answer, row.streams.map(Into::into)),
            missing: row.not_found_answer.map(Into::into),
            hints: HintState {
                received: row.hints,
                answered: row.hints_answered,
                live: row.hinted_by_webhook != 0,
                delete: row.delete_hinted != 0,
                rechecks: row.rechecks,
                stream_rechecks: row.stream_rechecks,
                unlisted: row.unlisted != 0,
            },
        })
    }
}

fn part<T>(answer: Option<AnswerRow>, value: Option<T>) -> Option<Part<T>> {
    answer.zip(value).map(|(answer, value)| Part { answer: answer.into(), value })
}
