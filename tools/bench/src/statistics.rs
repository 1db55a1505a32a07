//! Medians and percentiles.

use std::time::Duration;

/// The median; 0 without numbers.
pub(crate) fn median(numbers: &[f64]) -> f64 {
    let mut sorted = numbers.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => 0.0,
        count if count % 2 == 1 => sorted[middle],
        _ => f64::midpoint(sorted[middle - 1], sorted[middle]),
    }
}

/// The percentile in milliseconds, by nearest rank; `fraction` is 0.99 for p99. 0 without times.
pub(crate) fn percentile_ms(times: &[Duration], fraction: f64) -> f64 {
    let mut sorted = times.to_vec();
    sorted.sort();
    let rank = (fraction * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).map_or(0.0, |time| time.as_secs_f64() * 1000.0)
}

/// p50, p99 and maximum, in milliseconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LatencySummary {
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    pub(crate) max: f64,
}

impl LatencySummary {
    /// Summarizes measured times.
    pub(crate) fn from_times(times: &[Duration]) -> Self {
        Self {
            p50: percentile_ms(times, 0.50),
            p99: percentile_ms(times, 0.99),
            max: percentile_ms(times, 1.0),
        }
    }

    /// Returns true if both goals are met.
    pub(crate) fn meets(&self, p50: f64, p99: f64) -> bool {
        self.p50 <= p50 && self.p99 <= p99
    }
}

impl std::fmt::Display for LatencySummary {
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
        let summary = LatencySummary::from_times(&times);
        assert!((summary.p50 - 50.0).abs() < 1e-9);
        assert!((summary.p99 - 99.0).abs() < 1e-9);
        assert!((summary.max - 100.0).abs() < 1e-9);
        assert!(summary.meets(50.0, 99.0) && !summary.meets(50.0, 98.0));
    }
}
