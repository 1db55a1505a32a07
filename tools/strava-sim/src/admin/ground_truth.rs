//! The true state of an activity.

use serde::Serialize;
use utoipa::ToSchema;

use crate::times::format_iso;
use crate::world::Activity;

/// The true state of an activity, also where the API hides it.
#[derive(Serialize, ToSchema)]
pub(crate) struct GroundTruth {
    id: i64,
    athlete: i64,
    name: String,
    sport_type: String,
    /// The true start in UTC, also where it is hidden.
    start_date: String,
    /// The true start on the wall clock, written with a `Z` as Strava does.
    start_date_local: String,
    utc_offset_s: i64,
    timezone: String,
    distance_m: f64,
    moving_time_s: i64,
    elapsed_time_s: i64,
    elevation_gain_m: f64,
    visibility: String,
    manual: bool,
    hidden_start: bool,
    has_streams: bool,
    has_gps: bool,
    external_id: Option<String>,
    deleted: bool,
}

impl GroundTruth {
    pub(super) fn new(activity: &Activity, deleted: bool) -> Self {
        let summary = &activity.summary;
        let offset = summary.utc_offset as i64;
        Self {
            id: summary.id,
            athlete: summary.athlete.id,
            name: summary.name.clone(),
            sport_type: summary.sport_type.clone(),
            start_date: format_iso(activity.start_s),
            start_date_local: format_iso(activity.start_s + offset),
            utc_offset_s: offset,
            timezone: summary.timezone.clone(),
            distance_m: summary.distance,
            moving_time_s: summary.moving_time,
            elapsed_time_s: summary.elapsed_time,
            elevation_gain_m: summary.total_elevation_gain,
            visibility: summary.visibility.clone(),
            manual: summary.manual,
            hidden_start: activity.hide_start,
            has_streams: !summary.manual,
            has_gps: !summary.map.summary_polyline.is_empty(),
            external_id: summary.external_id.clone(),
            deleted,
        }
    }
}
