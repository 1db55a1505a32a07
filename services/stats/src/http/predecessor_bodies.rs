//! Bodies in the predecessors' shapes: metres with one decimal, whole seconds.

use chrono::SecondsFormat;
use kernel::{StravaActivityId, Timestamp, units::to_metres};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use utoipa::ToSchema;

use crate::domain::published_stats::{self, YearToDate};
use crate::domain::sums::Sums;

/// The sums of some activities.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Totals {
    count: i64,
    /// Metres.
    distance: f64,
    /// Seconds.
    moving_time: i64,
    /// Metres.
    elevation_gain: f64,
}

impl From<Sums> for Totals {
    fn from(sums: Sums) -> Self {
        Self {
            count: sums.count,
            distance: to_metres(sums.distance_dm),
            moving_time: sums.moving_time_s,
            elevation_gain: to_metres(sums.elevation_gain_dm),
        }
    }
}

/// Every body but `/api/distance`: what it is, the data, and when it was made of the totals.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Told)]
pub(super) struct TypedBody<T> {
    #[serde(rename = "type")]
    kind: &'static str,
    data: T,
    /// `2026-11-21T00:53:02.304992+00:00`
    fetched_at: String,
}

impl<T> TypedBody<T> {
    pub(super) fn new(kind: &'static str, data: T, now: Timestamp) -> Self {
        Self { kind, data, fetched_at: now.to_utc().to_rfc3339_opts(SecondsFormat::Micros, false) }
    }
}

/// Running and riding of this local year.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct YtdData {
    run: Totals,
    ride: Totals,
}

impl From<YearToDate> for YtdData {
    fn from(year: YearToDate) -> Self {
        Self { run: year.run.into(), ride: year.ride.into() }
    }
}

/// One of the newest activities.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RecentActivity {
    /// Strava's id; null for one that Strava does not know.
    id: Option<i64>,
    name: String,
    /// Strava's old `type`.
    #[serde(rename = "type")]
    kind: String,
    /// Metres.
    distance: f64,
    /// Seconds.
    moving_time: i64,
    /// Metres.
    elevation_gain: f64,
    /// `2026-11-21T05:05:00Z`
    start_date: String,
}

impl From<published_stats::RecentActivity> for RecentActivity {
    fn from(recent: published_stats::RecentActivity) -> Self {
        Self {
            id: recent.strava_activity.map(StravaActivityId::get),
            name: recent.name,
            kind: recent.kind,
            distance: to_metres(recent.sums.distance_dm),
            moving_time: recent.sums.moving_time_s,
            elevation_gain: to_metres(recent.sums.elevation_gain_dm),
            start_date: recent.start_at.to_rfc3339(),
        }
    }
}

/// The last twelve local calendar months by name (`2026-11`), newest first.
#[derive(Debug, ToSchema)]
#[schema(value_type = std::collections::HashMap<String, Totals>)]
pub(super) struct Months(pub(super) Vec<(String, Totals)>);

impl Serialize for Months {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        let mut map = out.serialize_map(Some(self.0.len()))?;
        for (month, totals) in &self.0 {
            map.serialize_entry(month, totals)?;
        }
        map.end()
    }
}

/// The distance run this year by the end of one local day.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct DistanceSoFar {
    /// Unix seconds of that day's midnight where the athlete is.
    date: String,
    /// Whole metres.
    distance: String,
}

impl DistanceSoFar {
    pub(super) fn new(midnight: Timestamp, distance_dm: i64) -> Self {
        Self {
            date: midnight.as_secs().to_string(),
            distance: (distance_dm.saturating_add(5) / 10).to_string(),
        }
    }
}

/// The health of the statistics.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Health {
    /// `ok` or `degraded`.
    pub(super) status: &'static str,
    pub(super) service: &'static str,
    /// `connected` or `disconnected`.
    pub(super) database: &'static str,
}
