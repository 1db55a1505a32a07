//! The lockout that slows down guessing passwords.

use std::time::Duration;

use kernel::Timestamp;

/// The failed sign-ins of one account since the last success, or since the count began anew.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct FailedSignIns {
    pub(crate) count: i64,
    pub(crate) first_at_us: i64,
}

/// The rule of the lockout.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LockoutRule {
    /// Number of failures that lock an account.
    pub(crate) max_attempts: i64,
    /// Time from the first failure until the count begins anew and a lock ends.
    pub(crate) lockout: Duration,
}

impl FailedSignIns {
    /// Counts an attempt as failed, before its password is checked: so attempts at the same time count as well. A
    /// count that is over starts anew; so whoever goes on failing locks nobody out for ever.
    ///
    /// # Errors
    ///
    /// Fails with the instant until which the account is locked.
    pub(crate) fn reserve(&mut self, now: Timestamp, rule: LockoutRule) -> Result<(), Timestamp> {
        if let Some(until) = self.locked_until(now, rule) {
            return Err(until);
        }
        if self.count == 0 || self.ends_at(rule) <= now {
            *self = Self { count: 0, first_at_us: now.as_micros() };
        }
        self.count += 1;
        Ok(())
    }

    /// Returns the instant until which the account is locked, if it is.
    pub(crate) fn locked_until(self, now: Timestamp, rule: LockoutRule) -> Option<Timestamp> {
        let until = self.ends_at(rule);
        (self.count >= rule.max_attempts && until > now).then_some(until)
    }

    fn ends_at(self, rule: LockoutRule) -> Timestamp {
        Timestamp::from_micros(self.first_at_us).plus(rule.lockout)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_locked_after_enough_failures_and_for_long_enough() {
        let at = Timestamp::from_secs(1000);
        let failures = FailedSignIns { count: 3, first_at_us: at.as_micros() };
        let lockout = Duration::from_mins(1);
        let after = |max_attempts| LockoutRule { max_attempts, lockout };

        assert_eq!(failures.locked_until(at, after(3)), Some(at.plus(lockout)));
        assert_eq!(failures.locked_until(at, after(4)), None);
        assert_eq!(failures.locked_until(at.plus(lockout), after(3)), None);
    }

    #[test]
    fn a_lockout_that_is_over_starts_a_new_count() {
        let rule = LockoutRule { max_attempts: 3, lockout: Duration::from_mins(1) };
        let (mut failures, at) = (FailedSignIns::default(), Timestamp::from_secs(1000));
        for count in 1..=3 {
            assert_eq!(failures.reserve(at, rule), Ok(()));
            assert_eq!(failures.count, count);
        }
        assert_eq!(failures.reserve(at, rule), Err(at.plus(rule.lockout)));

        assert_eq!(failures.reserve(at.plus(rule.lockout), rule), Ok(()));

        assert_eq!(failures.count, 1);
    }

    #[test]
    fn a_count_that_does_not_lock_is_over_after_the_same_time() {
        let rule = LockoutRule { max_attempts: 3, lockout: Duration::from_mins(1) };
        let (mut failures, at) = (FailedSignIns::default(), Timestamp::from_secs(1000));
        assert_eq!(failures.reserve(at, rule), Ok(()));
        assert_eq!(failures.reserve(at.plus(Duration::from_secs(59)), rule), Ok(()));

        assert_eq!(failures.reserve(at.plus(rule.lockout), rule), Ok(()));

        assert_eq!(failures.count, 1);
    }
}
