//! Records a fetched activity and closes or reschedules its job, in one transaction.

use contracts::wire::Cause;
use jobs::{ClaimedJob, Retry};
use kernel::Timestamp;
use object_store::ObjectStoreExt;
use object_store::path::Path;
use outbox::{AthleteTx, StoreError};

use super::FetchTarget;
use super::calls::{FetchedActivity, FetchedStreams};
use crate::domain::activity::Activity;
use crate::domain::journal::JournalEntry;
use crate::domain::observation::Observation;
use crate::domain::retry_schedule;
use crate::store;
use crate::usecases::ServiceContext;
use crate::usecases::job_failure::JobFailure;
use crate::usecases::list_page::find_current_connection;
use crate::usecases::record_observation::PublishMode;

/// Time and reason of the next fetch; without a time there is none.
#[derive(Clone, Debug, Default)]
struct FollowUp {
    due: Option<Timestamp>,
    reason: &'static str,
    counts: bool,
}

/// Commits the fetch, then deletes the objects nothing refers to any more.
pub(super) async fn commit(
    ctx: &ServiceContext,
    job: &ClaimedJob,
    target: &FetchTarget,
    fetched: FetchedActivity,
) -> Result<(), StoreError> {
    let commit = |tx| {
        let fetched = fetched.clone();
        async move { try_commit(ctx, &tx, job, target, fetched).await }
    };
    let unused_objects =
        ctx.database.run("commit_fetched_activity", target.key.athlete, commit).await?;
    ctx.failpoint("ingest.activity-committed");
    for key in unused_objects {
        if let Err(error) = ctx.objects.delete(&Path::from(key)).await {
            tracing::debug!(%error, "an unused object could not be deleted");
        }
    }
    Ok(())
}

async fn try_commit(
    ctx: &ServiceContext,
    tx: &AthleteTx,
    job: &ClaimedJob,
    target: &FetchTarget,
    fetched: FetchedActivity,
) -> Result<Vec<String>, StoreError> {
    if !ctx.queue.lock_claimed(tx, job).await? {
        return Ok(tx.unchanged(fetched.streams.into_object_key().into_iter().collect()));
    }
    if find_current_connection(tx, &target.connection).await?.is_none() {
        retry_with_current_connection(ctx, tx, job, target).await?;
        return Ok(fetched.streams.into_object_key().into_iter().collect());
    }
    let mut change = ctx.load_observation(tx, &target.key).await?;
    let mode = publish_mode(&change.observation, target, change.published.as_ref());
    let mut unused_objects = Vec::new();
    let observation = &mut change.observation;
    let follow_up = apply_fetched(observation, fetched, ctx.now(), &mut unused_objects);
    observation.hints.answer(target.before.hints.received);
    let (id, has_pending_hint) = (observation.activity, observation.hints.is_pending());
    let published = ctx.record_observation(tx, change, mode).await?;
    let (step, state) = journal_codes(&follow_up, published.as_ref());
    let entry = JournalEntry {
        activity: published.map(|published| published.id).or(id),
        reason: follow_up.reason.to_owned(),
        attempts: job.attempts,
        next_try_us: follow_up.due.map_or(0, Timestamp::as_micros),
        ..ctx.journal_entry(&target.key, step, state)
    };
    store::journal::insert(tx.conn(), &entry).await?;
    match follow_up.due {
        Some(due) => {
            // A hint received meanwhile does not wait for the follow-up.
            let due = if has_pending_hint { ctx.now() } else { due };
            let retry = Retry { due, reason: follow_up.reason, counts: follow_up.counts };
            ctx.queue.reschedule(tx, job, &retry).await?;
        }
        None => drop(ctx.queue.close(tx, job).await?),
    }
    ctx.failpoint("ingest.activity-uncommitted");
    Ok(unused_objects)
}

/// Reschedules a job whose connection was replaced during the fetch; closes it if the athlete has none now.
async fn retry_with_current_connection(
    ctx: &ServiceContext,
    tx: &AthleteTx,
    job: &ClaimedJob,
    target: &FetchTarget,
) -> Result<(), StoreError> {
    let (athlete, application) = (target.key.athlete, target.connection.application);
    let current = store::connections::find(tx.conn(), athlete, application).await?;
    if current.is_some_and(|current| current.is_connected() && !tx.is_fenced(&[current.origin()])) {
        let retry = Retry { due: ctx.now(), reason: "reconnected", counts: false };
        return ctx.queue.reschedule(tx, job, &retry).await;
    }
    ctx.queue.close(tx, job).await.map(drop)
}

/// Returns the publish mode: a fetch caused by a hint is always published; a follow-up only if something changed,
/// with the cause of the revision it follows up.
fn publish_mode(
    observation: &Observation,
    target: &FetchTarget,
    published: Option<&Activity>,
) -> PublishMode {
    let hints = observation.hints;
    let has_new_hint = target.before.hints.received > hints.answered;
    let cause = match published.map(|published| published.cause) {
        _ if has_new_hint && hints.live => Cause::Live,
        Some(cause @ (Cause::Live | Cause::Sweep)) if !has_new_hint => cause,
        _ => Cause::Sweep,
    };
    PublishMode { cause, always: has_new_hint }
}

/// Applies the answer to the observation. Adds the objects that are no longer used.
fn apply_fetched(
    observation: &mut Observation,
    mut fetched: FetchedActivity,
    now: Timestamp,
    unused_objects: &mut Vec<String>,
) -> FollowUp {
    let Some(facts) = fetched.facts.take() else {
        return apply_missing(observation, &fetched, now, unused_objects);
    };
    observation.record_detail(fetched.answer, facts);
    let recheck = recheck_delete_hint(observation, now);
    let streams = apply_streams(observation, fetched, now, unused_objects);
    match (recheck.due, streams.due) {
        (Some(_), None) => recheck,
        (Some(recheck_due), Some(streams_due)) if recheck_due <= streams_due => recheck,
        _ => streams,
    }
}

/// Applies a 404: a removal if the activity was present, a tombstone to be checked again after a delete hint, and
/// otherwise an activity that is not readable yet.
fn apply_missing(
    observation: &mut Observation,
    fetched: &FetchedActivity,
    now: Timestamp,
    unused_objects: &mut Vec<String>,
) -> FollowUp {
    let was_present = observation.is_present();
    let delete_hinted = observation.hints.delete;
    if was_present || delete_hinted || observation.missing.is_some() {
        let streams = observation.record_missing(fetched.answer);
        unused_objects.extend(streams.map(|streams| streams.key));
    }
    if was_present {
        observation.hints.delete = false;
        return FollowUp::default();
    }
    let reason = match (delete_hinted, observation.missing.is_some()) {
        (true, _) => "deleted",
        (false, false) => "not-readable",
        (false, true) => return FollowUp::default(),
    };
    plan_recheck(observation, now, reason)
}

/// Plans another fetch of a present activity with a delete hint: Strava may not have deleted it yet.
fn recheck_delete_hint(observation: &mut Observation, now: Timestamp) -> FollowUp {
    if !observation.hints.delete {
        observation.hints.rechecks = 0;
        return FollowUp::default();
    }
    plan_recheck(observation, now, "delete-not-seen")
}

fn plan_recheck(observation: &mut Observation, now: Timestamp, reason: &'static str) -> FollowUp {
    let hints = &mut observation.hints;
    let Some(pause) = retry_schedule::recheck_pause(hints.rechecks) else {
        hints.delete = false;
        hints.rechecks = 0;
        return FollowUp { reason, ..FollowUp::default() };
    };
    hints.rechecks += 1;
    FollowUp { due: Some(now.plus(pause)), reason, counts: false }
}

fn apply_streams(
    observation: &mut Observation,
    fetched: FetchedActivity,
    now: Timestamp,
    unused_objects: &mut Vec<String>,
) -> FollowUp {
    match fetched.streams {
        FetchedStreams::Stored(stored) => {
            unused_objects.extend(observation.record_streams(fetched.answer, stored));
            observation.hints.stream_rechecks = 0;
            FollowUp::default()
        }
        FetchedStreams::Unchanged => FollowUp::default(),
        FetchedStreams::NotReady => {
            let pause = retry_schedule::streams_pause(observation.hints.stream_rechecks);
            observation.hints.stream_rechecks += 1;
            let due = pause.map(|pause| now.plus(pause));
            FollowUp { due, reason: "streams-not-ready", counts: false }
        }
        FetchedStreams::Failed(JobFailure::Retry { due, reason, counts }) => {
            FollowUp { due: Some(due), reason, counts }
        }
        FetchedStreams::Failed(failure) => {
            FollowUp { reason: failure.reason(), ..FollowUp::default() }
        }
    }
}

/// Returns the step and the state in the journal.
fn journal_codes(
    follow_up: &FollowUp,
    published: Option<&Activity>,
) -> (&'static str, &'static str) {
    let is_removal = published.is_some_and(|published| published.state.is_removed());
    let state = match follow_up.due {
        Some(_) => "waiting",
        None if published.is_none() && follow_up.reason == "not-readable" => "failed",
        None => "done",
    };
    (if is_removal { "removed" } else { "fetched" }, state)
}

impl FetchedStreams {
    fn into_object_key(self) -> Option<String> {
        match self {
            Self::Stored(stored) => Some(stored.key),
            _ => None,
        }
    }
}
