//! Delays before the next attempt.

use std::time::Duration;

const INITIAL_DELAY: Duration = Duration::from_millis(100);
const MAX_DELAY: Duration = Duration::from_secs(30);
/// Maximum remaining delay of records that wait for a dependency, once any record was handled again.
pub(crate) const MAX_DELAY_AFTER_RECOVERY: Duration = Duration::from_millis(500);

/// Delay after the `n`-th consecutive outage: 0.1, 0.2, 0.4 … 30 s.
pub(crate) fn outage_delay(n: u32) -> Duration {
    exponential_delay(2, n)
}

/// Delay after the `n`-th failure: 0.1, 0.4, 1.6, 6.4 … 30 s.
pub(crate) fn failure_delay(n: u32) -> Duration {
    exponential_delay(4, n)
}

fn exponential_delay(factor: u32, n: u32) -> Duration {
    INITIAL_DELAY.saturating_mul(factor.saturating_pow(n.saturating_sub(1))).min(MAX_DELAY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_grow_to_thirty_seconds_and_no_further() {
        assert_eq!(outage_delay(1), Duration::from_millis(100));
        assert_eq!(outage_delay(4), Duration::from_millis(800));
        assert_eq!(outage_delay(u32::MAX), MAX_DELAY);
        assert_eq!(failure_delay(3), Duration::from_millis(1_600));
        assert_eq!(failure_delay(40), MAX_DELAY);
    }
}
