//! Leases: the calls they allow, until they are reported.

use kernel::{ApplicationId, AthleteId, LeaseId, Timestamp};
use outbox::{StoreError, sql};
use sea_orm::{ConnectionTrait, FromQueryResult, Value};
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
    let insert = "INSERT INTO lease (id, application, athlete, purpose, attempt, access_fingerprint, \
         allowed_reads, allowed_writes, expires_at_us, quarter_us, day_us, reported) \
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0)";
    let values = [
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
    ];
    sql::execute(conn, insert, values).await?;
    Ok(())
}

/// Finds the lease of this id.
pub(crate) async fn find<C: ConnectionTrait>(
    conn: &C,
    id: LeaseId,
) -> Result<Option<StoredLease>, StoreError> {
    select_one(conn, "id = ?", [id.to_string().into()]).await
}

/// Finds the lease that was granted to an attempt.
pub(crate) async fn find_by_attempt<C: ConnectionTrait>(
    conn: &C,
    application: ApplicationId,
    athlete: AthleteId,
    attempt: &str,
) -> Result<Option<StoredLease>, StoreError> {
    let values = [application.get().into(), athlete.to_string().into(), attempt.into()];
    select_one(conn, "application = ? AND athlete = ? AND attempt = ?", values).await
}

/// Frees the attempt of a lease that is over; its calls stay counted.
pub(crate) async fn retire_attempt<C: ConnectionTrait>(
    conn: &C,
    id: LeaseId,
) -> Result<(), StoreError> {
    let values = [format!("over:{id}").into(), id.to_string().into()];
    sql::execute(conn, "UPDATE lease SET attempt = ? WHERE id = ?", values).await?;
    Ok(())
}

/// Closes a reported lease: from now on the budget itself counts its calls.
pub(crate) async fn close<C: ConnectionTrait>(
    conn: &C,
    id: LeaseId,
    used: CallCount,
) -> Result<(), StoreError> {
    let update =
        "UPDATE lease SET reported = 1, allowed_reads = ?, allowed_writes = ? WHERE id = ?";
    let values = [used.reads.into(), used.writes.into(), id.to_string().into()];
    sql::execute(conn, update, values).await?;
    Ok(())
}

/// Sums the calls of leases that are not reported, in the windows that began at these instants.
pub(crate) async fn sum_in_flight<C: ConnectionTrait>(
    conn: &C,
    application: ApplicationId,
    quarter: Timestamp,
    day: Timestamp,
) -> Result<InFlightCalls, StoreError> {
    let values = [application.get().into(), day.as_micros().into()];
    let rows = select_calls(conn, "reported = 0", values).await?;
    let of_quarter = rows.iter().filter(|row| row.quarter_us == quarter.as_micros());
    Ok(InFlightCalls {
        quarter: of_quarter.map(CallsRow::calls).sum(),
        day: rows.iter().map(CallsRow::calls).sum(),
    })
}

/// Sums the calls of all leases with the athlete, purpose and short window of this one.
pub(crate) async fn sum_spent<C: ConnectionTrait>(
    conn: &C,
    lease: &StoredLease,
) -> Result<CallCount, StoreError> {
    let values = [
        lease.application.get().into(),
        lease.day.as_micros().into(),
        lease.quarter.as_micros().into(),
        lease.athlete.to_string().into(),
        purpose_code(lease.purpose).into(),
    ];
    let rows = select_calls(conn, "quarter_us = ? AND athlete = ? AND purpose = ?", values).await?;
    Ok(rows.iter().map(CallsRow::calls).sum())
}

/// Deletes leases of days before this one.
pub(crate) async fn delete_before<C: ConnectionTrait>(
    conn: &C,
    application: ApplicationId,
    day: Timestamp,
) -> Result<(), StoreError> {
    let values = [application.get().into(), day.as_micros().into()];
    sql::execute(conn, "DELETE FROM lease WHERE application = ? AND day_us < ?", values).await?;
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

fn parse_purpose(code: &str) -> Option<Purpose> {
    [Purpose::Login, Purpose::Live, Purpose::Copy, Purpose::Reconcile, Purpose::Backfill]
        .into_iter()
        .find(|purpose| purpose_code(*purpose) == code)
}

async fn select_one<C: ConnectionTrait, const N: usize>(
    conn: &C,
    condition: &str,
    values: [Value; N],
) -> Result<Option<StoredLease>, StoreError> {
    let statement = format!("SELECT * FROM lease WHERE {condition}");
    let row = sql::fetch_one::<LeaseRow>(conn, &statement, values).await?;
    row.map(StoredLease::try_from).transpose()
}

/// Selects the calls of an application's leases of a day; the values begin with these two.
async fn select_calls<C: ConnectionTrait, const N: usize>(
    conn: &C,
    condition: &str,
    values: [Value; N],
) -> Result<Vec<CallsRow>, StoreError> {
    let statement = format!(
        "SELECT quarter_us, allowed_reads, allowed_writes FROM lease \
         WHERE application = ? AND day_us = ? AND {condition}"
    );
    sql::fetch_all(conn, &statement, values).await
}

#[derive(FromQueryResult)]
struct CallsRow {
    quarter_us: i64,
    allowed_reads: i64,
    allowed_writes: i64,
}

impl CallsRow {
    const fn calls(&self) -> CallCount {
        CallCount::new(self.allowed_reads, self.allowed_writes)
    }
}

/// A row of `lease`; instants are in microseconds.
#[derive(FromQueryResult)]
struct LeaseRow {
    id: String,
    application: i64,
    athlete: String,
    purpose: String,
    attempt: String,
    access_fingerprint: String,
    allowed_reads: i64,
    allowed_writes: i64,
    expires_at_us: i64,
    quarter_us: i64,
    day_us: i64,
    reported: i32,
}

impl TryFrom<LeaseRow> for StoredLease {
    type Error = StoreError;

    fn try_from(row: LeaseRow) -> Result<Self, StoreError> {
        let invalid =
            |column: &str| StoreError::inconsistent(format!("a lease's {column} is invalid"));
        Ok(Self {
            id: row.id.parse().map_err(|_no_uuid| invalid("id"))?,
            application: ApplicationId::new(row.application),
            athlete: row.athlete.parse().map_err(|_no_uuid| invalid("athlete"))?,
            purpose: parse_purpose(&row.purpose).ok_or_else(|| invalid("purpose"))?,
            attempt: row.attempt,
            access_fingerprint: row.access_fingerprint,
            allowed: CallCount::new(row.allowed_reads, row.allowed_writes),
            expires_at: Timestamp::from_micros(row.expires_at_us),
            quarter: Timestamp::from_micros(row.quarter_us),
            day: Timestamp::from_micros(row.day_us),
            reported: row.reported != 0,
        })
    }
}
