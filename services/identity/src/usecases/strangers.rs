//! Failed sign-ins with addresses that have no account: they are slowed down like any other, or the
//! lock itself would tell which addresses have one.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use kernel::Timestamp;

use crate::domain::account::Email;
use crate::domain::lockout::Failures;

/// How many addresses are remembered; a flood of them starts anew.
const MOST: usize = 10_000;

/// The failures of addresses without an account.
#[derive(Debug, Default)]
pub(crate) struct Strangers(Mutex<HashMap<Email, Failures>>);

impl Strangers {
    /// Until when the address is locked, if it is.
    pub(crate) fn locked_until(
        &self,
        email: &Email,
        now: Timestamp,
        attempts: i64,
        lockout: Duration,
    ) -> Option<Timestamp> {
        let held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.get(email).and_then(|failures| failures.locked_until(now, attempts, lockout))
    }

    /// Notes a failure.
    pub(crate) fn failed(&self, email: &Email, now: Timestamp) {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if held.len() >= MOST && !held.contains_key(email) {
            held.clear();
        }
        let failures = held.entry(email.clone()).or_default();
        failures.count += 1;
        failures.last_at_us = now.as_micros();
    }
}
