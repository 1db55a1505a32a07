//! What each local day came to, sport by sport.

use std::collections::BTreeSet;

use chrono::NaiveDate;
use kernel::{AthleteId, Sport};
use outbox::StoreError;
use sea_orm::{
    ActiveModelTrait, ActiveValue::NotSet, ColumnTrait, ConnectionTrait, EntityTrait,
    IntoActiveModel, QueryFilter, QueryOrder, QuerySelect,
};

use super::entities::daily_total::{ActiveModel, Column, Entity, Model};
use super::entities::fact;
use super::local_date;
use crate::domain::fact::DayOf;
use crate::domain::summary::DailyTotal;
use crate::domain::sums::Sums;

/// The totals of an athlete from this day to that, in these sports (all, if none is named).
pub(crate) async fn between(
    conn: &impl ConnectionTrait,
    athlete: AthleteId,
    (from, to): (NaiveDate, NaiveDate),
    sports: &[Sport],
) -> Result<Vec<DailyTotal>, StoreError> {
    let mut rows = Entity::find()
        .filter(Column::Athlete.eq(athlete.to_string()))
        .filter(Column::LocalDate.between(from.to_string(), to.to_string()));
    if !sports.is_empty() {
        rows = rows.filter(Column::Sport.is_in(sports.iter().map(Sport::as_str)));
    }
    rows.order_by_asc(Column::LocalDate).all(conn).await?.into_iter().map(total_of).collect()
}

/// Every total of an athlete.
pub(crate) async fn all(
    conn: &impl ConnectionTrait,
    athlete: AthleteId,
) -> Result<Vec<DailyTotal>, StoreError> {
    Entity::find()
        .filter(Column::Athlete.eq(athlete.to_string()))
        .order_by_asc(Column::LocalDate)
        .order_by_asc(Column::Sport)
        .all(conn)
        .await?
        .into_iter()
        .map(total_of)
        .collect()
}

/// The sports an athlete has totals of.
pub(crate) async fn sports(
    conn: &impl ConnectionTrait,
    athlete: AthleteId,
) -> Result<Vec<Sport>, StoreError> {
    let rows: Vec<String> = Entity::find()
        .select_only()
        .column(Column::Sport)
        .distinct()
        .filter(Column::Athlete.eq(athlete.to_string()))
        .into_tuple()
        .all(conn)
        .await?;
    Ok(rows.iter().map(|sport| Sport::new(sport)).collect())
}

/// Replaces one total by what it now comes to.
pub(crate) async fn put(
    conn: &impl ConnectionTrait,
    athlete: AthleteId,
    day: &DayOf,
    sums: Sums,
) -> Result<(), StoreError> {
    let key = (athlete.to_string(), day.local_date.to_string(), day.sport.as_str().to_owned());
    if sums.count == 0 {
        Entity::delete_by_id(key).exec(conn).await?;
        return Ok(());
    }
    let row = Model {
        athlete: key.0.clone(),
        local_date: key.1.clone(),
        sport: key.2.clone(),
        activities: sums.count,
        distance_dm: sums.distance_dm,
        moving_time_s: sums.moving_time_s,
        elapsed_time_s: sums.elapsed_time_s,
        elevation_gain_dm: sums.elevation_gain_dm,
    }
    .into_active_model()
    .reset_all();
    let updated = Entity::update_many()
        .set(ActiveModel { athlete: NotSet, local_date: NotSet, sport: NotSet, ..row.clone() })
        .filter(Column::Athlete.eq(key.0))
        .filter(Column::LocalDate.eq(key.1))
        .filter(Column::Sport.eq(key.2))
        .exec(conn)
        .await?;
    if updated.rows_affected == 0 {
        Entity::insert(row).exec_without_returning(conn).await?;
    }
    Ok(())
}

/// Removes every total of an athlete.
pub(crate) async fn clear(
    conn: &impl ConnectionTrait,
    athlete: AthleteId,
) -> Result<(), StoreError> {
    Entity::delete_many().filter(Column::Athlete.eq(athlete.to_string())).exec(conn).await?;
    Ok(())
}

/// Every athlete who has facts or totals.
pub(crate) async fn athletes(conn: &impl ConnectionTrait) -> Result<Vec<AthleteId>, StoreError> {
    let with_totals: Vec<String> = Entity::find()
        .select_only()
        .column(Column::Athlete)
        .distinct()
        .into_tuple()
        .all(conn)
        .await?;
    let with_facts: Vec<String> = fact::Entity::find()
        .select_only()
        .column(fact::Column::Athlete)
        .distinct()
        .into_tuple()
        .all(conn)
        .await?;
    let athletes: BTreeSet<String> = with_totals.into_iter().chain(with_facts).collect();
    athletes
        .iter()
        .map(|id| {
            id.parse().ok().ok_or_else(|| {
                StoreError::inconsistent(format!("the stored athlete {id:?} is none"))
            })
        })
        .collect()
}

/// Whether there is any row at all.
pub(crate) async fn any(conn: &impl ConnectionTrait) -> Result<bool, StoreError> {
    let row: Option<i64> = Entity::find()
        .select_only()
        .column(Column::Activities)
        .limit(1)
        .into_tuple()
        .one(conn)
        .await?;
    Ok(row.is_some())
}

fn total_of(row: Model) -> Result<DailyTotal, StoreError> {
    Ok(DailyTotal {
        local_date: local_date(&row.local_date)?,
        sport: Sport::new(&row.sport),
        sums: Sums {
            count: row.activities,
            distance_dm: row.distance_dm,
            moving_time_s: row.moving_time_s,
            elapsed_time_s: row.elapsed_time_s,
            elevation_gain_dm: row.elevation_gain_dm,
        },
    })
}
