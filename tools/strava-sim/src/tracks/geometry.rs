//! Distances, positions and heights.

use std::ops::RangeInclusive;

/// A circle on the ground, such as a privacy zone.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Circle {
    /// Latitude and longitude in degrees.
    pub(crate) centre: [f64; 2],
    pub(crate) radius_m: f64,
}

impl Circle {
    /// Indexes from the first to the last position outside the circle; `None` if all are inside.
    pub(crate) fn span_outside(&self, path: &[[f64; 2]]) -> Option<RangeInclusive<usize>> {
        let outside = |position: &[f64; 2]| metres_between(*position, self.centre) > self.radius_m;
        Some(path.iter().position(outside)?..=path.iter().rposition(outside)?)
    }
}

/// Metres between two positions on a sphere.
pub(super) fn metres_between(a: [f64; 2], b: [f64; 2]) -> f64 {
    let (lat_a, lat_b) = (a[0].to_radians(), b[0].to_radians());
    let half_lat = ((lat_b - lat_a) / 2.0).sin();
    let half_lng = ((b[1] - a[1]).to_radians() / 2.0).sin();
    let part = half_lat * half_lat + lat_a.cos() * lat_b.cos() * half_lng * half_lng;
    2.0 * 6_371_000.0 * part.sqrt().min(1.0).asin()
}

/// Positions at fractions of a path's length.
pub(crate) fn positions_along(path: &[[f64; 2]], fractions: &[f64]) -> Vec<[f64; 2]> {
    let mut lengths = vec![0.0];
    let mut total = 0.0;
    for pair in path.windows(2) {
        total += metres_between(pair[0], pair[1]);
        lengths.push(total);
    }
    fractions
        .iter()
        .map(|fraction| {
            let target = fraction * total;
            let next = lengths.partition_point(|length| *length < target).clamp(1, path.len() - 1);
            let span = lengths[next] - lengths[next - 1];
            let share = if span > 0.0 {
                ((target - lengths[next - 1]) / span).clamp(0.0, 1.0)
            } else {
                0.0
            };
            let mix = |axis: usize| {
                path[next - 1][axis] + (path[next][axis] - path[next - 1][axis]) * share
            };
            [round(mix(0), 6), round(mix(1), 6)]
        })
        .collect()
}

/// Metres climbed, counting rises of two metres and more.
pub(crate) fn elevation_gain(altitude: &[f64]) -> f64 {
    let mut total = 0.0;
    let mut low = altitude.first().copied().unwrap_or(0.0);
    for height in altitude {
        if *height - low >= 2.0 {
            total += height - low;
            low = *height;
        } else if *height < low {
            low = *height;
        }
    }
    total
}

/// Rounds to a number of decimals.
pub(crate) fn round(value: f64, decimals: i32) -> f64 {
    let scale = 10f64.powi(decimals);
    (value * scale).round() / scale
}
