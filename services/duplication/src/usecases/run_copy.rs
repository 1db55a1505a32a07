//! One step of a copy's job: send it, look for it, or ask what became of it.

mod follow;
mod look;
mod send;
mod settle;

use std::time::Duration;

use jobs::Claimed;
use kernel::{CopyId, Timestamp};
use outbox::{Contended, StoreError};
use strava_client::lease::{DenialReason, Lease, LeaseError, LeaseRequest, Purpose, Report};
use strava_client::{ErrorKind, StravaError};
use tracing::Instrument;

use super::Kit;
use crate::domain::connection::{Connection, to_write_with};
use crate::domain::copy::{Copy, State, reason};
use crate::store::{connections, copies, links};

/// Where a test may kill the process; each lies in a gap between an effect and the note that it happened.
pub const FAILPOINTS: &[&str] = &[
    BEFORE_SENDING,
    BEFORE_SEND,
    AFTER_SEND_BEFORE_STORE,
    AFTER_SEND_STORED,
    AFTER_POLL_BEFORE_STORE,
    AFTER_DONE_STORED,
];
/// The file is built and the lease is there; the ledger says `planned`.
const BEFORE_SENDING: &str = "duplication.before-sending";
/// The ledger says `sending`; nothing has left.
const BEFORE_SEND: &str = "duplication.before-send";
/// Strava has answered; the ledger does not know.
const AFTER_SEND_BEFORE_STORE: &str = "duplication.after-send-before-store";
/// The ledger says `processing`; the job does not know.
const AFTER_SEND_STORED: &str = "duplication.after-send-stored";
/// Strava has said what became of it; the ledger does not know.
const AFTER_POLL_BEFORE_STORE: &str = "duplication.after-poll-before-store";
/// The ledger says `done`; the job is still open.
const AFTER_DONE_STORED: &str = "duplication.after-done-stored";

/// What becomes of the job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Nothing is left to do.
    Close,
    /// Somebody else has the job by now: nothing may be touched.
    Lost,
    /// Again then.
    Again { at: Timestamp, reason: String, counts: bool },
    /// When somebody wants it, or at the latest then.
    Hold { until: Timestamp },
}

/// Why a step went wrong without anybody's fault but the machine's.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RunCopyError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the file cannot be written")]
    File(#[from] std::io::Error),
    #[error("the streams cannot be used")]
    Streams(#[from] crate::clients::streams::StreamsError),
    #[error("the task that wrote the file died")]
    Died(#[from] tokio::task::JoinError),
}

impl Contended for RunCopyError {
    fn is_contended(&self) -> bool {
        matches!(self, Self::Store(error) if error.is_contended())
    }
}

/// What a step works on.
struct Step<'a> {
    kit: &'a Kit,
    claimed: &'a Claimed,
    copy: Copy,
}

/// Does the next step of the copy this job is about.
pub(crate) async fn run_copy(kit: &Kit, claimed: &Claimed) -> Result<Next, RunCopyError> {
    let Ok(id) = claimed.subject.parse::<CopyId>() else { return Ok(Next::Close) };
    let Some(copy) = copies::find(kit.database.readers(), id).await? else {
        return Ok(Next::Close);
    };
    let span = tracing::info_span!("copy", copy = %copy.id, state = copy.state.word());
    telemetry::set_parent(&span, &copy.traceparent);
    Step { kit, claimed, copy }.go_on().instrument(span).await
}

impl Step<'_> {
    async fn go_on(self) -> Result<Next, RunCopyError> {
        match self.copy.state {
            State::Done | State::Failed | State::Skipped => Ok(Next::Close),
            State::Planned if self.waits_for_source() => Ok(Next::Close),
            State::Planned if self.copy.must_look => self.look().await,
            State::Planned => self.send().await,
            State::Sending => self.look().await,
            State::Processing => self.follow().await,
        }
    }

    /// An event of the source will want the job again.
    fn waits_for_source(&self) -> bool {
        matches!(self.copy.reason.as_str(), reason::STREAMS_PENDING | reason::STREAMS_GONE)
    }

    fn now(&self) -> Timestamp {
        self.kit.clock.now()
    }

    fn again_in(&self, after: Duration, reason: &str, counts: bool) -> Next {
        Next::Again { at: self.now().plus(after), reason: reason.to_owned(), counts }
    }

    /// Something is away: later, ever more rarely.
    fn back_off(&self, reason: &str) -> Next {
        self.again_in(jobs::backoff(self.claimed.attempts), reason, true)
    }

    /// The child's connection to call Strava with, or what stands in the way.
    async fn connection(&self) -> Result<Result<Connection, &'static str>, StoreError> {
        let all = connections::of(self.kit.database.readers(), self.copy.child).await?;
        Ok(to_write_with(&all).cloned())
    }

    /// Whether the link still holds.
    async fn is_linked(&self) -> Result<bool, StoreError> {
        let link = links::find(self.kit.database.readers(), self.copy.link).await?;
        Ok(link.is_some_and(|link| link.covers(self.copy.source.start_at)))
    }

    async fn lease(
        &self,
        connection: &Connection,
        reads: u32,
        writes: u32,
    ) -> Result<Lease, LeaseError> {
        let request = LeaseRequest {
            app: connection.application,
            athlete: self.copy.child,
            generation: connection.generation,
            purpose: Purpose::Copy,
            attempt: format!("copy-{}-{}-{reads}r{writes}w", self.claimed.id, self.claimed.epoch),
            reads,
            writes,
        };
        self.kit.leases.request_lease(&request).await
    }

    /// A lost report costs only budget.
    async fn report(&self, lease: &Lease, report: &Report) {
        if let Err(error) = self.kit.leases.report_usage(lease.id, report).await {
            tracing::debug!(%error, "the lease's report was lost");
        }
    }

    /// No lease: the copy says why, and the job comes again when it may help.
    async fn refused(&self, refused: LeaseError) -> Result<Next, RunCopyError> {
        match refused {
            LeaseError::RetryAt(at) => {
                let at = at.max(self.now().plus(Duration::from_secs(1)));
                self.note(reason::RATE_LIMITED).await?;
                Ok(Next::Again { at, reason: reason::RATE_LIMITED.to_owned(), counts: false })
            }
            LeaseError::Denied(DenialReason::AppInactive) => {
                self.hold(DenialReason::AppInactive.code()).await
            }
            LeaseError::Denied(never) => self.hold(never.code()).await,
            LeaseError::Unavailable(error) => {
                tracing::debug!(error, "no lease");
                Ok(self.back_off(reason::UNAVAILABLE))
            }
        }
    }

    /// Waits for the child's connection: an event of it wakes the job; so does time, if that was missed.
    async fn hold(&self, why: &str) -> Result<Next, RunCopyError> {
        self.note(why).await?;
        Ok(Next::Hold { until: self.now().plus(Duration::from_secs(self.kit.settings.wait_s)) })
    }

    /// A call that failed without a doubt: what helps?
    async fn failed_call(&self, error: &StravaError) -> Result<Next, RunCopyError> {
        match &error.kind {
            ErrorKind::RateLimited => {
                self.note(reason::RATE_LIMITED).await?;
                Ok(self.again_in(Duration::from_mins(1), reason::RATE_LIMITED, false))
            }
            ErrorKind::ScopeMissing { .. } => self.hold(reason::SCOPE_MISSING).await,
            ErrorKind::AppInactive => self.hold(DenialReason::AppInactive.code()).await,
            ErrorKind::TokenDead => {
                Ok(self.again_in(jobs::backoff(self.claimed.attempts), "token-dead", true))
            }
            _ => Ok(self.back_off(reason::UNAVAILABLE)),
        }
    }
}
