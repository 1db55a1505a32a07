//! Whether a service has everything: when it last was caught up on a topic, and the replay it asked for.

use std::time::Duration;

use contracts::Topic;
use kernel::Timestamp;
use sea_orm::{ConnectionTrait, QueryResult};

use crate::{StoreError, sql};

/// Who was away for longer has missed what the log has forgotten by now (it keeps 48 h).
pub const PATIENCE: Duration = Duration::from_hours(42);
/// How much newer an instant must be to be worth a write.
const GRAIN: Duration = Duration::from_mins(10);
/// How long an answer may take before the question is put again.
pub const ASK_AGAIN: Duration = Duration::from_hours(1);

/// Where a service stands on one topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It has everything.
    Complete,
    /// It missed something, or never had anything: ask for a replay.
    Incomplete,
    /// It asked, and waits.
    Asked {
        /// The id of the question.
        replay: String,
        /// When it was put.
        at: Timestamp,
    },
}

/// Where the service stands on this topic. A question unanswered for an hour counts as not put.
pub async fn standing<C: ConnectionTrait>(
    conn: &C,
    topic: Topic,
    now: Timestamp,
) -> Result<Standing, StoreError> {
    let Some(row) = find(conn, topic).await? else {
        return Ok(Standing::Incomplete);
    };
    let replay: String = row.try_get("", "replay_id")?;
    if !replay.is_empty() {
        let at = Timestamp::from_micros(row.try_get("", "asked_at_us")?);
        let unanswered = now.since(at) >= ASK_AGAIN;
        return Ok(if unanswered { Standing::Incomplete } else { Standing::Asked { replay, at } });
    }
    let at = Timestamp::from_micros(row.try_get("", "at_us")?);
    Ok(if now.since(at) > PATIENCE { Standing::Incomplete } else { Standing::Complete })
}

/// Notes that the service has handled everything there is on this topic. Nothing is noted while a
/// replay is under way, nor when the last note is recent.
pub async fn note<C: ConnectionTrait>(
    conn: &C,
    topic: Topic,
    now: Timestamp,
) -> Result<(), StoreError> {
    sql::execute(
        conn,
        "UPDATE caught_up SET at_us = ? WHERE topic = ? AND replay_id = '' AND at_us > ? AND at_us < ?",
        [
            now.as_micros().into(),
            topic.name().into(),
            now.minus(PATIENCE).as_micros().into(),
            now.minus(GRAIN).as_micros().into(),
        ],
    )
    .await?;
    Ok(())
}

/// Declares the topic complete without a replay: for a service that starts with nothing to miss.
pub async fn complete<C: ConnectionTrait>(
    conn: &C,
    topic: Topic,
    now: Timestamp,
) -> Result<(), StoreError> {
    put(conn, topic, now.as_micros(), "", 0).await
}

/// Records the question that is published in the same transaction.
pub async fn asked<C: ConnectionTrait>(
    conn: &C,
    topic: Topic,
    replay: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    let at = match find(conn, topic).await? {
        Some(row) => row.try_get("", "at_us")?,
        None => 0,
    };
    put(conn, topic, at, replay, now.as_micros()).await
}

/// Notes that the answer to `replay` has ended on this partition. True once it has ended on all of
/// them: then the topic is complete. Answers to other questions are nothing.
pub async fn done<C: ConnectionTrait>(
    conn: &C,
    topic: Topic,
    replay: &str,
    on: OnPartition,
    now: Timestamp,
) -> Result<bool, StoreError> {
    if replay.is_empty() {
        return Ok(false);
    }
    // The row is locked before anything is counted: of two last answers at once, under READ
    // COMMITTED, each would miss the other's and neither would complete the topic.
    let waiting = sql::execute(
        conn,
        "UPDATE caught_up SET replay_id = replay_id WHERE topic = ? AND replay_id = ?",
        [topic.name().into(), replay.into()],
    )
    .await?;
    if waiting == 0 {
        return Ok(false);
    }
    let noted = sql::execute(
        conn,
        "INSERT INTO replay_done (replay_id, at_partition) VALUES (?, ?)",
        [replay.into(), on.partition.into()],
    )
    .await;
    match noted {
        Ok(_) | Err(StoreError::UniqueViolation) => {}
        Err(error) => return Err(error),
    }
    let ended: i64 = match sql::one(
        conn,
        "SELECT COUNT(*) AS n FROM replay_done WHERE replay_id = ?",
        [replay.into()],
    )
    .await?
    {
        Some(row) => row.try_get("", "n")?,
        None => 0,
    };
    if ended < i64::from(on.of) {
        return Ok(false);
    }
    put(conn, topic, now.as_micros(), "", 0).await?;
    sql::execute(conn, "DELETE FROM replay_done WHERE replay_id = ?", [replay.into()]).await?;
    Ok(true)
}

/// A partition, and how many its topic has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OnPartition {
    /// The partition.
    pub partition: i32,
    /// How many there are.
    pub of: i32,
}

async fn find<C: ConnectionTrait>(
    conn: &C,
    topic: Topic,
) -> Result<Option<QueryResult>, StoreError> {
    sql::one(
        conn,
        "SELECT at_us, replay_id, asked_at_us FROM caught_up WHERE topic = ?",
        [topic.name().into()],
    )
    .await
}

async fn put<C: ConnectionTrait>(
    conn: &C,
    topic: Topic,
    at_us: i64,
    replay: &str,
    asked_at_us: i64,
) -> Result<(), StoreError> {
    let updated = sql::execute(
        conn,
        "UPDATE caught_up SET at_us = ?, replay_id = ?, asked_at_us = ? WHERE topic = ?",
        [at_us.into(), replay.into(), asked_at_us.into(), topic.name().into()],
    )
    .await?;
    if updated == 0 {
        sql::execute(
            conn,
            "INSERT INTO caught_up (topic, at_us, replay_id, asked_at_us) VALUES (?, ?, ?, ?)",
            [topic.name().into(), at_us.into(), replay.into(), asked_at_us.into()],
        )
        .await?;
    }
    Ok(())
}
