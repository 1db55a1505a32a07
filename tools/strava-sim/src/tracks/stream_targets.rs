//! Streams made to fit a summary, for activities of which only the summary is known.

use super::geometry::{positions_along, round};
use super::streams::Streams;

/// Totals and means that synthetic streams add up to.
#[derive(Clone, Debug, Default)]
pub(crate) struct StreamTargets {
    pub(crate) seed: u64,
    pub(crate) distance: f64,
    pub(crate) moving_s: i64,
    pub(crate) elapsed_s: i64,
    /// Positions of the course; empty indoors.
    pub(crate) path: Vec<[f64; 2]>,
    /// Lowest and highest, in metres.
    pub(crate) altitude: Option<[f64; 2]>,
    pub(crate) gain: f64,
    /// Mean and maximum.
    pub(crate) heartrate: Option<[f64; 2]>,
    pub(crate) cadence: Option<f64>,
    pub(crate) watts: Option<f64>,
    pub(crate) temp: Option<i64>,
}

/// Number of steps aimed at; shorter activities get one a second.
const TARGET_STEPS: i64 = 1000;

impl StreamTargets {
    /// Builds the streams.
    pub(crate) fn build_streams(&self) -> Streams {
        let moving = self.moving_s.max(1);
        let step = (moving / TARGET_STEPS).max(1);
        let pause = (self.elapsed_s - moving).max(0);
        let paused_at = moving * 3 / 5 / step * step;
        // seconds moved, and seconds since the start
        let mut ticks: Vec<(i64, i64)> = Vec::new();
        for moved in (0..moving).step_by(step as usize) {
            let shift = if moved > paused_at { pause } else { 0 };
            ticks.push((moved, moved + shift));
            if moved == paused_at && pause > 0 {
                ticks.push((moved, moved + pause));
            }
        }
        ticks.push((moving, moving + pause));
        let mut streams =
            Streams { time: ticks.iter().map(|(_, clock)| *clock).collect(), ..Streams::default() };
        let fractions: Vec<f64> = ticks
            .iter()
            .map(|(moved, _)| self.distance_fraction(*moved as f64 / moving as f64))
            .collect();
        streams.distance = fractions.iter().map(|part| round(part * self.distance, 1)).collect();
        if self.path.len() > 1 {
            streams.latlng = Some(positions_along(&self.path, &fractions));
        }
        streams.altitude = self
            .altitude
            .map(|range| fractions.iter().map(|part| self.height_at(range, *part)).collect());
        streams.derive_motion();
        self.add_sensors(&mut streams, &fractions);
        // the pause is known here; thresholds of speed do not apply to it
        for index in 1..streams.time.len() {
            streams.moving[index] = ticks[index].0 > ticks[index - 1].0;
        }
        streams
    }

    fn add_sensors(&self, streams: &mut Streams, fractions: &[f64]) {
        let count = fractions.len();
        let wave = |index: usize, size: f64| {
            let turn = (index as f64 + (self.seed % 97) as f64) / 37.0;
            size * (turn * std::f64::consts::TAU).sin() + self.noise_at(index) * size / 2.0
        };
        streams.heartrate = self.heartrate.map(|[average, maximum]| {
            let size = ((maximum - average) / 2.0).clamp(0.0, 8.0);
            let peak = count * 9 / 10;
            let beats = |index| {
                if index == peak { maximum } else { (average + wave(index, size)).min(maximum) }
            };
            (0..count).map(|index| beats(index).round() as i64).collect()
        });
        let around = |average: f64, size: f64, index: usize| {
            (average + wave(index, size)).max(0.0).round() as i64
        };
        streams.cadence = self
            .cadence
            .map(|average| (0..count).map(|index| around(average, 2.0, index)).collect());
        streams.watts = self
            .watts
            .map(|average| (0..count).map(|index| Some(around(average, 25.0, index))).collect());
        streams.temp = self.temp.map(|degrees| vec![degrees; count]);
    }

    /// Fraction of the distance covered after a fraction of the time; never falls, ends at one.
    fn distance_fraction(&self, time: f64) -> f64 {
        let waves = 2.0 + (self.seed % 5) as f64;
        let swing = 0.25 / (std::f64::consts::TAU * waves);
        (time + swing * (time * waves * std::f64::consts::TAU).sin()).clamp(0.0, 1.0)
    }

    fn height_at(&self, [low, high]: [f64; 2], part: f64) -> f64 {
        let size = (high - low).max(0.1);
        let hills = (self.gain / size).round().max(1.0);
        round(low + size * (1.0 - (part * hills * std::f64::consts::TAU).cos()) / 2.0, 1)
    }

    fn noise_at(&self, index: usize) -> f64 {
        let mut value = self.seed ^ (index as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        value ^= value >> 31;
        value = value.wrapping_mul(0xbf58_476d_1ce4_e5b9);
        value ^= value >> 27;
        (value % 2001) as f64 / 1000.0 - 1.0
    }
}
