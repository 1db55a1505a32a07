//! How long to wait before looking again.

use std::time::Duration;

use kernel::Timestamp;

const MINUTE: u64 = 60;

/// An activity that was never seen may not be readable yet; a tombstone is looked at again likewise.
const NOT_READABLE: [u64; 3] = [5 * MINUTE, 15 * MINUTE, 45 * MINUTE];
/// Streams are mostly there within a minute, sometimes within the hour.
const STREAMS: [u64; 5] = [15, MINUTE, 5 * MINUTE, 15 * MINUTE, 45 * MINUTE];

/// When to look again for an activity after this many looks; none: it is settled.
pub(crate) fn after_not_found(looks: i64) -> Option<Duration> {
    nth(&NOT_READABLE, looks)
}

/// When to ask again for streams after this many looks; none: there will be none.
pub(crate) fn after_no_streams(looks: i64) -> Option<Duration> {
    nth(&STREAMS, looks)
}

/// When Strava's current quarter of an hour ends.
pub(crate) fn next_window(now: Timestamp) -> Timestamp {
    const WINDOW_S: i64 = 15 * 60;
    Timestamp::from_secs((now.as_secs().div_euclid(WINDOW_S) + 1) * WINDOW_S)
}

fn nth(waits: &[u64], looks: i64) -> Option<Duration> {
    let wait = waits.get(usize::try_from(looks).ok()?)?;
    Some(Duration::from_secs(*wait))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_read_is_tried_after_5_15_and_45_minutes() {
        let minutes: Vec<_> =
            (0..4).map(|looks| after_not_found(looks).map(|wait| wait.as_secs() / 60)).collect();

        assert_eq!(minutes, [Some(5), Some(15), Some(45), None]);
    }

    #[test]
    fn a_window_ends_at_the_quarter() {
        assert_eq!(next_window(Timestamp::from_secs(0)).as_secs(), 900);
        assert_eq!(next_window(Timestamp::from_secs(899)).as_secs(), 900);
        assert_eq!(next_window(Timestamp::from_secs(900)).as_secs(), 1_800);
    }
}
