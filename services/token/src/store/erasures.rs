//! Requested erasures and the answers of the services.

use contracts::Erasure;
use kernel::{AthleteId, Timestamp};
use outbox::{StoreError, sql};
use sea_orm::{ConnectionTrait, FromQueryResult, Value};

use super::{from_micros, micros};
use crate::domain::erasure::{ErasureAnswer, ErasureReason, RequestedErasure};

/// Maximum number of erasures that are asked for again at once.
const DUE_LIMIT: i64 = 50;
const COLUMNS: &str = "athlete, application, through_generation, reason, requested_at_us, next_ask_us, completed_at_us";

#[derive(FromQueryResult)]
struct ErasureRow {
    athlete: String,
    application: i64,
    through_generation: i64,
    reason: String,
    requested_at_us: i64,
    completed_at_us: i64,
}

impl TryFrom<ErasureRow> for RequestedErasure {
    type Error = StoreError;

    fn try_from(row: ErasureRow) -> Result<Self, StoreError> {
        let invalid =
            |column: &str| StoreError::inconsistent(format!("an erasure's {column} is invalid"));
        Ok(Self {
            athlete: row.athlete.parse().map_err(|_no_uuid| invalid("athlete"))?,
            erasure: Erasure::from_scope(row.application, row.through_generation),
            reason: ErasureReason::parse(&row.reason).ok_or_else(|| invalid("reason"))?,
            requested_at: Timestamp::from_micros(row.requested_at_us),
            completed_at: from_micros(row.completed_at_us),
        })
    }
}

/// Inserts an erasure, to be asked for again at `next_ask`. False if it was requested before.
pub(crate) async fn insert(
    conn: &impl ConnectionTrait,
    requested: &RequestedErasure,
    next_ask: Timestamp,
) -> Result<bool, StoreError> {
    if find(conn, requested).await?.is_some() {
        return Ok(false);
    }
    let insert = format!("INSERT INTO erasure ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, 0)");
    let values = key_values(requested).into_iter().chain([
        requested.reason.code().into(),
        requested.requested_at.as_micros().into(),
        next_ask.as_micros().into(),
    ]);
    sql::execute(conn, &insert, values).await?;
    Ok(true)
}

async fn find(
    conn: &impl ConnectionTrait,
    requested: &RequestedErasure,
) -> Result<Option<RequestedErasure>, StoreError> {
    let condition = "athlete = ? AND application = ? AND through_generation = ?";
    Ok(select(conn, condition, key_values(requested)).await?.pop())
}

/// Lists the erasures of an athlete, the newest first.
pub(crate) async fn list_by_athlete(
    conn: &impl ConnectionTrait,
    athlete: AthleteId,
) -> Result<Vec<RequestedErasure>, StoreError> {
    let condition =
        "athlete = ? ORDER BY requested_at_us DESC, application, through_generation DESC";
    select(conn, condition, [athlete.to_string().into()]).await
}

/// Lists every erasure, the oldest first.
pub(crate) async fn list_all(
    conn: &impl ConnectionTrait,
) -> Result<Vec<RequestedErasure>, StoreError> {
    select(conn, "application >= ? ORDER BY requested_at_us", [0.into()]).await
}

/// Lists athletes with erasures, by id after this one (empty: from the first).
pub(crate) async fn list_athletes(
    conn: &impl ConnectionTrait,
    after: &str,
) -> Result<Vec<AthleteId>, StoreError> {
    let select =
        "SELECT DISTINCT athlete FROM erasure WHERE athlete > ? ORDER BY athlete LIMIT 200";
    let ids: Vec<String> = sql::fetch_scalars(conn, select, [after.into()]).await?;
    let invalid = |_no_uuid| StoreError::inconsistent("an erasure's athlete is invalid");
    ids.iter().map(|id| id.parse().map_err(invalid)).collect()
}

/// Lists the erasures that are to be asked for again.
pub(crate) async fn list_due(
    conn: &impl ConnectionTrait,
    now: Timestamp,
) -> Result<Vec<RequestedErasure>, StoreError> {
    let condition = "completed_at_us = 0 AND next_ask_us <= ? ORDER BY next_ask_us LIMIT ?";
    select(conn, condition, [now.as_micros().into(), DUE_LIMIT.into()]).await
}

/// Counts all erasures.
pub(crate) async fn count(conn: &impl ConnectionTrait) -> Result<i64, StoreError> {
    Ok(sql::fetch_scalar(conn, "SELECT COUNT(*) FROM erasure", []).await?.unwrap_or(0))
}

/// Counts the erasures that are not complete.
pub(crate) async fn count_open(conn: &impl ConnectionTrait) -> Result<i64, StoreError> {
    let count = "SELECT COUNT(*) FROM erasure WHERE completed_at_us = 0";
    Ok(sql::fetch_scalar(conn, count, []).await?.unwrap_or(0))
}

/// Stores when the erasure is asked for again, and when it was complete.
pub(crate) async fn update(
    conn: &impl ConnectionTrait,
    requested: &RequestedErasure,
    next_ask: Timestamp,
) -> Result<(), StoreError> {
    let update = "UPDATE erasure SET completed_at_us = ?, next_ask_us = ? \
         WHERE athlete = ? AND application = ? AND through_generation = ?";
    let values = [micros(requested.completed_at).into(), next_ask.as_micros().into()];
    sql::execute(conn, update, values.into_iter().chain(key_values(requested))).await?;
    Ok(())
}

async fn select(
    conn: &impl ConnectionTrait,
    condition: &str,
    values: impl IntoIterator<Item = Value> + Send,
) -> Result<Vec<RequestedErasure>, StoreError> {
    let select = format!("SELECT {COLUMNS} FROM erasure WHERE {condition}");
    let rows: Vec<ErasureRow> = sql::fetch_all(conn, &select, values).await?;
    rows.into_iter().map(RequestedErasure::try_from).collect()
}

fn key_values(requested: &RequestedErasure) -> [Value; 3] {
    let (application, through_generation) = requested.scope();
    [requested.athlete.to_string().into(), application.into(), through_generation.into()]
}

#[derive(FromQueryResult)]
struct AnswerRow {
    service: String,
    erased_at_us: i64,
    final_answer: i32,
    rows_erased: i64,
    objects_erased: i64,
}

/// Lists the answers to an erasure, by service.
pub(crate) async fn list_answers(
    conn: &impl ConnectionTrait,
    requested: &RequestedErasure,
) -> Result<Vec<ErasureAnswer>, StoreError> {
    let select = "SELECT service, erased_at_us, final_answer, rows_erased, objects_erased \
         FROM erasure_answer WHERE athlete = ? AND application = ? AND through_generation = ? \
         ORDER BY service";
    let rows: Vec<AnswerRow> = sql::fetch_all(conn, select, key_values(requested)).await?;
    let answers = rows.into_iter().map(|row| ErasureAnswer {
        service: row.service,
        erased_at: Timestamp::from_micros(row.erased_at_us),
        is_final: row.final_answer != 0,
        rows: row.rows_erased,
        objects: row.objects_erased,
    });
    Ok(answers.collect())
}

/// Stores the answer of a service, which replaces its former one.
pub(crate) async fn save_answer(
    conn: &impl ConnectionTrait,
    requested: &RequestedErasure,
    answer: &ErasureAnswer,
) -> Result<(), StoreError> {
    let key = || key_values(requested).into_iter().chain([answer.service.clone().into()]);
    let values = || {
        let values: [Value; 4] = [
            answer.erased_at.as_micros().into(),
            i32::from(answer.is_final).into(),
            answer.rows.into(),
            answer.objects.into(),
        ];
        values.into_iter()
    };
    let exists = "SELECT service FROM erasure_answer \
         WHERE athlete = ? AND application = ? AND through_generation = ? AND service = ?";
    if sql::exists(conn, exists, key()).await? {
        let update = "UPDATE erasure_answer \
             SET erased_at_us = ?, final_answer = ?, rows_erased = ?, objects_erased = ? \
             WHERE athlete = ? AND application = ? AND through_generation = ? AND service = ?";
        sql::execute(conn, update, values().chain(key())).await?;
    } else {
        let insert = "INSERT INTO erasure_answer \
             (athlete, application, through_generation, service, erased_at_us, final_answer, \
             rows_erased, objects_erased) VALUES (?, ?, ?, ?, ?, ?, ?, ?)";
        sql::execute(conn, insert, key().chain(values())).await?;
    }
    Ok(())
}
