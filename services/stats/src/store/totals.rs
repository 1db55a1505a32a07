//! The table `daily_total`: the sums of each local day of an athlete, sport by sport.

use std::ops::RangeInclusive;

use chrono::NaiveDate;
use kernel::{AthleteId, Sport};
use outbox::{StoreError, sql};
use sea_orm::{ConnectionTrait, FromQueryResult, Value};

use super::parse_local_date;
use crate::domain::activity_change::TotalKey;
use crate::domain::summary::DailyTotal;
use crate::domain::sums::Sums;

const COLUMNS: &str = "athlete, local_date, sport, activities, distance_dm, moving_time_s, \
                       elapsed_time_s, elevation_gain_dm";

#[derive(FromQueryResult)]
struct TotalRow {
    local_date: String,
    sport: String,
    activities: i64,
    distance_dm: i64,
    moving_time_s: i64,
    elapsed_time_s: i64,
    elevation_gain_dm: i64,
}

impl TryFrom<TotalRow> for DailyTotal {
    type Error = StoreError;

    fn try_from(row: TotalRow) -> Result<Self, StoreError> {
        let sums = Sums {
            count: row.activities,
            distance_dm: row.distance_dm,
            moving_time_s: row.moving_time_s,
            elapsed_time_s: row.elapsed_time_s,
            elevation_gain_dm: row.elevation_gain_dm,
        };
        let local_date = parse_local_date(&row.local_date)?;
        Ok(Self { local_date, sport: Sport::new(&row.sport), sums })
    }
}

/// Returns the totals of an athlete on these local days, in these sports (in all, if none is named).
pub(crate) async fn list_between(
    conn: &impl ConnectionTrait,
    athlete: AthleteId,
    days: RangeInclusive<NaiveDate>,
    sports: &[Sport],
) -> Result<Vec<DailyTotal>, StoreError> {
    let mut condition = "athlete = ? AND local_date BETWEEN ? AND ?".to_owned();
    let mut values: Vec<Value> = vec![
        athlete.to_string().into(),
        days.start().to_string().into(),
        days.end().to_string().into(),
    ];
    if !sports.is_empty() {
        condition = format!("{condition} AND sport IN ({})", sql::placeholders(sports.len()));
        values.extend(sports.iter().map(|sport| sport.as_str().into()));
    }
    select(conn, &condition, values).await
}

/// Returns every total of an athlete.
pub(crate) async fn list(
    conn: &impl ConnectionTrait,
    athlete: AthleteId,
) -> Result<Vec<DailyTotal>, StoreError> {
    select(conn, "athlete = ?", [athlete.to_string().into()]).await
}

/// Returns the sports an athlete has totals of.
pub(crate) async fn list_sports(
    conn: &impl ConnectionTrait,
    athlete: AthleteId,
) -> Result<Vec<Sport>, StoreError> {
    let select = "SELECT DISTINCT sport FROM daily_total WHERE athlete = ?";
    let sports: Vec<String> =
        sql::fetch_scalars(conn, select, [athlete.to_string().into()]).await?;
    Ok(sports.iter().map(|sport| Sport::new(sport)).collect())
}

/// Replaces one total; a total of no activities is deleted.
pub(crate) async fn replace(
    conn: &impl ConnectionTrait,
    athlete: AthleteId,
    key: &TotalKey,
    sums: Sums,
) -> Result<(), StoreError> {
    let key: [Value; 3] =
        [athlete.to_string().into(), key.local_date.to_string().into(), key.sport.as_str().into()];
    if sums.count == 0 {
        let delete = "DELETE FROM daily_total WHERE athlete = ? AND local_date = ? AND sport = ?";
        sql::execute(conn, delete, key).await?;
        return Ok(());
    }
    let sums: [Value; 5] = [
        sums.count.into(),
        sums.distance_dm.into(),
        sums.moving_time_s.into(),
        sums.elapsed_time_s.into(),
        sums.elevation_gain_dm.into(),
    ];
    let update = "UPDATE daily_total SET activities = ?, distance_dm = ?, moving_time_s = ?, \
                  elapsed_time_s = ?, elevation_gain_dm = ? \
                  WHERE athlete = ? AND local_date = ? AND sport = ?";
    if sql::execute(conn, update, sums.clone().into_iter().chain(key.clone())).await? == 0 {
        let insert = format!("INSERT INTO daily_total ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)");
        sql::execute(conn, &insert, key.into_iter().chain(sums)).await?;
    }
    Ok(())
}

/// Deletes every total of an athlete.
pub(crate) async fn delete_for_athlete(
    conn: &impl ConnectionTrait,
    athlete: AthleteId,
) -> Result<(), StoreError> {
    let delete = "DELETE FROM daily_total WHERE athlete = ?";
    sql::execute(conn, delete, [athlete.to_string().into()]).await?;
    Ok(())
}

/// Returns every athlete who has facts or totals.
pub(crate) async fn list_athletes(
    conn: &impl ConnectionTrait,
) -> Result<Vec<AthleteId>, StoreError> {
    let select = "SELECT athlete FROM daily_total UNION SELECT athlete FROM fact";
    fetch_athletes(conn, select).await
}

/// Returns every athlete who has counted facts and not one total.
pub(crate) async fn list_athletes_without(
    conn: &impl ConnectionTrait,
) -> Result<Vec<AthleteId>, StoreError> {
    let select = "SELECT a.id FROM athlete a \
         WHERE EXISTS (SELECT 1 FROM fact f WHERE f.athlete = a.id AND f.removed = FALSE) \
         AND NOT EXISTS (SELECT 1 FROM daily_total t WHERE t.athlete = a.id)";
    fetch_athletes(conn, select).await
}

async fn fetch_athletes(
    conn: &impl ConnectionTrait,
    select: &str,
) -> Result<Vec<AthleteId>, StoreError> {
    let athletes: Vec<String> = sql::fetch_scalars(conn, select, []).await?;
    let parse = |id: &String| {
        id.parse().map_err(|error| {
            StoreError::inconsistent(format!("the stored athlete {id:?}: {error}"))
        })
    };
    athletes.iter().map(parse).collect()
}

/// True if any total is stored.
pub(crate) async fn any_exist(conn: &impl ConnectionTrait) -> Result<bool, StoreError> {
    sql::exists(conn, "SELECT sport FROM daily_total LIMIT 1", []).await
}

async fn select(
    conn: &impl ConnectionTrait,
    condition: &str,
    values: impl IntoIterator<Item = Value> + Send,
) -> Result<Vec<DailyTotal>, StoreError> {
    let select =
        format!("SELECT {COLUMNS} FROM daily_total WHERE {condition} ORDER BY local_date, sport");
    let rows: Vec<TotalRow> = sql::fetch_all(conn, &select, values).await?;
    rows.into_iter().map(DailyTotal::try_from).collect()
}
