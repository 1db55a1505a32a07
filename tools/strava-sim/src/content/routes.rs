//! Round courses for synthetic activities.

use crate::tracks::polyline;

/// An encoded round course of about so many metres that begins and ends at `home`.
pub(super) fn round_course(home: [f64; 2], metres: f64, bearing: f64) -> (String, [f64; 2]) {
    const CORNERS: usize = 36;
    let radius = metres / std::f64::consts::TAU;
    let metres_per_lng = 111_320.0 * home[0].to_radians().cos();
    let centre = [
        home[0] + radius * bearing.cos() / 110_540.0,
        home[1] + radius * bearing.sin() / metres_per_lng,
    ];
    let points: Vec<[f64; 2]> = (0..=CORNERS)
        .map(|corner| {
            let angle = bearing
                + std::f64::consts::PI
                + corner as f64 / CORNERS as f64 * std::f64::consts::TAU;
            [
                centre[0] + radius * angle.cos() / 110_540.0,
                centre[1] + radius * angle.sin() / metres_per_lng,
            ]
        })
        .collect();
    let start = points[0].map(|axis| (axis * 1e5).round() / 1e5);
    (polyline::encode(&points), start)
}
