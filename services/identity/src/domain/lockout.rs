//! The lockout that slows down guessing passwords.

use std::time::Duration;

use kernel::Timestamp;

/// The failed sign-ins of one account since the last success.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct FailedSignIns {
    pub(crate) count: i64,
    pub(crate) last_at_us: i64,
}

impl FailedSignIns {
    /// Returns the instant until which the account is locked, if it is.
    pub(crate) fn locked_until(
        self,
        now: Timestamp,
        max_attempts: i64,
        lockout: Duration,
    ) -> Option<Timestamp> {
        let until = Timestamp::from_micros(self.last_at_us).plus(lockout);
        (self.count >= max_attempts && until > now).then_some(until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_locked_after_enough_failures_and_for_long_enough() {
        let at = Timestamp::from_secs(1000);
        let failures = FailedSignIns { count: 3, last_at_us: at.as_micros() };
        let minute = Duration::from_mins(1);

        assert_eq!(failures.locked_until(at, 3, minute), Some(at.plus(minute)));
        assert_eq!(failures.locked_until(at, 4, minute), None);
        assert_eq!(failures.locked_until(at.plus(minute), 3, minute), None);
    }
}
