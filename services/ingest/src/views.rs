//! Views of the public API: metres, seconds, RFC 3339.

use kernel::units::to_metres;
use kernel::{StravaActivityId, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::activity::{Activity, ActivitySource};
use crate::domain::backfill::{Backfill, BackfillState};
use crate::domain::journal::JournalEntry;

/// One activity.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ActivityView {
    id: String,
    /// The leading source: `strava:<application>` or `file`.
    source: String,
    /// The activity's id at that source: Strava's, or a file's content hash.
    source_id: String,
    /// Every source the facts come from, the leading one first.
    sources: Vec<SourceView>,
    /// Strava's id, if that is the leading source.
    #[serde(skip_serializing_if = "Option::is_none")]
    strava_id: Option<i64>,
    name: String,
    sport: String,
    start: String,
    /// The athlete's wall clock.
    start_local: String,
    utc_offset_s: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    timezone: Option<String>,
    distance_m: f64,
    moving_time_s: i64,
    elapsed_time_s: i64,
    elevation_gain_m: f64,
    average_speed_m_s: f64,
    max_speed_m_s: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    average_heartrate_bpm: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_heartrate_bpm: Option<f64>,
    kudos_count: i64,
    trainer: bool,
    commute: bool,
    manual: bool,
    visibility: String,
    /// True if `strava.retention` has left only what is counted: no title, no heart rate, no speeds.
    expired: bool,
    /// True if the activity itself was fetched, not just listed.
    has_details: bool,
    /// Stored streams, by Strava's names.
    streams: Vec<String>,
    revision: i64,
}

/// One source of an activity.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SourceView {
    source: String,
    source_id: String,
    /// What was taken from it: `distance`, `average_heartrate`, `streams`, ...; empty for the leading one, which gave
    /// the rest.
    fields: Vec<String>,
}

/// The progress of a backfill.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ImportView {
    application: i64,
    /// `waiting`, `running`, `done`, `failed`
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// Activities read so far.
    done: i64,
    /// Pages asked for so far.
    calls: i64,
    started_at: String,
    changed_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_try_at: Option<String>,
    /// Start of the time for which all activities are known.
    #[serde(skip_serializing_if = "Option::is_none")]
    known_since: Option<String>,
    /// Time of completion, once done. It cannot be estimated: Strava does not count the activities of a list.
    #[serde(skip_serializing_if = "Option::is_none")]
    eta: Option<String>,
}

/// One entry of the journal.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EntryView {
    id: String,
    at: String,
    service: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    activity: Option<String>,
    /// The source of the activity: `strava:<application>` or `file`.
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<String>,
    /// The activity's id at that source.
    #[serde(skip_serializing_if = "Option::is_none")]
    source_id: Option<String>,
    /// Strava's id, if that is the source.
    #[serde(skip_serializing_if = "Option::is_none")]
    strava_activity: Option<i64>,
    step: String,
    state: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    attempts: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_try_at: Option<String>,
}

impl ActivityView {
    /// Converts an activity; none for a tombstone.
    pub(crate) fn from_activity(activity: &Activity) -> Option<Self> {
        let state = &activity.state;
        let facts = state.facts.as_ref()?;
        Some(Self {
            id: activity.id.to_string(),
            source: activity.source.source.to_string(),
            source_id: activity.source.source_id.to_string(),
            sources: state.sources.iter().map(SourceView::from).collect(),
            strava_id: activity.source.strava_activity().map(StravaActivityId::get),
            name: facts.name.clone(),
            sport: facts.sport.as_str().to_owned(),
            start: facts.start_at.to_rfc3339(),
            start_local: facts.start_local.format("%Y-%m-%dT%H:%M:%S").to_string(),
            utc_offset_s: facts.utc_offset_s,
            timezone: non_empty(&facts.timezone),
            distance_m: to_metres(facts.distance_dm),
            moving_time_s: facts.moving_time_s,
            elapsed_time_s: facts.elapsed_time_s,
            elevation_gain_m: to_metres(facts.elevation_gain_dm),
            average_speed_m_s: facts.average_speed_mm_s as f64 / 1_000.0,
            max_speed_m_s: facts.max_speed_mm_s as f64 / 1_000.0,
            average_heartrate_bpm: facts.average_heartrate_dbpm.map(to_metres),
            max_heartrate_bpm: facts.max_heartrate_dbpm.map(to_metres),
            kudos_count: facts.kudos_count,
            trainer: facts.trainer,
            commute: facts.commute,
            manual: facts.manual,
            visibility: facts.visibility.clone(),
            expired: facts.expired.is_some(),
            has_details: state.has_details,
            streams: state
                .streams
                .as_ref()
                .map(|streams| streams.kinds.clone())
                .unwrap_or_default(),
            revision: activity.revision.get(),
        })
    }
}

impl From<&ActivitySource> for SourceView {
    fn from(source: &ActivitySource) -> Self {
        Self {
            source: source.key.source.to_string(),
            source_id: source.key.source_id.to_string(),
            fields: source.fields.clone(),
        }
    }
}

impl From<&Backfill> for ImportView {
    fn from(backfill: &Backfill) -> Self {
        let is_done = backfill.state == BackfillState::Done;
        Self {
            application: backfill.application.get(),
            state: backfill.state.as_str(),
            reason: non_empty(&backfill.reason),
            done: backfill.done,
            calls: backfill.calls,
            started_at: backfill.started_at.to_rfc3339(),
            changed_at: backfill.changed_at.to_rfc3339(),
            next_try_at: rfc3339(backfill.next_try_us),
            known_since: backfill.before_s.map(|second| Timestamp::from_secs(second).to_rfc3339()),
            eta: is_done.then(|| backfill.changed_at.to_rfc3339()),
        }
    }
}

impl From<&JournalEntry> for EntryView {
    fn from(entry: &JournalEntry) -> Self {
        Self {
            id: entry.id.to_string(),
            at: entry.at.to_rfc3339(),
            service: entry.service.clone(),
            activity: entry.activity.map(|activity| activity.to_string()),
            source: entry.source.as_ref().map(|key| key.source.to_string()),
            source_id: entry.source.as_ref().map(|key| key.source_id.to_string()),
            strava_activity: entry
                .source
                .as_ref()
                .and_then(|key| key.strava_activity())
                .map(StravaActivityId::get),
            step: entry.step.clone(),
            state: entry.state.clone(),
            reason: non_empty(&entry.reason),
            attempts: entry.attempts,
            next_try_at: rfc3339(entry.next_try_us),
        }
    }
}

fn non_empty(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

fn rfc3339(micros: i64) -> Option<String> {
    (micros > 0).then(|| Timestamp::from_micros(micros).to_rfc3339())
}
