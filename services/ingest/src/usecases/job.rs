//! The kinds of jobs, and what their workers are told.

use jobs::{Wanted, priority};
use kernel::{ActivityId, ApplicationId, AthleteId, StravaActivityId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::domain::connection::Connection;
use crate::domain::observation::Key;

/// Look at one activity.
pub(crate) const ACTIVITY: &str = "activity";
/// Read an athlete's past.
pub(crate) const PAST: &str = "backfill";
/// Look at the newest page of an athlete's list.
pub(crate) const HEAD: &str = "head";
/// Look at the next page of the whole list.
pub(crate) const TURN: &str = "turn";
/// Tell everything again.
pub(crate) const REPLAY: &str = "replay";

/// What is done the moment something happens.
pub(crate) const LIVE_KINDS: &[&str] = &[ACTIVITY];
/// What somebody may be waiting for, and may keep no live look waiting.
pub(crate) const HEAD_KINDS: &[&str] = &[HEAD];
/// What may take its time.
pub(crate) const BULK_KINDS: &[&str] = &[TURN, PAST, REPLAY];

/// What the worker of an activity is told.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ActivityJob {
    pub(crate) application: ApplicationId,
    pub(crate) strava: StravaActivityId,
    /// W3C Trace Context of whoever wanted it.
    #[serde(default)]
    pub(crate) trace: String,
}

/// What the workers of a past and of a head page are told.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ConnectionJob {
    pub(crate) application: ApplicationId,
}

/// What the worker of a replay is told, and how far it has come.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ReplayJob {
    pub(crate) id: String,
    pub(crate) service: String,
    pub(crate) answer_on: String,
    /// None: everybody.
    pub(crate) only: Option<AthleteId>,
    /// Whose turn it is.
    pub(crate) athlete: Option<AthleteId>,
    /// The last one told.
    pub(crate) activity: Option<ActivityId>,
}

/// Wants a look at an activity.
pub(crate) fn look_at(key: Key, live: bool, due: Timestamp) -> Wanted {
    let trace = telemetry::current_traceparent();
    let payload = ActivityJob { application: key.application, strava: key.strava, trace };
    Wanted {
        kind: ACTIVITY,
        subject: key.subject(),
        athlete: Some(key.athlete),
        priority: if live { priority::LIVE } else { priority::RECONCILE },
        due,
        payload: json(&payload),
        not_if_answered_after: None,
    }
}

/// Wants an athlete's past.
pub(crate) fn past_of(connection: &Connection, due: Timestamp) -> Wanted {
    of_connection(PAST, connection, priority::BACKFILL, due)
}

/// Wants a look at an athlete's head page.
pub(crate) fn head_of(connection: &Connection, priority: i32, due: Timestamp) -> Wanted {
    of_connection(HEAD, connection, priority, due)
}

/// Wants the page that goes round turned.
pub(crate) fn turn_of(connection: &Connection, due: Timestamp) -> Wanted {
    of_connection(TURN, connection, priority::RECONCILE, due)
}

/// Wants everything told again.
pub(crate) fn replay(job: &ReplayJob, due: Timestamp) -> Wanted {
    Wanted {
        kind: REPLAY,
        subject: job.id.clone(),
        athlete: None,
        priority: priority::RECONCILE,
        due,
        payload: json(job),
        not_if_answered_after: None,
    }
}

/// A payload as the queue keeps it.
pub(crate) fn json(payload: &impl Serialize) -> serde_json::Value {
    serde_json::to_value(payload).unwrap_or_default()
}

fn of_connection(
    kind: &'static str,
    connection: &Connection,
    priority: i32,
    due: Timestamp,
) -> Wanted {
    Wanted {
        kind,
        subject: connection.subject(),
        athlete: Some(connection.athlete),
        priority,
        due,
        payload: json(&ConnectionJob { application: connection.application }),
        not_if_answered_after: None,
    }
}
