//! Writes of copies. Each is published to the followers of copies and to the journal.

use contracts::copies::{CopyChanged, CopyState as WireState};
use contracts::journal::JournalEntry;
use contracts::{Cause, Event, Topic, strava_ids};
use jobs::{ClaimedJob, CloseResult, JobRequest, priority};
use kernel::{AthleteId, Timestamp};
use outbox::{AthleteTx, OutboxMessage, StoreError};

use super::ServiceContext;
use crate::domain::copy::{Copy, CopyState};
use crate::store::copies;

/// Job kind of a copy.
pub(crate) const JOB_KIND: &str = "run_copy";

/// Inserts a new copy and publishes it.
pub(crate) async fn insert(
    ctx: &ServiceContext,
    tx: &AthleteTx,
    copy: &mut Copy,
) -> Result<(), StoreError> {
    copy.revision = tx.draw_revision().get();
    copy.updated_at = ctx.clock.now();
    copies::insert(tx.conn(), copy).await?;
    publish_change(tx, copy).await
}

/// Updates a copy and publishes it.
pub(crate) async fn update(
    ctx: &ServiceContext,
    tx: &AthleteTx,
    copy: &mut Copy,
) -> Result<(), StoreError> {
    copy.revision = tx.draw_revision().get();
    copy.updated_at = ctx.clock.now();
    copies::update(tx.conn(), copy).await?;
    publish_change(tx, copy).await
}

/// Enqueues the copy's job, due now.
pub(crate) async fn enqueue_job(
    ctx: &ServiceContext,
    tx: &AthleteTx,
    copy: &Copy,
) -> Result<(), StoreError> {
    let request = job_request(copy.id.to_string(), Some(copy.child), ctx.clock.now());
    ctx.queue.enqueue(tx, &request).await
}

/// Closes the job and enqueues it again for this instant; a request made meanwhile is due now.
pub(crate) async fn hold_job(
    ctx: &ServiceContext,
    job: &ClaimedJob,
    due: Timestamp,
) -> Result<(), StoreError> {
    ctx.database
        .run_plain("hold_copy_job", |tx| async move {
            if ctx.queue.close(&tx, job).await? == CloseResult::Closed {
                let request = job_request(job.subject.clone(), job.athlete, due);
                ctx.queue.enqueue(&tx, &request).await?;
            }
            Ok(())
        })
        .await
}

fn job_request(subject: String, athlete: Option<AthleteId>, due: Timestamp) -> JobRequest {
    JobRequest {
        kind: JOB_KIND,
        subject,
        athlete,
        source: None,
        priority: priority::COPY,
        due,
        payload: serde_json::Value::Null,
        not_if_answered_after: None,
    }
}

async fn publish_change(tx: &AthleteTx, copy: &Copy) -> Result<(), StoreError> {
    tx.bump_version();
    metrics::counter!("duplication_copies_total", "state" => copy.state.as_str()).increment(1);
    let made = copy.made.as_ref();
    let (_, strava_activity) = made.map(strava_ids).unwrap_or_default();
    let change = CopyChanged {
        copy: copy.id.to_string(),
        link: copy.link.to_string(),
        activity: copy.activity.to_string(),
        child: copy.child.to_string(),
        strava_activity,
        source: made.map(|key| key.source.to_string()).unwrap_or_default(),
        source_id: made.map(|key| key.source_id.to_string()).unwrap_or_default(),
        state: wire_state(copy.state).into(),
        reason: copy.reason.clone(),
        revision: copy.revision,
    };
    tx.publish(to_message(Topic::Copies, copy, change)).await?;
    let entry = JournalEntry {
        service: crate::settings::NAME.to_owned(),
        activity: copy.activity.to_string(),
        application: copy.source.origins.first().map_or(0, |origin| origin.application.get()),
        step: "copied".to_owned(),
        state: journal_state(copy.state).to_owned(),
        reason: copy.reason.clone(),
        attempts: copy.uploads,
        ..JournalEntry::default()
    };
    tx.publish(to_message(Topic::Journal, copy, entry)).await?;
    Ok(())
}

fn to_message<E: Event>(topic: Topic, copy: &Copy, body: E) -> OutboxMessage<E> {
    OutboxMessage {
        topic,
        athlete: Some(copy.guardian),
        origins: copy.source.origins.clone(),
        cause: Cause::Live,
        replay: false,
        body,
    }
}

fn wire_state(state: CopyState) -> WireState {
    match state {
        CopyState::Planned => WireState::Planned,
        CopyState::Sending => WireState::Sending,
        CopyState::Processing => WireState::Processing,
        CopyState::Done => WireState::Done,
        CopyState::Failed => WireState::Failed,
        CopyState::Skipped => WireState::Skipped,
    }
}

const fn journal_state(state: CopyState) -> &'static str {
    match state {
        CopyState::Planned | CopyState::Sending | CopyState::Processing => "waiting",
        CopyState::Done => "done",
        CopyState::Failed => "failed",
        CopyState::Skipped => "dropped",
    }
}
