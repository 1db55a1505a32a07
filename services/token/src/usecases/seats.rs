//! The seats of the Strava application: Strava allows it few athletes.

use std::time::Duration;

use kernel::{ApplicationId, Timestamp};
use outbox::{AthleteTx, StoreError};

use super::ServiceContext;
use super::disconnect::disconnect;
use crate::domain::connection::ConnectionState;
use crate::store::{connections, seats};

/// The use of a seat is written when the last one is older than this.
const USE_STEP: Duration = Duration::from_hours(1);

/// The seats of an application.
#[derive(Clone, Debug)]
pub(crate) struct SeatReport {
    pub(crate) application: ApplicationId,
    /// Number of athletes that Strava allows: as configured, else as learned from a refusal.
    pub(crate) allowed: Option<i64>,
    /// The last time Strava refused a further athlete.
    pub(crate) refused_at: Option<Timestamp>,
    /// The longest idle first.
    pub(crate) seats: Vec<Seat>,
}

/// An athlete that Strava counts.
#[derive(Clone, Debug)]
pub(crate) struct Seat {
    pub(crate) connection: String,
    pub(crate) athlete: String,
    pub(crate) strava_athlete: i64,
    pub(crate) state: String,
    pub(crate) connected_at: Timestamp,
    /// The last time something of theirs was fetched because Strava told of it.
    pub(crate) used_at: Option<Timestamp>,
    /// Whole days since then, or since the connect.
    pub(crate) idle_days: i64,
}

/// Lists the seats; none without a Strava application.
pub(crate) async fn list_seats(ctx: &ServiceContext) -> Result<Option<SeatReport>, StoreError> {
    let Some(app) = &ctx.app else { return Ok(None) };
    let limit = seats::find_limit(&ctx.database, app.client_id).await?;
    let now = ctx.now();
    let rows = seats::list(&ctx.database, app.client_id).await?;
    let seats = rows.into_iter().map(|row| {
        let connected_at = Timestamp::from_micros(row.connected_at_us);
        let used_at =
            (row.used_at_us > row.connected_at_us).then(|| Timestamp::from_micros(row.used_at_us));
        let idle = now.since(used_at.unwrap_or(connected_at));
        Seat {
            connection: row.id,
            athlete: row.athlete,
            strava_athlete: row.strava_athlete,
            state: row.state,
            connected_at,
            used_at,
            idle_days: i64::try_from(idle.as_secs() / 86_400).unwrap_or(i64::MAX),
        }
    });
    Ok(Some(SeatReport {
        application: app.client_id,
        allowed: ctx.settings.athlete_limit.or(limit.map(|limit| limit.used)),
        refused_at: limit.map(|limit| Timestamp::from_micros(limit.refused_at_us)),
        seats: seats.collect(),
    }))
}

/// Frees a seat: ends the connection as its athlete would, with a revoke and an erasure. False if there is no such
/// connection.
pub(crate) async fn free_seat(ctx: &ServiceContext, connection: &str) -> Result<bool, StoreError> {
    let found = connections::find(ctx.database.readers(), connection).await?;
    let Some(held) = found.filter(|it| it.state != ConnectionState::Disconnected) else {
        return Ok(false);
    };
    tracing::warn!(athlete = %held.athlete, connection, "an administrator frees a seat");
    disconnect(ctx, held.athlete, connection).await
}

/// Records that Strava refused a further athlete, and returns how many there are.
pub(crate) async fn record_full(
    ctx: &ServiceContext,
    application: ApplicationId,
) -> Result<i64, StoreError> {
    let now = ctx.now();
    ctx.database
        .run_plain("record_full", |tx| async move {
            seats::record_full(tx.conn(), application, now).await
        })
        .await
}

/// Records that the athlete of a transaction was active.
pub(super) async fn record_use(tx: &AthleteTx, now: Timestamp) -> Result<(), StoreError> {
    seats::record_use(tx.conn(), tx.athlete(), now, now.minus(USE_STEP)).await
}
