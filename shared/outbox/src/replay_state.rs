//! Replay state of each topic: the instant of the last known completeness, and the replay requested since.

use std::time::Duration;

use contracts::Topic;
use kernel::Timestamp;
use sea_orm::{ConnectionTrait, FromQueryResult};

use crate::{StoreError, sql};

/// A service away for longer has missed events that the log, which keeps 48 h, has deleted.
pub const MAX_ABSENCE: Duration = Duration::from_hours(42);
/// A newer instant is written only if it is newer by this much.
const MIN_ADVANCE: Duration = Duration::from_mins(10);
/// A request unanswered for this long is made again.
pub const REQUEST_TIMEOUT: Duration = Duration::from_hours(1);

/// State of a service on one topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SyncState {
    /// It has everything.
    Complete,
    /// It missed something or never had anything: a replay is needed.
    Incomplete,
    /// It requested a replay and waits for the end of the answer.
    Requested {
        /// Id of the request.
        replay: String,
        /// Instant of the request.
        at: Timestamp,
    },
}

/// A partition and the partition count of its topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartitionOf {
    /// The partition.
    pub partition: i32,
    /// Number of partitions of the topic.
    pub count: i32,
}

#[derive(FromQueryResult)]
struct CaughtUpRow {
    at_us: i64,
    replay_id: String,
    requested_at_us: i64,
}

/// The state on this topic. A request unanswered for an hour counts as not made.
pub async fn load<C: ConnectionTrait>(
    conn: &C,
    topic: Topic,
    now: Timestamp,
) -> Result<SyncState, StoreError> {
    let Some(row) = find(conn, topic).await? else {
        return Ok(SyncState::Incomplete);
    };
    if row.replay_id.is_empty() {
        let absent = now.since(Timestamp::from_micros(row.at_us)) > MAX_ABSENCE;
        return Ok(if absent { SyncState::Incomplete } else { SyncState::Complete });
    }
    let at = Timestamp::from_micros(row.requested_at_us);
    let unanswered = now.since(at) >= REQUEST_TIMEOUT;
    Ok(if unanswered {
        SyncState::Incomplete
    } else {
        SyncState::Requested { replay: row.replay_id, at }
    })
}

/// Records that the service has handled everything on this topic; not while a replay is under way,
/// not after a long absence, nor when the last record is recent.
pub async fn record_caught_up<C: ConnectionTrait>(
    conn: &C,
    topic: Topic,
    now: Timestamp,
) -> Result<(), StoreError> {
    sql::execute(
        conn,
        "UPDATE replay_state SET at_us = ? WHERE topic = ? AND replay_id = '' AND at_us > ? AND at_us < ?",
        [
            now.as_micros().into(),
            topic.name().into(),
            now.minus(MAX_ABSENCE).as_micros().into(),
            now.minus(MIN_ADVANCE).as_micros().into(),
        ],
    )
    .await?;
    Ok(())
}

/// Declares the topic complete without a replay: for a service that has nothing to miss.
pub async fn set_complete<C: ConnectionTrait>(
    conn: &C,
    topic: Topic,
    now: Timestamp,
) -> Result<(), StoreError> {
    put(
        conn,
        topic,
        &CaughtUpRow { at_us: now.as_micros(), replay_id: String::new(), requested_at_us: 0 },
    )
    .await
}

/// Forgets that anything was complete, and what was requested: all is requested again.
pub async fn forget<C: ConnectionTrait>(conn: &C) -> Result<(), StoreError> {
    let forget = "UPDATE replay_state SET at_us = 0, replay_id = '', requested_at_us = 0";
    sql::execute(conn, forget, []).await?;
    Ok(())
}

/// Records the request that is published in the same transaction.
pub async fn record_request<C: ConnectionTrait>(
    conn: &C,
    topic: Topic,
    replay: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    let at_us = find(conn, topic).await?.map_or(0, |row| row.at_us);
    let row = CaughtUpRow { at_us, replay_id: replay.to_owned(), requested_at_us: now.as_micros() };
    put(conn, topic, &row).await
}

/// Records that the answer to `replay` has ended on this partition. True once it has ended on all of
/// them: then the topic is complete. Answers to other requests change nothing.
pub async fn record_done<C: ConnectionTrait>(
    conn: &C,
    topic: Topic,
    replay: &str,
    on: PartitionOf,
    now: Timestamp,
) -> Result<bool, StoreError> {
    if replay.is_empty() {
        return Ok(false);
    }
    // The row is locked before anything is counted: of two last answers at once, under READ
    // COMMITTED, each would miss the other's and neither would complete the topic.
    let waiting = sql::execute(
        conn,
        "UPDATE replay_state SET replay_id = replay_id WHERE topic = ? AND replay_id = ?",
        [topic.name().into(), replay.into()],
    )
    .await?;
    if waiting == 0 {
        return Ok(false);
    }
    let inserted = sql::execute(
        conn,
        "INSERT INTO replay_done (replay_id, record_partition) VALUES (?, ?)",
        [replay.into(), on.partition.into()],
    )
    .await;
    match inserted {
        Ok(_) | Err(StoreError::UniqueViolation) => {}
        Err(error) => return Err(error),
    }
    let ended: Option<i64> = sql::fetch_scalar(
        conn,
        "SELECT COUNT(*) FROM replay_done WHERE replay_id = ?",
        [replay.into()],
    )
    .await?;
    if ended.unwrap_or(0) < i64::from(on.count) {
        return Ok(false);
    }
    set_complete(conn, topic, now).await?;
    sql::execute(conn, "DELETE FROM replay_done WHERE replay_id = ?", [replay.into()]).await?;
    Ok(true)
}

async fn find<C: ConnectionTrait>(
    conn: &C,
    topic: Topic,
) -> Result<Option<CaughtUpRow>, StoreError> {
    sql::fetch_one(
        conn,
        "SELECT at_us, replay_id, requested_at_us FROM replay_state WHERE topic = ?",
        [topic.name().into()],
    )
    .await
}

async fn put<C: ConnectionTrait>(
    conn: &C,
    topic: Topic,
    row: &CaughtUpRow,
) -> Result<(), StoreError> {
    let values = [
        row.at_us.into(),
        row.replay_id.clone().into(),
        row.requested_at_us.into(),
        topic.name().into(),
    ];
    let updated = sql::execute(
        conn,
        "UPDATE replay_state SET at_us = ?, replay_id = ?, requested_at_us = ? WHERE topic = ?",
        values.clone(),
    )
    .await?;
    if updated == 0 {
        sql::execute(
            conn,
            "INSERT INTO replay_state (at_us, replay_id, requested_at_us, topic) VALUES (?, ?, ?, ?)",
            values,
        )
        .await?;
    }
    Ok(())
}
