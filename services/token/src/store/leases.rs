//! Leases: what was allowed, until when, and whether its use was reported.

use kernel::{ApplicationId, AthleteId, LeaseId, Timestamp};
use outbox::{StoreError, sql};
use sea_orm::{ConnectionTrait, QueryResult};
use strava_client::lease::Purpose;

use crate::domain::budget::{Calls, InFlight};

/// A lease as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct GrantedLease {
    pub(crate) id: LeaseId,
    pub(crate) application: ApplicationId,
    pub(crate) athlete: AthleteId,
    pub(crate) purpose: Purpose,
    pub(crate) attempt: String,
    /// Of the token it was given with.
    pub(crate) access_print: String,
    pub(crate) allowed: Calls,
    pub(crate) expires_at: Timestamp,
    /// The windows it spends in.
    pub(crate) quarter: Timestamp,
    pub(crate) day: Timestamp,
    pub(crate) reported: bool,
}

/// Stores a lease.
pub(crate) async fn insert_lease<C: ConnectionTrait>(
    conn: &C,
    lease: &GrantedLease,
) -> Result<(), StoreError> {
    sql::execute(
        conn,
        "INSERT INTO lease (id, application, athlete, purpose, attempt, access_print, allowed_reads, allowed_writes, \
         expires_at_us, quarter_us, day_us, reported) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0)",
        [
            lease.id.to_string().into(),
            lease.application.get().into(),
            lease.athlete.to_string().into(),
            word(lease.purpose).into(),
            lease.attempt.clone().into(),
            lease.access_print.clone().into(),
            lease.allowed.reads.into(),
            lease.allowed.writes.into(),
            lease.expires_at.as_micros().into(),
            lease.quarter.as_micros().into(),
            lease.day.as_micros().into(),
        ],
    )
    .await?;
    Ok(())
}

/// The lease of this id.
pub(crate) async fn find_lease<C: ConnectionTrait>(
    conn: &C,
    id: LeaseId,
) -> Result<Option<GrantedLease>, StoreError> {
    sql::one(conn, "SELECT * FROM lease WHERE id = ?", [id.to_string().into()])
        .await?
        .as_ref()
        .map(read)
        .transpose()
}

/// The lease an attempt was given before.
pub(crate) async fn lease_of_attempt<C: ConnectionTrait>(
    conn: &C,
    application: ApplicationId,
    athlete: AthleteId,
    attempt: &str,
) -> Result<Option<GrantedLease>, StoreError> {
    sql::one(
        conn,
        "SELECT * FROM lease WHERE application = ? AND athlete = ? AND attempt = ?",
        [application.get().into(), athlete.to_string().into(), attempt.into()],
    )
    .await?
    .as_ref()
    .map(read)
    .transpose()
}

/// Frees the attempt's name of a lease that is over; what it allowed stays counted.
pub(crate) async fn retire_attempt<C: ConnectionTrait>(
    conn: &C,
    id: LeaseId,
) -> Result<(), StoreError> {
    let id = id.to_string();
    sql::execute(
        conn,
        "UPDATE lease SET attempt = ? WHERE id = ?",
        [format!("over:{id}").into(), id.into()],
    )
    .await?;
    Ok(())
}

/// Its use was reported: from now on the budget itself counts it.
pub(crate) async fn close_lease<C: ConnectionTrait>(
    conn: &C,
    id: LeaseId,
    used: Calls,
) -> Result<(), StoreError> {
    sql::execute(
        conn,
        "UPDATE lease SET reported = 1, allowed_reads = ?, allowed_writes = ? WHERE id = ?",
        [used.reads.into(), used.writes.into(), id.to_string().into()],
    )
    .await?;
    Ok(())
}

/// What leases that nobody reported spend, or may still spend, in the windows that began at these instants.
pub(crate) async fn in_flight<C: ConnectionTrait>(
    conn: &C,
    application: ApplicationId,
    quarter: Timestamp,
    day: Timestamp,
) -> Result<InFlight, StoreError> {
    let day_us = day.as_micros();
    let rows = sql::all(
        conn,
        "SELECT quarter_us, allowed_reads, allowed_writes FROM lease \
         WHERE application = ? AND day_us = ? AND reported = 0",
        [application.get().into(), day_us.into()],
    )
    .await?;
    let mut sum = InFlight::default();
    for row in rows {
        let calls = calls(&row)?;
        sum.day = Calls::new(sum.day.reads + calls.reads, sum.day.writes + calls.writes);
        if row.try_get::<i64>("", "quarter_us")? == quarter.as_micros() {
            sum.quarter =
                Calls::new(sum.quarter.reads + calls.reads, sum.quarter.writes + calls.writes);
        }
    }
    Ok(sum)
}

/// What an athlete's leases for a purpose spent, or may still spend, in this quarter of an hour.
pub(crate) async fn spent_by<C: ConnectionTrait>(
    conn: &C,
    lease: &GrantedLease,
) -> Result<Calls, StoreError> {
    let rows = sql::all(
        conn,
        "SELECT quarter_us, allowed_reads, allowed_writes FROM lease \
         WHERE application = ? AND day_us = ? AND quarter_us = ? AND athlete = ? AND purpose = ?",
        [
            lease.application.get().into(),
            lease.day.as_micros().into(),
            lease.quarter.as_micros().into(),
            lease.athlete.to_string().into(),
            word(lease.purpose).into(),
        ],
    )
    .await?;
    rows.iter().try_fold(Calls::default(), |sum, row| {
        let calls = calls(row)?;
        Ok(Calls::new(sum.reads + calls.reads, sum.writes + calls.writes))
    })
}

/// Forgets leases of days long over.
pub(crate) async fn purge_leases<C: ConnectionTrait>(
    conn: &C,
    application: ApplicationId,
    before: Timestamp,
) -> Result<(), StoreError> {
    sql::execute(
        conn,
        "DELETE FROM lease WHERE application = ? AND day_us < ?",
        [application.get().into(), before.as_micros().into()],
    )
    .await?;
    Ok(())
}

const fn word(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::Login => "login",
        Purpose::Live => "live",
        Purpose::Copy => "copy",
        Purpose::Reconcile => "reconcile",
        Purpose::Backfill => "backfill",
    }
}

fn calls(row: &QueryResult) -> Result<Calls, StoreError> {
    Ok(Calls::new(row.try_get("", "allowed_reads")?, row.try_get("", "allowed_writes")?))
}

fn read(row: &QueryResult) -> Result<GrantedLease, StoreError> {
    let odd =
        |column: &str| StoreError::inconsistent(format!("a lease's {column} is none of ours"));
    let purpose: String = row.try_get("", "purpose")?;
    let instant = |column: &str| row.try_get("", column).map(Timestamp::from_micros);
    Ok(GrantedLease {
        id: row.try_get::<String>("", "id")?.parse().map_err(|_no_uuid| odd("id"))?,
        application: ApplicationId::new(row.try_get("", "application")?),
        athlete: row
            .try_get::<String>("", "athlete")?
            .parse()
            .map_err(|_no_uuid| odd("athlete"))?,
        purpose: [
            Purpose::Login,
            Purpose::Live,
            Purpose::Copy,
            Purpose::Reconcile,
            Purpose::Backfill,
        ]
        .into_iter()
        .find(|known| word(*known) == purpose)
        .ok_or_else(|| odd("purpose"))?,
        attempt: row.try_get("", "attempt")?,
        access_print: row.try_get("", "access_print")?,
        allowed: calls(row)?,
        expires_at: instant("expires_at_us")?,
        quarter: instant("quarter_us")?,
        day: instant("day_us")?,
        reported: row.try_get::<i32>("", "reported")? != 0,
    })
}
