//! One step of a copy's job: upload the copy, search for it, or poll its upload.

mod poll;
mod search;
mod update;
mod upload;

use std::time::Duration;

use jobs::{ClaimedJob, JobOutcome};
use kernel::{CopyId, Timestamp};
use outbox::{IsConflict, StoreError};
use strava_client::lease::{DenialReason, Lease, LeaseError, LeaseRequest, Purpose, Report};
use strava_client::{ErrorKind, StravaError};
use tracing::Instrument;

use super::{ServiceContext, copy_records};
use crate::clients::streams::StreamsError;
use crate::domain::connection::{Connection, select_for_upload};
use crate::domain::copy::{Copy, CopyState};
use crate::domain::reason;
use crate::store::{connections, copies, links};

/// Places where a test may kill the process; each lies between an effect and the record of it.
pub const FAILPOINTS: &[&str] = &[
    BEFORE_SENDING,
    BEFORE_SEND,
    AFTER_SEND_BEFORE_STORE,
    AFTER_SEND_STORED,
    AFTER_POLL_BEFORE_STORE,
    AFTER_DONE_STORED,
];
/// The file is built and the lease granted; the copy is stored as `planned`.
const BEFORE_SENDING: &str = "duplication.before-sending";
/// The copy is stored as `sending`; nothing was sent.
const BEFORE_SEND: &str = "duplication.before-send";
/// Strava has answered the upload; the answer is not stored.
const AFTER_SEND_BEFORE_STORE: &str = "duplication.after-send-before-store";
/// The copy is stored as `processing`; the job is still leased.
const AFTER_SEND_STORED: &str = "duplication.after-send-stored";
/// Strava has answered the poll; the answer is not stored.
const AFTER_POLL_BEFORE_STORE: &str = "duplication.after-poll-before-store";
/// The copy is stored as `done`; the job is still open.
const AFTER_DONE_STORED: &str = "duplication.after-done-stored";

/// Early end or failure of a step.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StepError {
    /// The step ended early with an outcome of its job; not a failure.
    #[error("the step ended early")]
    Ended(JobOutcome),
    #[error("the copy cannot be read or stored")]
    Store(#[from] StoreError),
    #[error("the file cannot be written")]
    File(#[from] std::io::Error),
    #[error("the streams cannot be used")]
    Streams(#[from] StreamsError),
    #[error("the task that wrote the file died")]
    Join(#[from] tokio::task::JoinError),
}

impl From<JobOutcome> for StepError {
    fn from(outcome: JobOutcome) -> Self {
        Self::Ended(outcome)
    }
}

impl IsConflict for StepError {
    fn is_conflict(&self) -> bool {
        matches!(self, Self::Store(error) if error.is_conflict())
    }
}

type StepResult = Result<JobOutcome, StepError>;

/// A claimed job and its copy as they were when the step began.
struct CopyStep<'a> {
    ctx: &'a ServiceContext,
    job: &'a ClaimedJob,
    copy: Copy,
}

/// Does the next step of the copy this job is about.
pub(crate) async fn run_copy(ctx: &ServiceContext, job: &ClaimedJob) -> StepResult {
    let Ok(id) = job.subject.parse::<CopyId>() else { return Ok(JobOutcome::Done) };
    let Some(copy) = copies::find(ctx.database.readers(), id).await? else {
        return Ok(JobOutcome::Done);
    };
    let span = tracing::info_span!("copy", copy = %copy.id, state = copy.state.as_str());
    telemetry::set_parent(&span, &copy.traceparent);
    CopyStep { ctx, job, copy }.run().instrument(span).await
}

/// Turns the early end of a step into its outcome.
fn into_outcome(result: StepResult) -> StepResult {
    match result {
        Err(StepError::Ended(outcome)) => Ok(outcome),
        other => other,
    }
}

impl CopyStep<'_> {
    async fn run(self) -> StepResult {
        into_outcome(match self.copy.state {
            CopyState::Done | CopyState::Failed | CopyState::Skipped => Ok(JobOutcome::Done),
            CopyState::Planned if self.waits_for_source() => Ok(JobOutcome::Done),
            CopyState::Planned if self.copy.must_search => self.search().await,
            CopyState::Planned => self.upload().await,
            CopyState::Sending => self.search().await,
            CopyState::Processing => self.poll().await,
        })
    }

    /// Returns true if a later event of the source will enqueue the job again.
    fn waits_for_source(&self) -> bool {
        matches!(self.copy.reason.as_str(), reason::STREAMS_PENDING | reason::STREAMS_GONE)
    }

    fn now(&self) -> Timestamp {
        self.ctx.clock.now()
    }

    fn retry_after(&self, pause: Duration, reason: &str) -> JobOutcome {
        let due = self.now().plus(pause);
        JobOutcome::Later { due, reason: reason.to_owned(), counts: false }
    }

    /// Retries ever more rarely.
    fn back_off(&self, reason: &str) -> JobOutcome {
        let due = self.now().plus(jobs::backoff(self.job.attempts));
        JobOutcome::Later { due, reason: reason.to_owned(), counts: true }
    }

    /// Records the reason and closes the job until the child's connection changes, or for `wait_s`
    /// seconds in case that event is missed.
    async fn hold(&self, reason: &str) -> StepResult {
        self.record_reason(reason).await?;
        let due = self.now().plus(Duration::from_secs(self.ctx.settings.wait_s));
        copy_records::hold_job(self.ctx, self.job, due).await?;
        Ok(JobOutcome::Settled)
    }

    /// Returns true if the link still covers the source.
    async fn is_linked(&self) -> Result<bool, StoreError> {
        let link = links::find(self.ctx.database.readers(), self.copy.link).await?;
        Ok(link.is_some_and(|link| link.covers(self.copy.source.start_at)))
    }

    /// Returns the child's connection to call Strava with; holds the job if there is none.
    async fn find_connection(&self) -> Result<Connection, StepError> {
        let connections =
            connections::list_by_athlete(self.ctx.database.readers(), self.copy.child).await?;
        match select_for_upload(&connections) {
            Ok(connection) => Ok(connection.clone()),
            Err(reason) => Err(self.hold(reason).await?.into()),
        }
    }

    /// Returns a lease on the child's connection; without one, records the reason and ends the step.
    async fn request_lease(
        &self,
        connection: &Connection,
        reads: u32,
        writes: u32,
    ) -> Result<Lease, StepError> {
        let request = LeaseRequest {
            app: connection.application,
            athlete: self.copy.child,
            generation: connection.generation,
            purpose: Purpose::Copy,
            attempt: format!("copy-{}-{}-{reads}r{writes}w", self.job.id, self.job.epoch),
            reads,
            writes,
        };
        match self.ctx.leases.request_lease(&request).await {
            Ok(lease) => Ok(lease),
            Err(LeaseError::RetryAt(at)) => {
                self.record_reason(reason::RATE_LIMITED).await?;
                let pause = at.since(self.now()).max(Duration::from_secs(1));
                Err(self.retry_after(pause, reason::RATE_LIMITED).into())
            }
            Err(LeaseError::Denied(denial)) => Err(self.hold(denial.code()).await?.into()),
            Err(LeaseError::Unavailable(error)) => {
                tracing::debug!(error, "no lease was granted");
                Err(self.back_off(reason::UNAVAILABLE).into())
            }
        }
    }

    /// Reports the usage of a lease; a lost report costs only budget.
    async fn report_usage(&self, lease: &Lease, report: &Report) {
        if let Err(error) = self.ctx.leases.report_usage(lease.id, report).await {
            tracing::debug!(%error, "the usage of a lease was not reported");
        }
    }

    /// Ends the step after a call that certainly had no effect.
    async fn handle_call_error(&self, error: &StravaError) -> StepResult {
        match &error.kind {
            ErrorKind::RateLimited => {
                self.record_reason(reason::RATE_LIMITED).await?;
                Ok(self.retry_after(Duration::from_mins(1), reason::RATE_LIMITED))
            }
            ErrorKind::ScopeMissing { .. } => self.hold(reason::SCOPE_MISSING).await,
            ErrorKind::AppInactive => self.hold(DenialReason::AppInactive.code()).await,
            ErrorKind::TokenDead => Ok(self.back_off("token-dead")),
            _ => Ok(self.back_off(reason::UNAVAILABLE)),
        }
    }
}
