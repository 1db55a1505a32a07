//! What is known of each activity, one row each.

use contracts::{Erasure, Origin};
use kernel::{ActivityId, AthleteId, Revision, Sport, StravaActivityId, Timestamp};
use outbox::StoreError;
use sea_orm::{
    ActiveModelTrait, ActiveValue::NotSet, ColumnTrait, ConnectionTrait, EntityTrait,
    IntoActiveModel, QueryFilter, QueryOrder, QuerySelect,
};

use super::entities::fact::{ActiveModel, Column, Entity, Model};
use super::local_date;
use crate::domain::fact::{Change, DayOf, Fact};
use crate::domain::published::Recent;
use crate::domain::sums::Sums;
use crate::domain::zone::Zone;

/// What is stored of an activity that a change is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stored {
    pub(crate) revision: Revision,
    /// The total it adds to, unless it is removed.
    pub(crate) day: Option<DayOf>,
}

/// What is stored of this activity, if anything.
pub(crate) async fn stored(
    conn: &impl ConnectionTrait,
    athlete: AthleteId,
    activity: ActivityId,
) -> Result<Option<Stored>, StoreError> {
    let row = Entity::find_by_id(activity.to_string())
        .filter(Column::Athlete.eq(athlete.to_string()))
        .one(conn)
        .await?;
    row.map(|row| Ok(Stored { revision: Revision::new(row.revision), day: day_of(&row)? }))
        .transpose()
}

/// Stores the change. `false`: what is stored is as new or newer.
///
/// The guard is an update that names the older revision, then a plain insert: an upsert's row count
/// says nothing that both engines agree on.
pub(crate) async fn put(
    conn: &impl ConnectionTrait,
    change: &Change,
    known: bool,
) -> Result<bool, StoreError> {
    let row = row_of(change);
    if !known {
        return match Entity::insert(row.into_active_model().reset_all())
            .exec_without_returning(conn)
            .await
            .map_err(StoreError::from)
        {
            Ok(_) => Ok(true),
            Err(StoreError::UniqueViolation) => Ok(false),
            Err(other) => Err(other),
        };
    }
    let updated = Entity::update_many()
        .set(everything_but_the_key(row))
        .filter(Column::Activity.eq(change.activity.to_string()))
        .filter(Column::Athlete.eq(change.athlete.to_string()))
        .filter(Column::Revision.lt(change.revision.get()))
        .exec(conn)
        .await?;
    Ok(updated.rows_affected > 0)
}

/// Adds up what counts on one local day in one sport.
pub(crate) async fn sums_of(
    conn: &impl ConnectionTrait,
    athlete: AthleteId,
    day: &DayOf,
) -> Result<Sums, StoreError> {
    let rows: Vec<(i64, i64, i64, i64)> = Entity::find()
        .select_only()
        .columns([
            Column::DistanceDm,
            Column::MovingTimeS,
            Column::ElapsedTimeS,
            Column::ElevationGainDm,
        ])
        .filter(Column::Athlete.eq(athlete.to_string()))
        .filter(Column::LocalDate.eq(day.local_date.to_string()))
        .filter(Column::Sport.eq(day.sport.as_str()))
        .filter(Column::Removed.eq(false))
        .into_tuple()
        .all(conn)
        .await?;
    Ok(rows
        .into_iter()
        .map(|(distance_dm, moving_time_s, elapsed_time_s, elevation_gain_dm)| Sums {
            count: 1,
            distance_dm,
            moving_time_s,
            elapsed_time_s,
            elevation_gain_dm,
        })
        .sum())
}

/// What every activity of an athlete adds to which total: all there is to recompute them from.
pub(crate) async fn that_count(
    conn: &impl ConnectionTrait,
    athlete: AthleteId,
) -> Result<Vec<(DayOf, Sums)>, StoreError> {
    let rows: Vec<(String, String, i64, i64, i64, i64)> = Entity::find()
        .select_only()
        .columns([Column::LocalDate, Column::Sport, Column::DistanceDm])
        .columns([Column::MovingTimeS, Column::ElapsedTimeS, Column::ElevationGainDm])
        .filter(Column::Athlete.eq(athlete.to_string()))
        .filter(Column::Removed.eq(false))
        .into_tuple()
        .all(conn)
        .await?;
    rows.into_iter()
        .map(|(date, sport, distance_dm, moving_time_s, elapsed_time_s, elevation_gain_dm)| {
            let day = DayOf { local_date: local_date(&date)?, sport: Sport::new(&sport) };
            Ok((
                day,
                Sums { count: 1, distance_dm, moving_time_s, elapsed_time_s, elevation_gain_dm },
            ))
        })
        .collect()
}

/// Blanks what an erasure covers, keeping id and revision, and tells which totals it touched.
pub(crate) async fn blank(
    conn: &impl ConnectionTrait,
    athlete: AthleteId,
    erasure: Erasure,
    at: Timestamp,
) -> Result<Vec<DayOf>, StoreError> {
    let rows = Entity::find()
        .filter(Column::Athlete.eq(athlete.to_string()))
        .filter(Column::ErasedAtUs.is_null())
        .all(conn)
        .await?;
    let mut touched = Vec::new();
    for row in rows.into_iter().filter(|row| covers(erasure, &row.origins)) {
        touched.extend(day_of(&row)?);
        let blank = Model {
            erased_at_us: Some(at.as_micros()),
            ..nothing(&row.activity, &row.athlete, row.revision)
        };
        Entity::update_many()
            .set(everything_but_the_key(blank))
            .filter(Column::Activity.eq(row.activity))
            .exec(conn)
            .await?;
    }
    Ok(touched)
}

/// Forgets that what was erased before this instant had ever been.
pub(crate) async fn forget_erased(
    conn: &impl ConnectionTrait,
    before: Timestamp,
) -> Result<u64, StoreError> {
    let gone =
        Entity::delete_many().filter(Column::ErasedAtUs.lt(before.as_micros())).exec(conn).await?;
    Ok(gone.rows_affected)
}

/// What there is of facts, over all athletes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stock {
    Nothing,
    OnlyRemoved,
    Counting,
}

/// Whether there are rows, and whether any counts.
pub(crate) async fn stock(conn: &impl ConnectionTrait) -> Result<Stock, StoreError> {
    let one = Entity::find().select_only().column(Column::Revision).limit(1);
    let counting: Option<i64> =
        one.clone().filter(Column::Removed.eq(false)).into_tuple().one(conn).await?;
    if counting.is_some() {
        return Ok(Stock::Counting);
    }
    let any: Option<i64> = one.into_tuple().one(conn).await?;
    Ok(if any.is_some() { Stock::OnlyRemoved } else { Stock::Nothing })
}

/// The zone of the athlete's newest activity.
pub(crate) async fn zone(
    conn: &impl ConnectionTrait,
    athlete: AthleteId,
) -> Result<Zone, StoreError> {
    let row: Option<(String, i64)> = Entity::find()
        .select_only()
        .columns([Column::Timezone, Column::UtcOffsetS])
        .filter(Column::Athlete.eq(athlete.to_string()))
        .filter(Column::Removed.eq(false))
        .order_by_desc(Column::StartAtUs)
        .limit(1)
        .into_tuple()
        .one(conn)
        .await?;
    Ok(row.map(|(name, offset)| Zone::new(&name, offset)).unwrap_or_default())
}

/// The athlete's newest activities that are not for the athlete alone.
pub(crate) async fn recent(
    conn: &impl ConnectionTrait,
    athlete: AthleteId,
    most: u64,
) -> Result<Vec<Recent>, StoreError> {
    let rows = Entity::find()
        .filter(Column::Athlete.eq(athlete.to_string()))
        .filter(Column::Removed.eq(false))
        .filter(Column::Visibility.ne("only_me"))
        .order_by_desc(Column::StartAtUs)
        .order_by_desc(Column::Activity)
        .limit(most)
        .all(conn)
        .await?;
    Ok(rows.into_iter().map(recent_of).collect())
}

fn recent_of(row: Model) -> Recent {
    let kind = if row.legacy_type.is_empty() { row.sport } else { row.legacy_type };
    Recent {
        strava_activity: StravaActivityId::new(row.strava_activity),
        name: row.name,
        kind,
        sums: Sums {
            count: 1,
            distance_dm: row.distance_dm,
            moving_time_s: row.moving_time_s,
            elapsed_time_s: row.elapsed_time_s,
            elevation_gain_dm: row.elevation_gain_dm,
        },
        start_at: Timestamp::from_micros(row.start_at_us),
    }
}

fn day_of(row: &Model) -> Result<Option<DayOf>, StoreError> {
    if row.removed {
        return Ok(None);
    }
    Ok(Some(DayOf { local_date: local_date(&row.local_date)?, sport: Sport::new(&row.sport) }))
}

fn row_of(change: &Change) -> Model {
    let blank =
        nothing(&change.activity.to_string(), &change.athlete.to_string(), change.revision.get());
    let Some(fact) = &change.fact else { return blank };
    let Fact { start_at, start_local, local_date, .. } = fact;
    Model {
        removed: false,
        origins: written(&change.origins),
        application: change.application.get(),
        strava_activity: change.strava_activity.get(),
        name: fact.name.clone(),
        sport: fact.sport.as_str().to_owned(),
        legacy_type: fact.legacy_type.clone(),
        start_at_us: start_at.as_micros(),
        start_local: start_local.format("%Y-%m-%dT%H:%M:%S").to_string(),
        local_date: local_date.to_string(),
        utc_offset_s: fact.utc_offset_s,
        timezone: fact.timezone.clone(),
        distance_dm: fact.distance_dm,
        moving_time_s: fact.moving_time_s,
        elapsed_time_s: fact.elapsed_time_s,
        elevation_gain_dm: fact.elevation_gain_dm,
        average_speed_mm_s: fact.average_speed_mm_s,
        max_speed_mm_s: fact.max_speed_mm_s,
        average_heartrate_dbpm: fact.average_heartrate_dbpm,
        max_heartrate_dbpm: fact.max_heartrate_dbpm,
        kudos_count: fact.kudos_count,
        visibility: fact.visibility.clone(),
        ..blank
    }
}

/// A row that keeps a revision and nothing else.
fn nothing(activity: &str, athlete: &str, revision: i64) -> Model {
    Model {
        activity: activity.to_owned(),
        athlete: athlete.to_owned(),
        revision,
        removed: true,
        erased_at_us: None,
        origins: String::new(),
        application: 0,
        strava_activity: 0,
        name: String::new(),
        sport: String::new(),
        legacy_type: String::new(),
        start_at_us: 0,
        start_local: String::new(),
        local_date: String::new(),
        utc_offset_s: 0,
        timezone: String::new(),
        distance_dm: 0,
        moving_time_s: 0,
        elapsed_time_s: 0,
        elevation_gain_dm: 0,
        average_speed_mm_s: 0,
        max_speed_mm_s: 0,
        average_heartrate_dbpm: None,
        max_heartrate_dbpm: None,
        kudos_count: 0,
        visibility: String::new(),
    }
}

fn everything_but_the_key(row: Model) -> ActiveModel {
    ActiveModel { activity: NotSet, athlete: NotSet, ..row.into_active_model().reset_all() }
}

fn written(origins: &[Origin]) -> String {
    let pairs: Vec<_> = origins
        .iter()
        .map(|origin| format!("{}:{}", origin.application, origin.generation))
        .collect();
    pairs.join(",")
}

fn covers(erasure: Erasure, origins: &str) -> bool {
    let Erasure::Connection { application, through } = erasure else { return true };
    origins
        .split(',')
        .filter_map(|pair| pair.split_once(':'))
        .filter_map(|(app, generation)| Some((app.parse().ok()?, generation.parse().ok()?)))
        .any(|(app, generation): (i64, i64)| {
            app == application.get() && generation <= through.get()
        })
}
