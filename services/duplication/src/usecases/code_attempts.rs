//! Wrong codes, counted for each caller: guessing must not pay.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use kernel::{AthleteId, Timestamp};

/// Maximum number of wrong codes of a caller within [`WINDOW`].
const MAX_ATTEMPTS: u32 = 10;
const WINDOW: Duration = Duration::from_hours(1);
/// Maximum number of callers that are remembered; beyond it the one that began longest ago is forgotten.
const MAX_CALLERS: usize = 10_000;

#[derive(Clone, Copy, Debug)]
struct Attempts {
    count: u32,
    since: Timestamp,
}

/// The wrong codes of callers.
#[derive(Debug, Default)]
pub(crate) struct CodeAttempts(Mutex<HashMap<AthleteId, Attempts>>);

impl CodeAttempts {
    /// Counts an attempt as wrong, before its code is looked up: so attempts at the same time count as well.
    ///
    /// # Errors
    ///
    /// Fails with the instant from which the caller may try again.
    pub(crate) fn reserve(&self, caller: AthleteId, now: Timestamp) -> Result<(), Timestamp> {
        let mut callers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if callers.len() >= MAX_CALLERS && !callers.contains_key(&caller) {
            let oldest = callers.iter().min_by_key(|(_, attempts)| attempts.since);
            if let Some(oldest) = oldest.map(|(caller, _)| *caller) {
                callers.remove(&oldest);
            }
        }
        let attempts = callers.entry(caller).or_insert(Attempts { count: 0, since: now });
        if attempts.since.plus(WINDOW) <= now {
            *attempts = Attempts { count: 0, since: now };
        }
        if attempts.count >= MAX_ATTEMPTS {
            return Err(attempts.since.plus(WINDOW));
        }
        attempts.count += 1;
        Ok(())
    }

    /// Takes back an attempt whose code was right.
    pub(crate) fn release(&self, caller: AthleteId) {
        let mut callers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(attempts) = callers.get_mut(&caller) {
            attempts.count = attempts.count.saturating_sub(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use kernel::{Ids, SystemIds};

    use super::*;

    #[test]
    fn a_caller_with_too_many_wrong_codes_waits_and_no_other_does() {
        let attempts = CodeAttempts::default();
        let start = Timestamp::from_secs(1000);
        let caller = || AthleteId::from_uuid(SystemIds.uuid_v7(start));
        let (guesser, other) = (caller(), caller());
        for _ in 0..MAX_ATTEMPTS {
            attempts.reserve(guesser, start).unwrap();
            attempts.reserve(other, start).unwrap();
            attempts.release(other);
        }
        assert_eq!(attempts.reserve(guesser, start), Err(start.plus(WINDOW)));
        assert_eq!(attempts.reserve(other, start), Ok(()));
        assert_eq!(attempts.reserve(guesser, start.plus(WINDOW)), Ok(()));
    }
}
