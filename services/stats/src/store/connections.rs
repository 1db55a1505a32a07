//! The table `connection`: the latest known state of each Strava connection.

use contracts::Erasure;
use kernel::AthleteId;
use outbox::{StoreError, sql};
use sea_orm::{ConnectionTrait, Value};

use crate::domain::connection::Connection;

/// Stores the state of a connection. False if the stored one is as new or newer.
pub(crate) async fn upsert(
    conn: &impl ConnectionTrait,
    connection: &Connection,
) -> Result<bool, StoreError> {
    let Connection { athlete, application, generation, revision, connected } = *connection;
    let values: [Value; 5] = [
        generation.get().into(),
        revision.get().into(),
        connected.into(),
        athlete.to_string().into(),
        application.get().into(),
    ];
    let update = "UPDATE connection SET generation = ?, revision = ?, connected = ? \
                  WHERE athlete = ? AND application = ? AND revision < ?";
    let guarded = values.clone().into_iter().chain([revision.get().into()]);
    if sql::execute(conn, update, guarded).await? > 0 {
        return Ok(true);
    }
    let insert = "INSERT INTO connection (generation, revision, connected, athlete, application) \
                  VALUES (?, ?, ?, ?, ?)";
    match sql::execute(conn, insert, values).await {
        Ok(_) => Ok(true),
        Err(StoreError::UniqueViolation) => Ok(false),
        Err(error) => Err(error),
    }
}

/// True if the athlete has connections and none of them is connected any more.
pub(crate) async fn all_disconnected(
    conn: &impl ConnectionTrait,
    athlete: AthleteId,
) -> Result<bool, StoreError> {
    let best: Option<bool> = sql::fetch_scalar(
        conn,
        "SELECT connected FROM connection WHERE athlete = ? ORDER BY connected DESC LIMIT 1",
        [athlete.to_string().into()],
    )
    .await?;
    Ok(best == Some(false))
}

/// Deletes the connections an erasure covers, and returns how many they were.
pub(crate) async fn delete_erased(
    conn: &impl ConnectionTrait,
    athlete: AthleteId,
    erasure: Erasure,
) -> Result<u64, StoreError> {
    let athlete = athlete.to_string().into();
    match erasure {
        Erasure::Everything => {
            sql::execute(conn, "DELETE FROM connection WHERE athlete = ?", [athlete]).await
        }
        Erasure::Connection { application, through } => {
            sql::execute(
                conn,
                "DELETE FROM connection WHERE athlete = ? AND application = ? AND generation <= ?",
                [athlete, application.get().into(), through.get().into()],
            )
            .await
        }
    }
}
