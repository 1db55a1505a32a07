//! Failed sign-ins with addresses that have no account: they are locked out like any other, or the
//! lockout itself would reveal which addresses have one.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use kernel::Timestamp;

use crate::domain::account::Email;
use crate::domain::lockout::{FailedSignIns, LockoutRule};

/// Maximum number of addresses that are remembered; beyond it the one that failed longest ago is forgotten.
const MAX_EMAILS: usize = 10_000;

/// The failed sign-ins of addresses without an account.
#[derive(Debug, Default)]
pub(crate) struct UnknownEmailLockout(Mutex<HashMap<Email, FailedSignIns>>);

impl UnknownEmailLockout {
    /// Counts an attempt as failed.
    ///
    /// # Errors
    ///
    /// Fails with the instant until which the address is locked out.
    pub(crate) fn reserve(
        &self,
        email: &Email,
        now: Timestamp,
        rule: LockoutRule,
    ) -> Result<(), Timestamp> {
        let mut failed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if failed.len() >= MAX_EMAILS && !failed.contains_key(email) {
            let oldest = failed.iter().min_by_key(|(_, failed)| failed.last_at_us);
            if let Some(oldest) = oldest.map(|(email, _)| email.clone()) {
                failed.remove(&oldest);
            }
        }
        failed.entry(email.clone()).or_default().reserve(now, rule)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn addresses_of_strangers_do_not_end_the_lockout_of_another() {
        let rule = LockoutRule { max_attempts: 1, lockout: Duration::from_mins(5) };
        let lockout = UnknownEmailLockout::default();
        let reserve = |name: &str, second: i64| {
            let email = format!("{name}@example.org").parse().unwrap();
            lockout.reserve(&email, Timestamp::from_secs(second), rule)
        };
        assert_eq!(reserve("early", 0), Ok(()));
        assert_eq!(reserve("ana", 1), Ok(()));

        for number in 0..MAX_EMAILS - 1 {
            assert_eq!(reserve(&format!("stranger-{number}"), 2), Ok(()));
        }

        assert!(reserve("ana", 3).is_err());
        assert_eq!(reserve("early", 3), Ok(()), "the oldest one was forgotten");
    }
}
