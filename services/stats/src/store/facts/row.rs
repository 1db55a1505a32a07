//! One row of the table `fact`.

use contracts::{Erasure, Origin};
use kernel::{SourceKey, Sport, Timestamp};
use outbox::StoreError;
use sea_orm::{FromQueryResult, Value};

use crate::domain::activity_change::{ActivityChange, TotalKey};
use crate::domain::published_stats::RecentActivity;
use crate::domain::sums::Sums;
use crate::store::parse_local_date;

/// Columns of the table, the two that are never updated first.
pub(super) const COLUMNS: &str = "activity, athlete, \
    revision, removed, erased_at_us, origins, source, source_id, name, sport, \
    legacy_type, start_at_us, start_local, local_date, utc_offset_s, timezone, distance_dm, \
    moving_time_s, elapsed_time_s, elevation_gain_dm, average_speed_mm_s, max_speed_mm_s, \
    average_heartrate_dbpm, max_heartrate_dbpm, kudos_count, visibility";

/// Number of columns that are never updated.
pub(super) const KEY_COLUMNS: usize = 2;

/// An activity as it is stored; of a removed one only the id and the revision are left.
#[derive(Clone, Debug, Default, FromQueryResult)]
pub(super) struct FactRow {
    pub(super) activity: String,
    pub(super) athlete: String,
    pub(super) revision: i64,
    pub(super) removed: bool,
    /// Instant of the erasure that blanked the row; it is deleted once the log has forgotten too.
    pub(super) erased_at_us: Option<i64>,
    /// Every connection it draws on, as `application:generation` with commas between.
    pub(super) origins: String,
    /// The leading source, and the activity's id there.
    pub(super) source: Option<String>,
    pub(super) source_id: Option<String>,
    pub(super) name: String,
    pub(super) sport: String,
    pub(super) legacy_type: String,
    pub(super) start_at_us: i64,
    pub(super) start_local: String,
    pub(super) local_date: String,
    pub(super) utc_offset_s: i64,
    pub(super) timezone: String,
    pub(super) distance_dm: i64,
    pub(super) moving_time_s: i64,
    pub(super) elapsed_time_s: i64,
    pub(super) elevation_gain_dm: i64,
    pub(super) average_speed_mm_s: i64,
    pub(super) max_speed_mm_s: i64,
    pub(super) average_heartrate_dbpm: Option<i64>,
    pub(super) max_heartrate_dbpm: Option<i64>,
    pub(super) kudos_count: i64,
    pub(super) visibility: String,
}

impl FactRow {
    /// A row with an id and a revision and nothing else.
    pub(super) fn blank(activity: String, athlete: String, revision: i64) -> Self {
        Self { activity, athlete, revision, removed: true, ..Self::default() }
    }

    /// Values of every column, in the order of [`COLUMNS`].
    pub(super) fn into_values(self) -> Vec<Value> {
        vec![
            self.activity.into(),
            self.athlete.into(),
            self.revision.into(),
            self.removed.into(),
            self.erased_at_us.into(),
            self.origins.into(),
            self.source.into(),
            self.source_id.into(),
            self.name.into(),
            self.sport.into(),
            self.legacy_type.into(),
            self.start_at_us.into(),
            self.start_local.into(),
            self.local_date.into(),
            self.utc_offset_s.into(),
            self.timezone.into(),
            self.distance_dm.into(),
            self.moving_time_s.into(),
            self.elapsed_time_s.into(),
            self.elevation_gain_dm.into(),
            self.average_speed_mm_s.into(),
            self.max_speed_mm_s.into(),
            self.average_heartrate_dbpm.into(),
            self.max_heartrate_dbpm.into(),
            self.kudos_count.into(),
            self.visibility.into(),
        ]
    }

    /// The total the activity adds to, unless it is removed.
    pub(super) fn total_key(&self) -> Result<Option<TotalKey>, StoreError> {
        if self.removed {
            return Ok(None);
        }
        let local_date = parse_local_date(&self.local_date)?;
        Ok(Some(TotalKey { local_date, sport: Sport::new(&self.sport) }))
    }

    /// The amounts the activity adds to its total.
    pub(super) fn sums(&self) -> Sums {
        Sums {
            count: 1,
            distance_dm: self.distance_dm,
            moving_time_s: self.moving_time_s,
            elapsed_time_s: self.elapsed_time_s,
            elevation_gain_dm: self.elevation_gain_dm,
        }
    }

    /// True if the activity draws on a connection that the erasure covers.
    pub(super) fn is_covered_by(&self, erasure: Erasure) -> bool {
        let Erasure::Connection { application, through } = erasure else { return true };
        self.origins
            .split(',')
            .filter_map(|pair| pair.split_once(':'))
            .filter_map(|(app, generation)| Some((app.parse().ok()?, generation.parse().ok()?)))
            .any(|(app, generation): (i64, i64)| {
                app == application.get() && generation <= through.get()
            })
    }
}

impl From<&ActivityChange> for FactRow {
    fn from(change: &ActivityChange) -> Self {
        let blank = Self::blank(
            change.activity.to_string(),
            change.athlete.to_string(),
            change.revision.get(),
        );
        let Some(fact) = &change.fact else { return blank };
        Self {
            removed: false,
            origins: format_origins(&change.origins),
            source: change.source.as_ref().map(|key| key.source.to_string()),
            source_id: change.source.as_ref().map(|key| key.source_id.to_string()),
            name: fact.name.clone(),
            sport: fact.sport.as_str().to_owned(),
            legacy_type: fact.legacy_type.clone(),
            start_at_us: fact.start_at.as_micros(),
            start_local: fact.start_local.format("%Y-%m-%dT%H:%M:%S").to_string(),
            local_date: fact.local_date.to_string(),
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
}

impl From<FactRow> for RecentActivity {
    fn from(row: FactRow) -> Self {
        Self {
            strava_activity: row
                .source
                .as_deref()
                .zip(row.source_id.as_deref())
                .and_then(|(source, id)| SourceKey::parse(source, id).ok()?.strava_activity()),
            sums: row.sums(),
            start_at: Timestamp::from_micros(row.start_at_us),
            kind: if row.legacy_type.is_empty() { row.sport } else { row.legacy_type },
            name: row.name,
        }
    }
}

fn format_origins(origins: &[Origin]) -> String {
    let pairs: Vec<_> = origins
        .iter()
        .map(|origin| format!("{}:{}", origin.application, origin.generation))
        .collect();
    pairs.join(",")
}
