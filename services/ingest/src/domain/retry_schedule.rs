//! Pauses before repeated fetches.

use std::time::Duration;

use kernel::Timestamp;

const MINUTE: u64 = 60;

/// Pauses before an activity that is not readable, a tombstone or an unconfirmed delete is fetched again (seconds).
const RECHECK_PAUSES: [u64; 3] = [5 * MINUTE, 15 * MINUTE, 45 * MINUTE];
/// Pauses before streams are fetched again (seconds): most are ready within a minute, some within the hour.
const STREAMS_PAUSES: [u64; 5] = [15, MINUTE, 5 * MINUTE, 15 * MINUTE, 45 * MINUTE];

/// Returns the pause before the activity is fetched again after this many rechecks; none after the last.
pub(crate) fn recheck_pause(rechecks: i64) -> Option<Duration> {
    nth_pause(&RECHECK_PAUSES, rechecks)
}

/// Returns the pause before streams are fetched again after this many rechecks; none after the last.
pub(crate) fn streams_pause(rechecks: i64) -> Option<Duration> {
    nth_pause(&STREAMS_PAUSES, rechecks)
}

/// Returns the end of Strava's current rate-limit window, a quarter of an hour.
pub(crate) fn next_rate_window(now: Timestamp) -> Timestamp {
    const WINDOW_S: i64 = 15 * 60;
    Timestamp::from_secs((now.as_secs().div_euclid(WINDOW_S) + 1) * WINDOW_S)
}

fn nth_pause(pauses: &[u64], rechecks: i64) -> Option<Duration> {
    let pause = pauses.get(usize::try_from(rechecks).ok()?)?;
    Some(Duration::from_secs(*pause))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_read_is_tried_after_5_15_and_45_minutes() {
        let minutes: Vec<_> =
            (0..4).map(|nth| recheck_pause(nth).map(|pause| pause.as_secs() / 60)).collect();

        assert_eq!(minutes, [Some(5), Some(15), Some(45), None]);
    }

    #[test]
    fn a_window_ends_at_the_quarter() {
        assert_eq!(next_rate_window(Timestamp::from_secs(0)).as_secs(), 900);
        assert_eq!(next_rate_window(Timestamp::from_secs(899)).as_secs(), 900);
        assert_eq!(next_rate_window(Timestamp::from_secs(900)).as_secs(), 1_800);
    }
}
