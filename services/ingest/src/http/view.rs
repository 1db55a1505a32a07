//! What athletes see: metres, seconds, RFC 3339.

use kernel::Timestamp;
use kernel::units::to_metres;
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::activity::Activity;
use crate::domain::import::Import;
use crate::domain::journal::Entry;

/// One activity.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ActivityView {
    id: String,
    strava_id: i64,
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
    /// Whether more than the list's row is known.
    has_details: bool,
    /// Which streams are kept, by Strava's names.
    streams: Vec<String>,
    revision: i64,
}

/// How far the reading of a past has come.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ImportView {
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
    /// Everything that began at or after this is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    known_since: Option<String>,
    /// Strava does not say how many activities there are, so the end cannot be foretold: only told when it is done.
    #[serde(skip_serializing_if = "Option::is_none")]
    eta: Option<String>,
}

/// One line of the journal.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct EntryView {
    id: String,
    at: String,
    service: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    activity: Option<String>,
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
    /// None for a tombstone.
    pub(super) fn of(activity: &Activity) -> Option<Self> {
        let state = &activity.state;
        let facts = state.facts.as_ref()?;
        Some(Self {
            id: activity.id.to_string(),
            strava_id: activity.strava.get(),
            name: facts.name.clone(),
            sport: facts.sport.as_str().to_owned(),
            start: facts.start_at.to_rfc3339(),
            start_local: facts.start_local.format("%Y-%m-%dT%H:%M:%S").to_string(),
            utc_offset_s: facts.utc_offset_s,
            timezone: filled(&facts.timezone),
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

impl From<&Import> for ImportView {
    fn from(import: &Import) -> Self {
        let done = import.state == crate::domain::import::State::Done;
        Self {
            application: import.application.get(),
            state: import.state.as_str(),
            reason: filled(&import.reason),
            done: import.done,
            calls: import.calls,
            started_at: import.started_at.to_rfc3339(),
            changed_at: import.changed_at.to_rfc3339(),
            next_try_at: instant(import.next_try_us),
            known_since: import.before_s.map(|second| Timestamp::from_secs(second).to_rfc3339()),
            eta: done.then(|| import.changed_at.to_rfc3339()),
        }
    }
}

impl From<&Entry> for EntryView {
    fn from(entry: &Entry) -> Self {
        Self {
            id: entry.id.to_string(),
            at: entry.at.to_rfc3339(),
            service: entry.service.clone(),
            activity: entry.activity.map(|activity| activity.to_string()),
            strava_activity: Some(entry.strava.get()).filter(|id| *id != 0),
            step: entry.step.clone(),
            state: entry.state.clone(),
            reason: filled(&entry.reason),
            attempts: entry.attempts,
            next_try_at: instant(entry.next_try_us),
        }
    }
}

fn filled(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

fn instant(micros: i64) -> Option<String> {
    (micros > 0).then(|| Timestamp::from_micros(micros).to_rfc3339())
}
