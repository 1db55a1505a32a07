//! Decides the next attempt of a record that was tried and is not settled.

use tokio::time::Instant;

use super::attempt::AttemptOutcome;
use super::lanes::{Backoff, QueuedRecord};
use super::{Limits, retry_delay};

/// The reason for another attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RetryReason {
    /// A dependency is unavailable; the attempt does not count.
    Unavailable,
    /// The attempt failed, and there are attempts left (or the record may not be parked).
    Failed,
    /// No attempt is left, or none can succeed: the next one parks the record.
    Park,
}

impl RetryReason {
    /// The value of the metrics label `why`.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Unavailable => "away",
            Self::Failed => "failed",
            Self::Park => "park",
        }
    }
}

/// The next attempt of a record.
#[derive(Debug)]
pub(crate) struct Retry {
    pub(crate) reason: RetryReason,
    /// The error of the last attempt.
    pub(crate) error: String,
    pub(crate) backoff: Backoff,
}

/// Updates the record's counters and returns its next attempt; none if it is settled.
pub(crate) fn plan_retry(
    queued: &mut QueuedRecord,
    outcome: AttemptOutcome,
    limits: Limits,
    now: Instant,
) -> Option<Retry> {
    match outcome {
        AttemptOutcome::Handled | AttemptOutcome::Skipped | AttemptOutcome::Parked => None,
        AttemptOutcome::Unavailable(error) => {
            queued.outages = queued.outages.saturating_add(1);
            let until = now + retry_delay::outage_delay(queued.outages);
            let backoff = Backoff { until, unavailable: true };
            Some(Retry { reason: RetryReason::Unavailable, error, backoff })
        }
        AttemptOutcome::Rejected { reason, may_park: true } => {
            Some(plan_parking(queued, reason, now))
        }
        AttemptOutcome::Failed { reason, may_park }
        | AttemptOutcome::Rejected { reason, may_park } => {
            queued.failures = queued.failures.saturating_add(1);
            queued.outages = 0;
            if may_park && queued.failures >= limits.max_attempts {
                return Some(plan_parking(queued, reason, now));
            }
            let until = now + retry_delay::failure_delay(queued.failures);
            let backoff = Backoff { until, unavailable: false };
            Some(Retry { reason: RetryReason::Failed, error: reason, backoff })
        }
    }
}

fn plan_parking(queued: &mut QueuedRecord, error: String, now: Instant) -> Retry {
    queued.outages = 0;
    queued.parking_reason = Some(error.clone());
    let backoff = Backoff { until: now, unavailable: false };
    Retry { reason: RetryReason::Park, error, backoff }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use contracts::Topic;
    use kernel::Timestamp;

    use super::*;
    use crate::Record;
    use crate::engine::Assignment;
    use crate::record::TopicPartition;

    const LIMITS: Limits = Limits { lanes: 1, max_attempts: 3 };

    fn queued_record() -> QueuedRecord {
        let topic_partition = TopicPartition { topic: Topic::Athletes, partition: 0 };
        let record = Record {
            topic: Topic::Athletes,
            partition: 0,
            offset: 0,
            key: String::new(),
            value: Vec::new(),
            timestamp: Timestamp::from_micros(0),
        };
        QueuedRecord::new(Assignment { topic_partition, generation: 0 }, record)
    }

    fn failed(may_park: bool) -> AttemptOutcome {
        AttemptOutcome::Failed { reason: "no".to_owned(), may_park }
    }

    fn retry_reason(queued: &mut QueuedRecord, outcome: AttemptOutcome) -> RetryReason {
        plan_retry(queued, outcome, LIMITS, Instant::now()).unwrap().reason
    }

    #[test]
    fn a_record_is_parked_after_its_last_attempt_and_not_before() {
        let mut queued = queued_record();
        for _ in 0..2 {
            assert_eq!(retry_reason(&mut queued, failed(true)), RetryReason::Failed);
            assert_eq!(queued.parking_reason, None);
        }
        assert_eq!(retry_reason(&mut queued, failed(true)), RetryReason::Park);
        assert_eq!(queued.parking_reason.as_deref(), Some("no"));
    }

    #[test]
    fn an_outage_does_not_count_as_an_attempt() {
        let mut queued = queued_record();
        let now = Instant::now();
        for _ in 0..50 {
            let outcome = AttemptOutcome::Unavailable("gone".to_owned());
            let retry = plan_retry(&mut queued, outcome, LIMITS, now).unwrap();
            assert_eq!((retry.reason, retry.backoff.unavailable), (RetryReason::Unavailable, true));
            assert!(retry.backoff.until <= now + Duration::from_secs(30));
        }
        assert_eq!((queued.failures, queued.parking_reason), (0, None));
    }

    #[test]
    fn an_erase_is_never_parked() {
        let mut queued = queued_record();
        for _ in 0..50 {
            assert_eq!(retry_reason(&mut queued, failed(false)), RetryReason::Failed);
            let rejected = AttemptOutcome::Rejected { reason: "no".to_owned(), may_park: false };
            assert_eq!(retry_reason(&mut queued, rejected), RetryReason::Failed);
        }
        assert_eq!(queued.parking_reason, None);
    }

    #[test]
    fn a_rejected_record_is_parked_at_once() {
        let rejected = AttemptOutcome::Rejected { reason: "never".to_owned(), may_park: true };
        assert_eq!(retry_reason(&mut queued_record(), rejected), RetryReason::Park);
    }
}
