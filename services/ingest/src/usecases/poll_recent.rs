//! Polls the newest page of an athlete's list and, a page a day, reconciles the rest: both find changes that no
//! webhook reported.

use std::time::Duration;

use contracts::wire::Cause;
use jobs::{ClaimedJob, JobOutcome};
use kernel::{StravaActivityId, Timestamp};
use outbox::{AthleteTx, StoreError};
use strava_client::ListQuery;
use strava_client::lease::Purpose;

use super::ServiceContext;
use super::job::{self, ConnectionJob};
use super::job_failure::JobFailure;
use super::list_page::{self, ListPage};
use super::request_fetch::request_fetch;
use crate::domain::connection::{Connection, RecentPoll, ReconcileCursor};
use crate::domain::facts::Facts;
use crate::store;

/// Maximum number of activities missing from a page that are fetched one by one.
const MAX_MISSING: usize = 20;
/// Pause while the backfill is not done.
const BACKFILL_PAUSE: Duration = Duration::from_secs(2);

/// Polls the newest page, or reconciles the next page of the whole list, as the kind of the job says.
pub(crate) async fn poll_recent(
    ctx: &ServiceContext,
    job: &ClaimedJob,
) -> Result<JobOutcome, anyhow::Error> {
    let payload: ConnectionJob = serde_json::from_value(job.payload.clone())?;
    let Some(athlete) = job.athlete else { return Ok(JobOutcome::Done) };
    let readers = ctx.database.readers();
    let connection =
        store::connections::find_connected(readers, athlete, payload.application).await?;
    let Some(connection) = connection else { return Ok(JobOutcome::Done) };
    let backfill = store::backfills::find(readers, athlete, payload.application).await?;
    if let Some(backfill) = backfill.filter(|backfill| backfill.is_in_progress()) {
        // Until it is done, every row of the page looks new.
        let due = ctx.now().plus(BACKFILL_PAUSE).max(Timestamp::from_micros(backfill.next_try_us));
        return Ok(JobOutcome::Later { due, reason: "import-first".to_owned(), counts: false });
    }
    let failure = match poll_page(ctx, job, &connection).await {
        Ok(()) => return Ok(JobOutcome::Settled),
        Err(error) => error.downcast::<JobFailure>()?,
    };
    record_failed_poll(ctx, &connection, failure.reason()).await?;
    Ok(failure.into_outcome())
}

async fn record_failed_poll(
    ctx: &ServiceContext,
    connection: &Connection,
    reason: &str,
) -> Result<(), StoreError> {
    let record = |tx: AthleteTx| async move {
        let (athlete, application) = (connection.athlete, connection.application);
        let stored = store::connections::find(tx.conn(), athlete, application).await?;
        let Some(mut stored) = stored else { return tx.unchanged(Ok(())) };
        stored.recent_poll.tried_us = ctx.now().as_micros();
        reason.clone_into(&mut stored.recent_poll.problem);
        store::connections::save(tx.conn(), &stored, true).await
    };
    ctx.database.run("record_failed_poll", connection.athlete, record).await
}

async fn poll_page(
    ctx: &ServiceContext,
    job: &ClaimedJob,
    connection: &Connection,
) -> Result<(), anyhow::Error> {
    let mut query = ListQuery { per_page: ctx.settings.head_page, ..ListQuery::default() };
    if job.kind == job::RECONCILE_PAGE {
        query.before = connection.reconcile.before_s.map(Timestamp::from_secs);
        query.per_page = ctx.settings.page;
    }
    let page = &list_page::fetch_page(ctx, job, connection, Purpose::Reconcile, query).await?;
    let record = |tx| async move { try_record_page(ctx, &tx, job, page).await };
    ctx.database.run("record_polled_page", connection.athlete, record).await?;
    ctx.failpoint("ingest.head-committed");
    Ok(())
}

async fn try_record_page(
    ctx: &ServiceContext,
    tx: &AthleteTx,
    job: &ClaimedJob,
    page: &ListPage<'_>,
) -> Result<(), StoreError> {
    if !ctx.queue.lock_claimed(tx, job).await? {
        return tx.unchanged(Ok(()));
    }
    let current = list_page::find_current_connection(tx, page.connection).await?;
    if let Some(mut connection) = current {
        record_page(ctx, tx, page).await?;
        let now = ctx.now().as_micros();
        if job.kind == job::RECONCILE_PAGE {
            let before_s = oldest_start(page).map(Timestamp::as_secs);
            connection.reconcile = ReconcileCursor { reconciled_us: now, before_s };
        } else {
            connection.recent_poll = RecentPoll::succeeded(now);
        }
        store::connections::save(tx.conn(), &connection, true).await?;
    }
    ctx.queue.close(tx, job).await.map(drop)
}

/// Records the rows. Requests a fetch of each new activity, and of each one missing from the page.
async fn record_page(
    ctx: &ServiceContext,
    tx: &AthleteTx,
    page: &ListPage<'_>,
) -> Result<(), StoreError> {
    let rows = &page.answer.activities;
    let changed = list_page::record_rows(ctx, tx, page, rows, Cause::Sweep).await?;
    for strava in changed {
        request_fetch(ctx, tx, page.connection, strava, false).await?;
    }
    for strava in find_missing(tx, page).await? {
        request_fetch(ctx, tx, page.connection, strava, true).await?;
    }
    Ok(())
}

/// Finds stored activities within the time the page spans that it does not list. The newest come first: activities
/// that a list always leaves out must not use up the limit before recent deletions.
async fn find_missing(
    tx: &AthleteTx,
    page: &ListPage<'_>,
) -> Result<Vec<StravaActivityId>, StoreError> {
    let rows = &page.answer.activities;
    let is_full = rows.len() >= page.query.per_page as usize;
    let since = oldest_start(page)
        .filter(|_| is_full)
        .map_or(Timestamp::from_micros(0), |oldest| oldest.plus(Duration::from_secs(1)));
    let (connection, before) = (page.connection, page.query.before);
    let stored =
        store::activities::list_started_between(tx.conn(), connection, since, before).await?;
    let is_listed = |strava: &StravaActivityId| rows.iter().any(|row| row.id == *strava);
    Ok(stored.into_iter().filter(|strava| !is_listed(strava)).take(MAX_MISSING).collect())
}

fn oldest_start(page: &ListPage<'_>) -> Option<Timestamp> {
    page.answer.activities.iter().map(|row| Facts::from_summary(row).start_at).min()
}
