//! What the public routes tell of the published athlete.

use chrono::NaiveDate;
use kernel::AthleteId;
use outbox::StoreError;

use super::Core;
use crate::domain::period::{end_of_year, last_twelve_months, start_of_year};
use crate::domain::published::{self, RECENT, Recent, YearToDate};
use crate::domain::sums::Sums;
use crate::domain::zone::Zone;
use crate::store::{connections, facts, totals};

/// The state of the published athlete's numbers that an answer was made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Edition {
    pub(crate) version: i64,
    pub(crate) zone: Zone,
    pub(crate) today: NaiveDate,
}

/// Whether what was made of this edition may still be told: two cheap looks.
pub(crate) async fn still_holds(
    core: &Core,
    athlete: AthleteId,
    edition: Edition,
) -> Result<bool, StoreError> {
    let database = core.store.database();
    let conn = database.readers();
    Ok(database.version_of(conn, athlete).await? == edition.version
        && edition.zone.day_of(core.clock.now()) == edition.today
        && !connections::all_lost(conn, athlete).await?)
}

/// What there is to tell of; nothing if nothing was ever counted, or if all connections were lost.
pub(crate) async fn edition(
    core: &Core,
    athlete: AthleteId,
) -> Result<Option<Edition>, StoreError> {
    let database = core.store.database();
    let conn = database.readers();
    let version = database.version_of(conn, athlete).await?;
    if version == 0 || connections::all_lost(conn, athlete).await? {
        return Ok(None);
    }
    let zone = facts::zone(conn, athlete).await?;
    Ok(Some(Edition { version, zone, today: zone.day_of(core.clock.now()) }))
}

/// Running and riding of this local year.
pub(crate) async fn year_to_date(
    core: &Core,
    athlete: AthleteId,
    edition: Edition,
) -> Result<YearToDate, StoreError> {
    let year = (start_of_year(edition.today), end_of_year(edition.today));
    Ok(YearToDate::of(&totals::between(core.store.database().readers(), athlete, year, &[]).await?))
}

/// The newest activities, newest first.
pub(crate) async fn recent(core: &Core, athlete: AthleteId) -> Result<Vec<Recent>, StoreError> {
    facts::recent(core.store.database().readers(), athlete, RECENT).await
}

/// The last twelve local calendar months, newest first.
pub(crate) async fn monthly(
    core: &Core,
    athlete: AthleteId,
    edition: Edition,
) -> Result<Vec<(String, Sums)>, StoreError> {
    let first = last_twelve_months(edition.today).pop().unwrap_or(edition.today);
    let range = (first, end_of_year(edition.today));
    let days = totals::between(core.store.database().readers(), athlete, range, &[]).await?;
    Ok(published::by_month(&days, edition.today))
}

/// The distance run so far, for each local day of this year.
pub(crate) async fn run_so_far(
    core: &Core,
    athlete: AthleteId,
    edition: Edition,
) -> Result<Vec<(NaiveDate, i64)>, StoreError> {
    let (first, last) = (start_of_year(edition.today), end_of_year(edition.today));
    let days =
        totals::between(core.store.database().readers(), athlete, (first, last), &[]).await?;
    Ok(published::run_so_far(&days, first, edition.today))
}
