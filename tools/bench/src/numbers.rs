//! Medians and percentiles.

use std::time::Duration;

/// The middle of some numbers; 0 of none.
pub(crate) fn median(numbers: &[f64]) -> f64 {
    let mut sorted = numbers.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match (sorted.len() % 2, sorted.get(middle)) {
        (_, None) => 0.0,
        (1, Some(one)) => *one,
        (_, Some(upper)) => {
            sorted.get(middle - 1).map_or(*upper, |lower| f64::midpoint(*lower, *upper))
        }
    }
}

/// The time that this share of all stayed within (nearest rank), in milliseconds; 0 of none.
pub(crate) fn percentile_ms(times: &[Duration], share: f64) -> f64 {
    let mut sorted = times.to_vec();
    sorted.sort();
    let rank = (share * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).map_or(0.0, |time| time.as_secs_f64() * 1000.0)
}

/// p50, p99 and the worst, in milliseconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spread {
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    pub(crate) max: f64,
}

impl Spread {
    pub(crate) fn of(times: &[Duration]) -> Self {
        Self {
            p50: percentile_ms(times, 0.50),
            p99: percentile_ms(times, 0.99),
            max: percentile_ms(times, 1.0),
        }
    }

    /// Whether both goals are kept.
    pub(crate) fn within(&self, p50: f64, p99: f64) -> bool {
        self.p50 <= p50 && self.p99 <= p99
    }
}

impl std::fmt::Display for Spread {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:.1} / {:.1} ms (worst {:.1})", self.p50, self.p99, self.max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_an_even_number_lies_between_the_middle_two() {
        assert!((median(&[4.0, 1.0, 3.0, 2.0]) - 2.5).abs() < 1e-9);
        assert!((median(&[9.0, 1.0, 2.0]) - 2.0).abs() < 1e-9);
        assert!(median(&[]).abs() < 1e-9);
    }

    #[test]
    fn a_percentile_is_a_time_that_was_measured() {
        let times: Vec<Duration> = (1..=100).rev().map(Duration::from_millis).collect();
        let spread = Spread::of(&times);
        assert!((spread.p50 - 50.0).abs() < 1e-9);
        assert!((spread.p99 - 99.0).abs() < 1e-9);
        assert!((spread.max - 100.0).abs() < 1e-9);
        assert!(spread.within(50.0, 99.0) && !spread.within(50.0, 98.0));
    }
}
