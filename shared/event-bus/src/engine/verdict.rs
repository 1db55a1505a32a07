//! What becomes of a record that was tried and is not settled: when it is tried again, and as what.

use tokio::time::Instant;

use super::attempt::Outcome;
use super::lanes::{Item, Rest};
use super::{Limits, pause};

/// Why it is tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    /// Something is away; nothing counts.
    Away,
    /// It failed, and there are attempts left (or it may not be parked).
    Failed,
    /// There is no attempt left, or trying is useless: the next try parks it.
    Park,
}

impl Why {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Away => "away",
            Self::Failed => "failed",
            Self::Park => "park",
        }
    }
}

/// Notes the outcome on the item and says when it may be tried again. None: it is settled.
pub(crate) fn judge(
    item: &mut Item,
    outcome: Outcome,
    limits: Limits,
    now: Instant,
) -> Option<(Why, String, Rest)> {
    match outcome {
        Outcome::Handled | Outcome::Skipped | Outcome::Parked => None,
        Outcome::Away(reason) => {
            item.away = item.away.saturating_add(1);
            Some((Why::Away, reason, Rest { until: now + pause::away(item.away), away: true }))
        }
        Outcome::Rejected { reason, may_park: true } => Some(park(item, reason, now)),
        Outcome::Failed { reason, may_park } | Outcome::Rejected { reason, may_park } => {
            item.failures = item.failures.saturating_add(1);
            item.away = 0;
            if may_park && item.failures >= limits.attempts {
                return Some(park(item, reason, now));
            }
            Some((
                Why::Failed,
                reason,
                Rest { until: now + pause::failed(item.failures), away: false },
            ))
        }
    }
}

fn park(item: &mut Item, reason: String, now: Instant) -> (Why, String, Rest) {
    item.away = 0;
    item.park_for = Some(reason.clone());
    (Why::Park, reason, Rest { until: now, away: false })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use contracts::Topic;
    use kernel::Timestamp;

    use super::*;
    use crate::Record;
    use crate::engine::Assigned;

    const LIMITS: Limits = Limits { lanes: 1, attempts: 3 };

    fn item() -> Item {
        let from = Assigned { topic: Topic::Athletes, partition: 0, generation: 0 };
        let (key, value, timestamp) = (String::new(), Vec::new(), Timestamp::from_micros(0));
        Item::new(
            from,
            Record { topic: Topic::Athletes, partition: 0, offset: 0, key, value, timestamp },
        )
    }

    fn failed(may_park: bool) -> Outcome {
        Outcome::Failed { reason: "no".to_owned(), may_park }
    }

    #[test]
    fn a_record_is_parked_after_its_last_attempt_and_not_before() {
        let mut item = item();
        let now = Instant::now();
        for _ in 0..2 {
            assert_eq!(judge(&mut item, failed(true), LIMITS, now).unwrap().0, Why::Failed);
            assert_eq!(item.park_for, None);
        }
        assert_eq!(judge(&mut item, failed(true), LIMITS, now).unwrap().0, Why::Park);
        assert_eq!(item.park_for.as_deref(), Some("no"));
    }

    #[test]
    fn what_is_away_does_not_count_as_an_attempt() {
        let mut item = item();
        let now = Instant::now();
        for _ in 0..50 {
            let (why, _, rest) =
                judge(&mut item, Outcome::Away("gone".to_owned()), LIMITS, now).unwrap();
            assert_eq!((why, rest.away), (Why::Away, true));
            assert!(rest.until <= now + Duration::from_secs(30));
        }
        assert_eq!((item.failures, item.park_for), (0, None));
    }

    #[test]
    fn an_erase_is_never_parked() {
        let mut item = item();
        let now = Instant::now();
        for _ in 0..50 {
            assert_eq!(judge(&mut item, failed(false), LIMITS, now).unwrap().0, Why::Failed);
            let rejected = Outcome::Rejected { reason: "no".to_owned(), may_park: false };
            assert_eq!(judge(&mut item, rejected, LIMITS, now).unwrap().0, Why::Failed);
        }
        assert_eq!(item.park_for, None);
    }

    #[test]
    fn a_rejected_record_is_parked_at_once() {
        let mut item = item();
        let rejected = Outcome::Rejected { reason: "never".to_owned(), may_park: true };
        assert_eq!(judge(&mut item, rejected, LIMITS, Instant::now()).unwrap().0, Why::Park);
    }
}
