//! Leases: the calls they allow, until they are reported.

use kernel::{ApplicationId, AthleteId, LeaseId, Timestamp};
use outbox::{StoreError, sql};
use sea_orm::{ConnectionTrait, QueryResult};
use strava_client::lease::Purpose;

use crate::domain::budget::{CallCount, InFlightCalls};

/// A lease as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StoredLease {
    pub(crate) id: LeaseId,
    pub(crate) application: ApplicationId,
    pub(crate) athlete: AthleteId,
    pub(crate) purpose: Purpose,
    pub(crate) attempt: String,
    /// Fingerprint of the token it was given with.
    pub(crate) access_fingerprint: String,
    pub(crate) allowed: CallCount,
    pub(crate) expires_at: Timestamp,
    /// Start of the short window it counts in.
    pub(crate) quarter: Timestamp,
    /// Start of the day it counts in.
    pub(crate) day: Timestamp,
    pub(crate) reported: bool,
}

/// Inserts a lease.
pub(crate) async fn insert<C: ConnectionTrait>(
    conn: &C,
    lease: &StoredLease,
) -> Result<(), StoreError> {
    sql::execute(
        conn,
        "INSERT INTO lease (id, application, athlete, purpose, attempt, access_print, allowed_reads, allowed_writes, \
         expires_at_us, quarter_us, day_us, reported) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0)",
        [
            lease.id.to_string().into(),
            lease.application.get().into(),
            lease.athlete.to_string().into(),
            purpose_code(lease.purpose).into(),
            lease.attempt.clone().into(),
            lease.access_fingerprint.clone().into(),
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

/// Finds the lease of this id.
pub(crate) async fn find<C: ConnectionTrait>(
    conn: &C,
    id: LeaseId,
) -> Result<Option<StoredLease>, StoreError> {
    sql::one(conn, "SELECT * FROM lease WHERE id = ?", [id.to_string().into()])
        .await?
        .as_ref()
        .map(read)
        .transpose()
}

/// Finds the lease that was granted to an attempt.
pub(crate) async fn find_by_attempt<C: ConnectionTrait>(
    conn: &C,
    application: ApplicationId,
    athlete: AthleteId,
    attempt: &str,
) -> Result<Option<StoredLease>, StoreError> {
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

/// Frees the attempt of a lease that is over; its calls stay counted.
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

/// Closes a reported lease: from now on the budget itself counts its calls.
pub(crate) async fn close<C: ConnectionTrait>(
    conn: &C,
    id: LeaseId,
    used: CallCount,
) -> Result<(), StoreError> {
    sql::execute(
        conn,
        "UPDATE lease SET reported = 1, allowed_reads = ?, allowed_writes = ? WHERE id = ?",
        [used.reads.into(), used.writes.into(), id.to_string().into()],
    )
    .await?;
    Ok(())
}

/// Sums the calls of leases that are not reported, in the windows that began at these instants.
pub(crate) async fn sum_in_flight<C: ConnectionTrait>(
    conn: &C,
    application: ApplicationId,
    quarter: Timestamp,
    day: Timestamp,
) -> Result<InFlightCalls, StoreError> {
    let day_us = day.as_micros();
    let rows = sql::all(
        conn,
        "SELECT quarter_us, allowed_reads, allowed_writes FROM lease \
         WHERE application = ? AND day_us = ? AND reported = 0",
        [application.get().into(), day_us.into()],
    )
    .await?;
    let mut sum = InFlightCalls::default();
    for row in rows {
        let calls = read_calls(&row)?;
        sum.day = CallCount::new(sum.day.reads + calls.reads, sum.day.writes + calls.writes);
        if row.try_get::<i64>("", "quarter_us")? == quarter.as_micros() {
            sum.quarter =
                CallCount::new(sum.quarter.reads + calls.reads, sum.quarter.writes + calls.writes);
        }
    }
    Ok(sum)
}

/// Sums the calls of all leases with the athlete, purpose and short window of this one.
pub(crate) async fn sum_spent<C: ConnectionTrait>(
    conn: &C,
    lease: &StoredLease,
) -> Result<CallCount, StoreError> {
    let rows = sql::all(
        conn,
        "SELECT quarter_us, allowed_reads, allowed_writes FROM lease \
         WHERE application = ? AND day_us = ? AND quarter_us = ? AND athlete = ? AND purpose = ?",
        [
            lease.application.get().into(),
            lease.day.as_micros().into(),
            lease.quarter.as_micros().into(),
            lease.athlete.to_string().into(),
            purpose_code(lease.purpose).into(),
        ],
    )
    .await?;
    rows.iter().try_fold(CallCount::default(), |sum, row| {
        let calls = read_calls(row)?;
        Ok(CallCount::new(sum.reads + calls.reads, sum.writes + calls.writes))
    })
}

/// Deletes leases of days before this one.
pub(crate) async fn delete_before<C: ConnectionTrait>(
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

/// The purpose as it is stored and counted.
pub(crate) const fn purpose_code(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::Login => "login",
        Purpose::Live => "live",
        Purpose::Copy => "copy",
        Purpose::Reconcile => "reconcile",
        Purpose::Backfill => "backfill",
    }
}

fn read_calls(row: &QueryResult) -> Result<CallCount, StoreError> {
    Ok(CallCount::new(row.try_get("", "allowed_reads")?, row.try_get("", "allowed_writes")?))
}

fn read(row: &QueryResult) -> Result<StoredLease, StoreError> {
    let invalid = |column: &str| StoreError::inconsistent(format!("a lease's {column} is invalid"));
    let purpose: String = row.try_get("", "purpose")?;
    let instant = |column: &str| row.try_get("", column).map(Timestamp::from_micros);
    Ok(StoredLease {
        id: row.try_get::<String>("", "id")?.parse().map_err(|_no_uuid| invalid("id"))?,
        application: ApplicationId::new(row.try_get("", "application")?),
        athlete: row
            .try_get::<String>("", "athlete")?
            .parse()
            .map_err(|_no_uuid| invalid("athlete"))?,
        purpose: [
            Purpose::Login,
            Purpose::Live,
            Purpose::Copy,
            Purpose::Reconcile,
            Purpose::Backfill,
        ]
        .into_iter()
        .find(|known| purpose_code(*known) == purpose)
        .ok_or_else(|| invalid("purpose"))?,
        attempt: row.try_get("", "attempt")?,
        access_fingerprint: row.try_get("", "access_print")?,
        allowed: read_calls(row)?,
        expires_at: instant("expires_at_us")?,
        quarter: instant("quarter_us")?,
        day: instant("day_us")?,
        reported: row.try_get::<i32>("", "reported")? != 0,
    })
}
