//! How long to wait before the next try.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(30);
/// The longest wait for what was away, once anything was handled again.
pub(crate) const BACK: Duration = Duration::from_millis(500);

/// After the `n`-th time in a row that something was away: 0.1, 0.2, 0.4 … 30 s.
pub(crate) fn away(n: u32) -> Duration {
    grown(2, n)
}

/// After the `n`-th failure: 0.1, 0.4, 1.6, 6.4 … 30 s.
pub(crate) fn failed(n: u32) -> Duration {
    grown(4, n)
}

fn grown(factor: u32, n: u32) -> Duration {
    FIRST.saturating_mul(factor.saturating_pow(n.saturating_sub(1))).min(LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_thirty_seconds_and_no_further() {
        assert_eq!(away(1), Duration::from_millis(100));
        assert_eq!(away(4), Duration::from_millis(800));
        assert_eq!(away(u32::MAX), LONGEST);
        assert_eq!(failed(3), Duration::from_millis(1_600));
        assert_eq!(failed(40), LONGEST);
    }
}
