//! The published athlete's numbers, as the public routes show them.

use chrono::NaiveDate;
use kernel::AthleteId;
use outbox::StoreError;

use super::ServiceContext;
use crate::domain::period::{end_of_year, last_twelve_months, start_of_year};
use crate::domain::published_stats::{
    MAX_RECENT_ACTIVITIES, RecentActivity, YearToDate, cumulate_runs, sum_by_month,
};
use crate::domain::sums::Sums;
use crate::domain::zone::Zone;
use crate::store::{connections, facts, totals};

/// The state of the published athlete's numbers that a response is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Snapshot {
    pub(crate) athlete: AthleteId,
    pub(crate) version: i64,
    pub(crate) zone: Zone,
    pub(crate) today: NaiveDate,
}

/// Returns the present state; none if nobody is published, nothing was ever counted, or all
/// connections are lost. The version is read first: numbers read later are never older than it.
pub(crate) async fn current_snapshot(ctx: &ServiceContext) -> Result<Option<Snapshot>, StoreError> {
    let Some(athlete) = ctx.published_athlete else { return Ok(None) };
    let conn = ctx.database.readers();
    let version = ctx.database.version_of(conn, athlete).await?;
    if version == 0 || connections::all_disconnected(conn, athlete).await? {
        return Ok(None);
    }
    let zone = facts::find_zone(conn, athlete).await?;
    Ok(Some(Snapshot { athlete, version, zone, today: zone.day_of(ctx.now()) }))
}

/// Returns the sums of running and riding of this local year.
pub(crate) async fn year_to_date(
    ctx: &ServiceContext,
    snapshot: Snapshot,
) -> Result<YearToDate, StoreError> {
    let year = start_of_year(snapshot.today)..=end_of_year(snapshot.today);
    let days = totals::list_between(ctx.database.readers(), snapshot.athlete, year, &[]).await?;
    Ok(YearToDate::from_totals(&days))
}

/// Returns the newest activities, newest first.
pub(crate) async fn recent_activities(
    ctx: &ServiceContext,
    snapshot: Snapshot,
) -> Result<Vec<RecentActivity>, StoreError> {
    facts::list_recent(ctx.database.readers(), snapshot.athlete, MAX_RECENT_ACTIVITIES).await
}

/// Returns the sums of the last twelve local calendar months, newest first.
pub(crate) async fn monthly_sums(
    ctx: &ServiceContext,
    snapshot: Snapshot,
) -> Result<Vec<(String, Sums)>, StoreError> {
    let first = last_twelve_months(snapshot.today).pop().unwrap_or(snapshot.today);
    let days = first..=end_of_year(snapshot.today);
    let days = totals::list_between(ctx.database.readers(), snapshot.athlete, days, &[]).await?;
    Ok(sum_by_month(&days, snapshot.today))
}

/// Returns the distance run by the end of each local day of this year, in decimetres.
pub(crate) async fn cumulative_run_distance(
    ctx: &ServiceContext,
    snapshot: Snapshot,
) -> Result<Vec<(NaiveDate, i64)>, StoreError> {
    let first = start_of_year(snapshot.today);
    let year = first..=end_of_year(snapshot.today);
    let days = totals::list_between(ctx.database.readers(), snapshot.athlete, year, &[]).await?;
    Ok(cumulate_runs(&days, first, snapshot.today))
}
