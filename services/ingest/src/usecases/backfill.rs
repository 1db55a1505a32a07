//! Backfills an athlete's activities: summaries, newest first, a page at a time, resumed after an interruption.

mod page;

use jobs::{ClaimedJob, JobOutcome};
use kernel::Timestamp;
use lifecycle::Stop;
use outbox::{AthleteTx, StoreError};
use strava_client::lease::Purpose;
use strava_client::{ActivityPage, ListQuery};

use super::ServiceContext;
use super::job::ConnectionJob;
use super::job_failure::JobFailure;
use super::list_page::fetch_page;
use crate::domain::backfill::{Backfill, BackfillState};
use crate::domain::connection::Connection;
use crate::store;

/// Progress of a backfill after a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Progress {
    /// There may be another page.
    NextPage,
    /// The list is complete, and the job closed.
    Complete,
    /// The job is another worker's, or the connection was replaced.
    Lost,
}

/// Reads pages until the list ends, a call fails or the program stops.
pub(crate) async fn backfill(
    ctx: &ServiceContext,
    job: &ClaimedJob,
    soft: &Stop,
) -> Result<JobOutcome, anyhow::Error> {
    let payload: ConnectionJob = serde_json::from_value(job.payload.clone())?;
    let Some(athlete) = job.athlete else { return Ok(JobOutcome::Done) };
    loop {
        let readers = ctx.database.readers();
        let connection =
            store::connections::find_connected(readers, athlete, payload.application).await?;
        let Some(connection) = connection else { return Ok(JobOutcome::Done) };
        let backfill = store::backfills::find(readers, athlete, payload.application).await?;
        let Some(backfill) = backfill.filter(|it| it.state != BackfillState::Done) else {
            return Ok(JobOutcome::Done);
        };
        if soft.is_stopped() {
            let (due, reason) = (ctx.now(), "stopping".to_owned());
            return Ok(JobOutcome::Later { due, reason, counts: false });
        }
        match read_page(ctx, job, &connection, backfill).await {
            Ok(Progress::NextPage) => {}
            Ok(Progress::Complete | Progress::Lost) => return Ok(JobOutcome::Settled),
            Err(error) => {
                let failure = error.downcast::<JobFailure>()?;
                record_failure(ctx, &connection, &failure).await?;
                return Ok(failure.into_outcome());
            }
        }
    }
}

async fn read_page(
    ctx: &ServiceContext,
    job: &ClaimedJob,
    connection: &Connection,
    backfill: Backfill,
) -> Result<Progress, anyhow::Error> {
    let before = backfill.before_s.map(Timestamp::from_secs);
    let query = ListQuery { before, per_page: ctx.settings.page, ..ListQuery::default() };
    let page = fetch_page(ctx, job, connection, Purpose::Backfill, query).await?;
    ctx.failpoint("ingest.page-fetched");
    warn_of_unreadable_rows(connection, &page.answer);
    let progress = page::store_page(ctx, job, &backfill, &page).await?;
    ctx.failpoint("ingest.page-committed");
    Ok(progress)
}

fn warn_of_unreadable_rows(connection: &Connection, page: &ActivityPage) {
    for odd in &page.unreadable {
        let id = odd.id.map(kernel::StravaActivityId::get);
        tracing::warn!(athlete.id = %connection.athlete, strava.activity = id, reason = odd.reason, "a row of the list cannot be read");
    }
}

/// Stores the reason of a failure, for the athlete to see.
async fn record_failure(
    ctx: &ServiceContext,
    connection: &Connection,
    failure: &JobFailure,
) -> Result<(), StoreError> {
    let (athlete, application) = (connection.athlete, connection.application);
    let record = |tx: AthleteTx| async move {
        let backfill = store::backfills::find(tx.conn(), athlete, application).await?;
        let Some(mut backfill) = backfill.filter(|it| it.generation == connection.generation)
        else {
            return tx.unchanged(Ok(()));
        };
        backfill.state = match failure {
            JobFailure::Retry { .. } => BackfillState::Waiting,
            _ => BackfillState::Failed,
        };
        failure.reason().clone_into(&mut backfill.reason);
        backfill.next_try_us = failure.due().map_or(0, Timestamp::as_micros);
        backfill.changed_at = ctx.now();
        store::backfills::save(tx.conn(), &backfill, true).await?;
        tx.bump_version();
        Ok(())
    };
    ctx.bulk.run("record_backfill_failure", athlete, record).await
}
