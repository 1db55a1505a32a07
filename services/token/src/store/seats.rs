//! The athletes that Strava counts for an application, and when each was last active.

use kernel::{ApplicationId, AthleteId, Timestamp};
use outbox::{Database, StoreError, sql};
use sea_orm::{ConnectionTrait, FromQueryResult};

use crate::domain::connection::ConnectionState;

/// A connection that is not disconnected.
#[derive(Clone, Debug, FromQueryResult)]
pub(crate) struct SeatRow {
    pub(crate) id: String,
    pub(crate) athlete: String,
    pub(crate) strava_athlete: i64,
    pub(crate) state: String,
    pub(crate) connected_at_us: i64,
    /// 0 if nothing was fetched live since it was connected.
    pub(crate) used_at_us: i64,
}

/// The last time Strava refused a further athlete.
#[derive(Clone, Copy, Debug, FromQueryResult)]
pub(crate) struct SeatLimit {
    pub(crate) used: i64,
    pub(crate) refused_at_us: i64,
}

/// Lists the connections of an application that are not disconnected, the longest idle first.
pub(crate) async fn list(
    database: &Database,
    application: ApplicationId,
) -> Result<Vec<SeatRow>, StoreError> {
    let select = "SELECT c.id, c.athlete, c.strava_athlete, c.state, c.connected_at_us, \
         COALESCE(u.used_at_us, 0) AS used_at_us \
         FROM connection c LEFT JOIN seat_use u ON u.athlete = c.athlete \
         WHERE c.application = ? AND c.state <> ? \
         ORDER BY COALESCE(u.used_at_us, c.connected_at_us), c.id";
    let values = [application.get().into(), ConnectionState::Disconnected.code().into()];
    sql::fetch_all(database.readers(), select, values).await
}

/// Records that an athlete was active, if the last record is older than `since`.
pub(crate) async fn record_use<C: ConnectionTrait>(
    conn: &C,
    athlete: AthleteId,
    now: Timestamp,
    since: Timestamp,
) -> Result<(), StoreError> {
    let id = athlete.to_string();
    let last = "SELECT used_at_us FROM seat_use WHERE athlete = ?";
    let last: Option<i64> = sql::fetch_scalar(conn, last, [id.clone().into()]).await?;
    let write = match last {
        Some(at) if at > since.as_micros() => return Ok(()),
        Some(_) => "UPDATE seat_use SET used_at_us = ? WHERE athlete = ?",
        None => "INSERT INTO seat_use (used_at_us, athlete) VALUES (?, ?)",
    };
    sql::execute(conn, write, [now.as_micros().into(), id.into()]).await?;
    Ok(())
}

/// Forgets when an athlete was active.
pub(crate) async fn forget<C: ConnectionTrait>(
    conn: &C,
    athlete: AthleteId,
) -> Result<(), StoreError> {
    let delete = "DELETE FROM seat_use WHERE athlete = ?";
    sql::execute(conn, delete, [athlete.to_string().into()]).await?;
    Ok(())
}

/// Records that Strava refused a further athlete, and returns how many there are.
pub(crate) async fn record_full<C: ConnectionTrait>(
    conn: &C,
    application: ApplicationId,
    now: Timestamp,
) -> Result<i64, StoreError> {
    let count = "SELECT COUNT(*) FROM connection WHERE application = ? AND state <> ?";
    let values = [application.get().into(), ConnectionState::Disconnected.code().into()];
    let used: i64 = sql::fetch_scalar(conn, count, values).await?.unwrap_or(0);
    let values = [used.into(), now.as_micros().into(), application.get().into()];
    let update = "UPDATE seat_limit SET used = ?, refused_at_us = ? WHERE application = ?";
    if sql::execute(conn, update, values.clone()).await? == 0 {
        let insert = "INSERT INTO seat_limit (used, refused_at_us, application) VALUES (?, ?, ?)";
        sql::execute(conn, insert, values).await?;
    }
    Ok(used)
}

/// The last refusal, if there was one.
pub(crate) async fn find_limit(
    database: &Database,
    application: ApplicationId,
) -> Result<Option<SeatLimit>, StoreError> {
    let select = "SELECT used, refused_at_us FROM seat_limit WHERE application = ?";
    sql::fetch_one(database.readers(), select, [application.get().into()]).await
}
