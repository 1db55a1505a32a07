//! Failed sign-ins with addresses that have no account: they are locked out like any other, or the
//! lockout itself would reveal which addresses have one.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use kernel::Timestamp;

use crate::domain::account::Email;
use crate::domain::lockout::FailedSignIns;

/// Maximum number of addresses that are remembered; beyond it all are forgotten.
const MAX_EMAILS: usize = 10_000;

/// The failed sign-ins of addresses without an account.
#[derive(Debug, Default)]
pub(crate) struct UnknownEmailLockout(Mutex<HashMap<Email, FailedSignIns>>);

impl UnknownEmailLockout {
    /// Returns the instant until which the address is locked out, if it is.
    pub(crate) fn locked_until(
        &self,
        email: &Email,
        now: Timestamp,
        max_attempts: i64,
        lockout: Duration,
    ) -> Option<Timestamp> {
        let failed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        failed.get(email)?.locked_until(now, max_attempts, lockout)
    }

    /// Records a failed sign-in.
    pub(crate) fn record_failure(&self, email: &Email, now: Timestamp) {
        let mut failed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if failed.len() >= MAX_EMAILS && !failed.contains_key(email) {
            failed.clear();
        }
        let entry = failed.entry(email.clone()).or_default();
        entry.count += 1;
        entry.last_at_us = now.as_micros();
    }
}
