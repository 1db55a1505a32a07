//! Attempts to sign in that no table of the database counts: those of one client with one address, and those with
//! addresses that have no account. The latter are locked like any other, or the lock itself would reveal which
//! addresses have one.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};

use kernel::Timestamp;

use crate::domain::lockout::{FailedSignIns, LockoutRule};

/// Maximum number of keys that are remembered; beyond it the one whose count is oldest is forgotten.
const MAX_KEYS: usize = 10_000;

/// The attempts of each key.
#[derive(Debug)]
pub(crate) struct AttemptTable<K>(Mutex<HashMap<K, FailedSignIns>>);

impl<K> Default for AttemptTable<K> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Clone + Eq + Hash> AttemptTable<K> {
    /// Counts an attempt as failed.
    ///
    /// # Errors
    ///
    /// Fails with the instant until which the key is locked.
    pub(crate) fn reserve(
        &self,
        key: &K,
        now: Timestamp,
        rule: LockoutRule,
    ) -> Result<(), Timestamp> {
        let mut failed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if failed.len() >= MAX_KEYS && !failed.contains_key(key) {
            let oldest = failed.iter().min_by_key(|(_, failed)| failed.first_at_us);
            if let Some(oldest) = oldest.map(|(key, _)| key.clone()) {
                failed.remove(&oldest);
            }
        }
        failed.entry(key.clone()).or_default().reserve(now, rule)
    }

    /// Forgets the attempts of a key.
    pub(crate) fn reset(&self, key: &K) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn keys_of_strangers_do_not_end_the_lock_of_another() {
        let rule = LockoutRule { max_attempts: 1, lockout: Duration::from_mins(5) };
        let table = AttemptTable::default();
        let reserve = |name: &str, second: i64| {
            table.reserve(&name.to_owned(), Timestamp::from_secs(second), rule)
        };
        assert_eq!(reserve("early", 0), Ok(()));
        assert_eq!(reserve("ana", 1), Ok(()));

        for number in 0..MAX_KEYS - 1 {
            assert_eq!(reserve(&format!("stranger-{number}"), 2), Ok(()));
        }

        assert!(reserve("ana", 3).is_err());
        assert_eq!(reserve("early", 3), Ok(()), "the oldest one was forgotten");
    }

    #[test]
    fn a_key_that_is_reset_starts_anew() {
        let rule = LockoutRule { max_attempts: 1, lockout: Duration::from_mins(5) };
        let (table, now) = (AttemptTable::default(), Timestamp::from_secs(1));
        assert_eq!(table.reserve(&"ana", now, rule), Ok(()));

        table.reset(&"ana");

        assert_eq!(table.reserve(&"ana", now, rule), Ok(()));
    }
}
