//! Polls the newest page of an athlete's list and, a page a day, reconciles the rest: both find changes that no
//! webhook reported.

use std::time::Duration;

use contracts::wire::Cause;
use jobs::{ClaimedJob, JobOutcome};
use kernel::{StravaActivityId, Timestamp};
use outbox::{AthleteTx, StoreError};
use strava_client::lease::Purpose;

use super::ServiceContext;
use super::job::{self, ConnectionJob};
use super::job_failure::JobError;
use super::list_page::{self, ListedActivity, ListedRows, PageRequest};
use super::record_journal::JournalStep;
use crate::domain::connection::{Connection, RecentPoll, ReconcileCursor};
use crate::domain::observation::ActivityKey;
use crate::store;

/// Maximum number of activities missing from a page that are fetched one by one.
const MAX_MISSING: usize = 20;
/// Interval at which an activity that lists leave out, but that is found when fetched, is fetched again.
const UNLISTED_INTERVAL: Duration = Duration::from_hours(7 * 24);
/// Pause while the backfill is not done.
const BACKFILL_PAUSE: Duration = Duration::from_secs(2);

/// A section of a connection's list.
#[derive(Clone, Copy, Debug)]
struct Section<'a> {
    connection: &'a Connection,
    before: Option<Timestamp>,
    per_page: u32,
    /// True for a page of the reconciliation, false for the newest page.
    is_reconciled: bool,
}

/// Polls the newest page.
pub(crate) async fn poll_recent(
    ctx: &ServiceContext,
    job: &ClaimedJob,
) -> Result<JobOutcome, anyhow::Error> {
    poll_list(ctx, job, false).await
}

/// Reconciles the next page of the whole list.
pub(crate) async fn reconcile_page(
    ctx: &ServiceContext,
    job: &ClaimedJob,
) -> Result<JobOutcome, anyhow::Error> {
    poll_list(ctx, job, true).await
}

async fn poll_list(
    ctx: &ServiceContext,
    job: &ClaimedJob,
    is_reconciled: bool,
) -> Result<JobOutcome, anyhow::Error> {
    let payload: ConnectionJob = serde_json::from_value(job.payload.clone())?;
    let Some(athlete) = job.athlete else { return Ok(JobOutcome::Done) };
    let readers = ctx.database.readers();
    let connection = store::connections::find(readers, athlete, payload.application).await?;
    let Some(connection) = connection.filter(Connection::is_connected) else {
        return Ok(JobOutcome::Done);
    };
    let backfill = store::backfills::find(readers, athlete, payload.application).await?;
    if let Some(backfill) = backfill.filter(|backfill| backfill.is_in_progress()) {
        // Until it is done, every row of the page looks new.
        let due = ctx.now().plus(BACKFILL_PAUSE).max(Timestamp::from_micros(backfill.next_try_us));
        return Ok(JobOutcome::Later { due, reason: "import-first".to_owned(), counts: false });
    }
    match poll_section(ctx, job, Section::new(ctx, &connection, is_reconciled)).await {
        Ok(()) => Ok(JobOutcome::Settled),
        Err(JobError::Internal(error)) => Err(error),
        Err(JobError::Failure(failure)) => {
            record_failed_poll(ctx, &connection, failure.reason()).await?;
            Ok(failure.into_outcome())
        }
    }
}

impl<'a> Section<'a> {
    fn new(ctx: &ServiceContext, connection: &'a Connection, is_reconciled: bool) -> Self {
        let settings = &ctx.settings;
        if !is_reconciled {
            return Self { connection, before: None, per_page: settings.head_page, is_reconciled };
        }
        let before = connection.reconcile.before_s.map(Timestamp::from_secs);
        Self { connection, before, per_page: settings.page, is_reconciled }
    }
}

async fn record_failed_poll(
    ctx: &ServiceContext,
    connection: &Connection,
    reason: &str,
) -> Result<(), StoreError> {
    let record = |tx: AthleteTx| async move {
        let (athlete, application) = (connection.athlete, connection.application);
        let stored = store::connections::find(tx.conn(), athlete, application).await?;
        let Some(mut stored) = stored else { return Ok(tx.unchanged(())) };
        stored.recent_poll.tried_us = ctx.now().as_micros();
        reason.clone_into(&mut stored.recent_poll.problem);
        store::connections::save(tx.conn(), &stored, true).await
    };
    ctx.database.run("record_failed_poll", connection.athlete, record).await
}

async fn poll_section(
    ctx: &ServiceContext,
    job: &ClaimedJob,
    section: Section<'_>,
) -> Result<(), JobError> {
    let request = PageRequest {
        purpose: Purpose::Reconcile,
        attempt: list_page::attempt_name(job),
        attempts: job.attempts,
        before: section.before,
        per_page: section.per_page,
    };
    let fetched = list_page::fetch_page(ctx, section.connection, &request).await?;
    let rows = fetched.rows();
    let listed = ListedRows { connection: section.connection, source: fetched.source, rows: &rows };
    let record = |tx| async move { try_record_section(ctx, &tx, job, section, listed).await };
    ctx.database.run("record_polled_section", section.connection.athlete, record).await?;
    ctx.failpoint("ingest.head-committed");
    Ok(())
}

async fn try_record_section(
    ctx: &ServiceContext,
    tx: &AthleteTx,
    job: &ClaimedJob,
    section: Section<'_>,
    listed: ListedRows<'_>,
) -> Result<(), StoreError> {
    if !ctx.queue.lock_claimed(tx, job).await? {
        return Ok(tx.unchanged(()));
    }
    let current = list_page::find_current_connection(tx, section.connection).await?;
    if let Some(mut connection) = current {
        record_section(ctx, tx, section, listed).await?;
        let now = ctx.now().as_micros();
        if section.is_reconciled {
            let before_s = oldest_start(listed.rows).map(Timestamp::as_secs);
            connection.reconcile = ReconcileCursor { reconciled_us: now, before_s };
        } else {
            connection.recent_poll = RecentPoll::succeeded(now);
        }
        store::connections::save(tx.conn(), &connection, true).await?;
    }
    ctx.queue.close(tx, job).await.map(drop)
}

/// Records the rows. Requests a fetch of each new activity, and of each one missing from the page.
async fn record_section(
    ctx: &ServiceContext,
    tx: &AthleteTx,
    section: Section<'_>,
    listed: ListedRows<'_>,
) -> Result<(), StoreError> {
    let changed = list_page::record_rows(ctx, tx, listed, Cause::Sweep).await?;
    for activity in changed.iter().filter(|activity| !activity.state.has_details) {
        request_fetch(ctx, tx, section.connection, activity.strava, false).await?;
    }
    for strava in find_missing(tx, section, listed.rows).await? {
        request_fetch(ctx, tx, section.connection, strava, true).await?;
    }
    Ok(())
}

async fn request_fetch(
    ctx: &ServiceContext,
    tx: &AthleteTx,
    connection: &Connection,
    strava: StravaActivityId,
    is_unlisted: bool,
) -> Result<(), StoreError> {
    let key =
        ActivityKey { athlete: connection.athlete, application: connection.application, strava };
    let mut change = ctx.load_observation(tx, key).await?;
    let observation = &mut change.observation;
    let is_fresh =
        observation.answered_at().is_some_and(|at| ctx.now().since(at) < UNLISTED_INTERVAL);
    if is_unlisted && observation.hints.unlisted && is_fresh {
        return Ok(());
    }
    observation.hints.unlisted = is_unlisted;
    observation.hints.record(false, false);
    store::observations::save(tx.conn(), observation, change.is_stored).await?;
    ctx.queue.enqueue(tx, &job::fetch_request(key, false, ctx.now())).await?;
    let activity = change.observation.activity;
    let step = JournalStep { activity, step: "swept", state: "waiting", ..JournalStep::default() };
    ctx.record_step(tx, key, step).await
}

/// Finds stored activities within the time the page spans that it does not list. The newest come first: activities
/// that a list always leaves out must not use up the limit before recent deletions.
async fn find_missing(
    tx: &AthleteTx,
    section: Section<'_>,
    rows: &[ListedActivity],
) -> Result<Vec<StravaActivityId>, StoreError> {
    let is_full = rows.len() >= section.per_page as usize;
    let since = oldest_start(rows)
        .filter(|_| is_full)
        .map_or(Timestamp::from_micros(0), |oldest| oldest.plus(Duration::from_secs(1)));
    let connection = section.connection;
    let stored =
        store::activities::list_started_between(tx.conn(), connection, since, section.before)
            .await?;
    let is_listed = |strava: &StravaActivityId| rows.iter().any(|row| row.strava == *strava);
    Ok(stored.into_iter().filter(|strava| !is_listed(strava)).take(MAX_MISSING).collect())
}

fn oldest_start(rows: &[ListedActivity]) -> Option<Timestamp> {
    rows.iter().map(|row| row.facts.start_at).min()
}
