//! Back-off of failed jobs.

use std::time::Duration;

/// Upper limit of the delay.
const MAX_DELAY: Duration = Duration::from_mins(30);

/// The delay after this many attempts: 2 s, 4 s, 8 s … half an hour.
pub fn backoff(attempts: i64) -> Duration {
    let doublings = u32::try_from(attempts.clamp(1, 20)).unwrap_or(20);
    Duration::from_secs(1 << doublings).min(MAX_DELAY)
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn the_delay_grows_to_at_most_half_an_hour(attempts in -5_i64..10_000) {
            proptest::prop_assert!(backoff(attempts) <= backoff(attempts + 1));
            proptest::prop_assert!(backoff(attempts) >= Duration::from_secs(2) && backoff(attempts) <= MAX_DELAY);
        }
    }
}
