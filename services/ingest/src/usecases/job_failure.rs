//! Consequences of a refused Strava call or lease for a job.

use std::time::Duration;

use jobs::JobOutcome;
use kernel::Timestamp;
use strava_client::lease::{DenialReason, LeaseError};
use strava_client::{ErrorKind, StravaError};

use crate::domain::retry_schedule;

/// Error of a job that could not do its work, with its consequence. Any other error is retried with back-off.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum JobFailure {
    /// Retried at `due`; only an attempt that `counts` brings the job closer to being given up.
    #[error("{reason}")]
    Retry { due: Timestamp, reason: &'static str, counts: bool },
    /// Dropped: the work is not needed any more.
    #[error("{reason}")]
    Drop { reason: &'static str },
    /// Given up: the work cannot be done.
    #[error("{reason}")]
    Fail { reason: &'static str },
}

/// Pause while the Strava application is inactive, for whichever athlete.
const APP_INACTIVE_PAUSE: Duration = Duration::from_mins(15);
/// Pause while token does not answer: it is back soon, or the program is stopping.
const LEASE_UNAVAILABLE_PAUSE: Duration = Duration::from_secs(5);

/// Maximum number of attempts that count.
pub(crate) const MAX_ATTEMPTS: i64 = 20;

impl JobFailure {
    /// The connection is behind a fence.
    pub(crate) const FENCED: Self = Self::Drop { reason: "fenced" };

    /// Converts a failed call after this many attempts.
    pub(crate) fn from_strava(error: &StravaError, attempts: i64, now: Timestamp) -> Self {
        let (reason, pause) = match &error.kind {
            ErrorKind::RateLimited => {
                return Self::wait(retry_schedule::next_rate_window(now), "rate-limited");
            }
            ErrorKind::AppInactive => {
                return Self::wait(now.plus(APP_INACTIVE_PAUSE), "app-inactive");
            }
            ErrorKind::ScopeMissing { .. } => return Self::Fail { reason: "scope-missing" },
            ErrorKind::TokenDead => {
                ("token-dead", jobs::backoff(attempts).max(Duration::from_mins(1)))
            }
            ErrorKind::Unavailable(_) => ("strava-unavailable", jobs::backoff(attempts)),
            ErrorKind::Unexpected(_) => ("answer-unexpected", jobs::backoff(attempts)),
            _ => ("strava-refused", jobs::backoff(attempts)),
        };
        // An outage of Strava is waited out however long it takes: acknowledged events are not lost.
        let is_outage = matches!(error.kind, ErrorKind::Unavailable(_));
        if attempts >= MAX_ATTEMPTS && !is_outage {
            return Self::Fail { reason };
        }
        Self::Retry { due: now.plus(pause), reason, counts: true }
    }

    /// Converts a refused lease.
    pub(crate) fn from_lease(refusal: &LeaseError, now: Timestamp) -> Self {
        match refusal {
            LeaseError::RetryAt(at) => Self::wait(*at, "budget"),
            LeaseError::Denied(DenialReason::AppInactive) => {
                Self::wait(now.plus(APP_INACTIVE_PAUSE), "app-inactive")
            }
            LeaseError::Denied(DenialReason::ScopeMissing) => {
                Self::Fail { reason: "scope-missing" }
            }
            LeaseError::Denied(DenialReason::Disconnected) => Self::Drop { reason: "disconnected" },
            LeaseError::Denied(DenialReason::ReconnectNeeded) => {
                Self::Drop { reason: "reconnect-needed" }
            }
            LeaseError::Unavailable(_) => {
                Self::wait(now.plus(LEASE_UNAVAILABLE_PAUSE), "lease-unavailable")
            }
        }
    }

    const fn wait(due: Timestamp, reason: &'static str) -> Self {
        Self::Retry { due, reason, counts: false }
    }

    /// Returns the state of the step in the journal.
    pub(crate) const fn journal_state(&self) -> &'static str {
        match self {
            Self::Retry { .. } => "waiting",
            Self::Drop { .. } => "dropped",
            Self::Fail { .. } => "failed",
        }
    }

    pub(crate) const fn reason(&self) -> &'static str {
        match self {
            Self::Retry { reason, .. } | Self::Drop { reason } | Self::Fail { reason } => reason,
        }
    }

    pub(crate) const fn due(&self) -> Option<Timestamp> {
        match self {
            Self::Retry { due, .. } => Some(*due),
            _ => None,
        }
    }

    /// Converts the failure to the outcome of its job.
    pub(crate) fn into_outcome(self) -> JobOutcome {
        match self {
            Self::Retry { due, reason, counts } => {
                JobOutcome::Later { due, reason: reason.to_owned(), counts }
            }
            Self::Drop { .. } => JobOutcome::Done,
            Self::Fail { reason } => JobOutcome::Failed { reason: reason.to_owned() },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(kind: ErrorKind) -> StravaError {
        StravaError { kind, status: None, limits: None, date: None }
    }

    const NOW: Timestamp = Timestamp::from_secs(1_000);

    #[test]
    fn a_full_budget_waits_for_the_window_and_is_nobodys_fault() {
        let failure = JobFailure::from_strava(&error(ErrorKind::RateLimited), 50, NOW);

        let due = Timestamp::from_secs(1_800);
        assert_eq!(failure, JobFailure::Retry { due, reason: "rate-limited", counts: false });
    }

    #[test]
    fn strava_away_for_hours_gives_nothing_up() {
        let away = error(ErrorKind::Unavailable("502".into()));

        for attempts in [1, MAX_ATTEMPTS, 10 * MAX_ATTEMPTS] {
            assert!(matches!(
                JobFailure::from_strava(&away, attempts, NOW),
                JobFailure::Retry { .. }
            ));
        }
    }

    #[test]
    fn a_dead_token_may_come_back_and_a_missing_scope_does_not() {
        let dead = JobFailure::from_strava(&error(ErrorKind::TokenDead), 1, NOW);
        let scope = JobFailure::from_strava(
            &error(ErrorKind::ScopeMissing { scope: "activity:read".into() }),
            1,
            NOW,
        );

        assert!(matches!(dead, JobFailure::Retry { reason: "token-dead", counts: true, .. }));
        assert_eq!(scope, JobFailure::Fail { reason: "scope-missing" });
    }

    #[test]
    fn an_inactive_application_pauses_without_counting() {
        for failure in [
            JobFailure::from_strava(&error(ErrorKind::AppInactive), 99, NOW),
            JobFailure::from_lease(&LeaseError::Denied(DenialReason::AppInactive), NOW),
        ] {
            assert!(matches!(
                failure,
                JobFailure::Retry { reason: "app-inactive", counts: false, .. }
            ));
        }
    }

    #[test]
    fn what_fails_for_ever_is_given_up_one_day() {
        let unavailable = error(ErrorKind::Unexpected("status 500".into()));

        assert!(matches!(
            JobFailure::from_strava(&unavailable, 1, NOW),
            JobFailure::Retry { counts: true, .. }
        ));
        assert!(matches!(
            JobFailure::from_strava(&unavailable, MAX_ATTEMPTS, NOW),
            JobFailure::Fail { .. }
        ));
    }

    #[test]
    fn a_withdrawn_connection_ends_its_jobs() {
        let refusal = LeaseError::Denied(DenialReason::Disconnected);

        assert_eq!(
            JobFailure::from_lease(&refusal, NOW),
            JobFailure::Drop { reason: "disconnected" }
        );
    }
}
