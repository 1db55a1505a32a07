//! Kinds of jobs and the payloads of their workers.

use jobs::{JobRequest, priority};
use kernel::{ActivityId, ApplicationId, AthleteId, SourceKey, Timestamp};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::domain::connection::Connection;
use crate::domain::export::Export;
use crate::domain::observation_key::ObservationKey;

/// Fetches one activity.
pub(crate) const FETCH_ACTIVITY: &str = "fetch_activity";
/// Backfills an athlete's activities after connecting.
pub(crate) const BACKFILL: &str = "backfill";
/// Polls the newest page of an athlete's list.
pub(crate) const POLL_RECENT: &str = "poll_recent";
/// Reconciles the next page of an athlete's whole list.
pub(crate) const RECONCILE_PAGE: &str = "reconcile_page";
/// Answers a replay request.
pub(crate) const ANSWER_REPLAY: &str = "answer_replay";
/// Collects and joins the parts of an export.
pub(crate) const EXPORT: &str = "export";
/// Deletes an export.
pub(crate) const DELETE_EXPORT: &str = "delete_export";

/// Kinds triggered by webhooks.
pub(crate) const LIVE_KINDS: &[&str] = &[FETCH_ACTIVITY];
/// Kinds a caller may be waiting for; they have workers of their own so as not to delay live fetches.
pub(crate) const RECENT_KINDS: &[&str] = &[POLL_RECENT];
/// Kinds without urgency.
pub(crate) const BULK_KINDS: &[&str] = &[RECONCILE_PAGE, BACKFILL, ANSWER_REPLAY];

/// Exports; their worker reads no more than one athlete at once.
pub(crate) const EXPORT_KINDS: &[&str] = &[EXPORT, DELETE_EXPORT];

/// Payload of a fetch.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ActivityJob {
    #[serde(flatten)]
    pub(crate) key: SourceKey,
    /// W3C Trace Context of the requester.
    #[serde(default)]
    pub(crate) trace: String,
}

/// Payload of a backfill, a poll and a reconciliation.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ConnectionJob {
    pub(crate) application: ApplicationId,
}

/// Payload of an export and of its deletion.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ExportJob {
    pub(crate) athlete: AthleteId,
    pub(crate) id: Uuid,
}

/// Payload of a replay, with its progress.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ReplayJob {
    pub(crate) id: String,
    pub(crate) service: String,
    pub(crate) answer_on: String,
    /// None: all athletes.
    pub(crate) only: Option<AthleteId>,
    /// The athlete in progress.
    pub(crate) athlete: Option<AthleteId>,
    /// The last activity published.
    pub(crate) activity: Option<ActivityId>,
}

/// Requests a fetch of an activity.
pub(crate) fn fetch_request(key: &ObservationKey, live: bool, due: Timestamp) -> JobRequest {
    let trace = telemetry::current_traceparent();
    let payload = ActivityJob { key: key.source_key(), trace };
    JobRequest {
        kind: FETCH_ACTIVITY,
        subject: key.subject(),
        athlete: Some(key.athlete),
        source: Some(key.source),
        priority: if live { priority::LIVE } else { priority::RECONCILE },
        due,
        payload: to_payload(&payload),
        not_if_answered_after: None,
    }
}

/// Requests a backfill, a poll or a reconciliation of a connection.
pub(crate) fn connection_request(
    kind: &'static str,
    connection: &Connection,
    priority: i32,
    due: Timestamp,
) -> JobRequest {
    JobRequest {
        kind,
        subject: connection.subject(),
        athlete: Some(connection.athlete),
        source: Some(connection.source()),
        priority,
        due,
        payload: to_payload(&ConnectionJob { application: connection.application }),
        not_if_answered_after: None,
    }
}

/// Requests the answer to a replay request.
pub(crate) fn replay_request(job: &ReplayJob, due: Timestamp) -> JobRequest {
    JobRequest {
        kind: ANSWER_REPLAY,
        subject: job.id.clone(),
        athlete: None,
        source: None,
        priority: priority::RECONCILE,
        due,
        payload: to_payload(job),
        not_if_answered_after: None,
    }
}

/// Requests a run of an export.
pub(crate) fn export_request(export: &Export, due: Timestamp) -> JobRequest {
    export_job(EXPORT, export, due)
}

/// Requests the deletion of an export's objects.
pub(crate) fn delete_export_request(export: &Export, due: Timestamp) -> JobRequest {
    export_job(DELETE_EXPORT, export, due)
}

fn export_job(kind: &'static str, export: &Export, due: Timestamp) -> JobRequest {
    JobRequest {
        kind,
        subject: export.id.to_string(),
        // Not the athlete's: their other jobs do not wait for it.
        athlete: None,
        source: None,
        priority: priority::RECONCILE,
        due,
        payload: to_payload(&ExportJob { athlete: export.athlete, id: export.id }),
        not_if_answered_after: None,
    }
}

/// Converts a payload to the JSON the queue stores.
pub(crate) fn to_payload(payload: &impl Serialize) -> serde_json::Value {
    serde_json::to_value(payload).unwrap_or_default()
}
