//! Streams made to fit a summary, for activities of which only the summary is known.

use super::streams::Streams;
use super::{metres_between, round};

/// What the streams have to add up to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    pub(crate) distance: f64,
    pub(crate) moving_s: i64,
    pub(crate) elapsed_s: i64,
    /// The way; empty indoors.
    pub(crate) path: Vec<[f64; 2]>,
    pub(crate) altitude: Option<[f64; 2]>,
    pub(crate) gain: f64,
    pub(crate) heartrate: Option<[f64; 2]>,
    pub(crate) cadence: Option<f64>,
    pub(crate) watts: Option<f64>,
    pub(crate) temp: Option<i64>,
}

/// One thousand points or one a second, whichever is fewer.
const POINTS: i64 = 1000;

impl Plan {
    /// Builds the streams.
    pub(crate) fn streams(&self) -> Streams {
        let moving = self.moving_s.max(1);
        let step = (moving / POINTS).max(1);
        let pause = (self.elapsed_s - moving).max(0);
        let paused_at = moving * 3 / 5 / step * step;
        let mut ticks: Vec<(i64, i64)> = Vec::new();
        let mut at = 0;
        while at < moving {
            let shift = if at > paused_at { pause } else { 0 };
            ticks.push((at, at + shift));
            if at == paused_at && pause > 0 {
                ticks.push((at, at + pause));
            }
            at += step;
        }
        ticks.push((moving, moving + pause));
        let mut streams =
            Streams { time: ticks.iter().map(|(_, clock)| *clock).collect(), ..Streams::default() };
        let fractions: Vec<f64> =
            ticks.iter().map(|(gone, _)| self.fraction(*gone as f64 / moving as f64)).collect();
        streams.distance = fractions.iter().map(|part| round(part * self.distance, 1)).collect();
        if self.path.len() > 1 {
            streams.latlng = Some(along(&self.path, &fractions));
        }
        streams.altitude = self
            .altitude
            .map(|range| fractions.iter().map(|part| self.height(range, *part)).collect());
        streams.derive();
        self.sensors(&mut streams, &fractions);
        // the plan knows where the pause is; thresholds of speed do not apply to it
        for index in 1..streams.time.len() {
            streams.moving[index] = ticks[index].0 > ticks[index - 1].0;
        }
        streams
    }

    fn sensors(&self, streams: &mut Streams, fractions: &[f64]) {
        let count = fractions.len();
        let wave = |index: usize, size: f64| {
            let turn = (index as f64 + (self.seed % 97) as f64) / 37.0;
            size * (turn * std::f64::consts::TAU).sin() + self.noise(index) * size / 2.0
        };
        streams.heartrate = self.heartrate.map(|[average, most]| {
            let size = ((most - average) / 2.0).clamp(0.0, 8.0);
            let peak = count * 9 / 10;
            (0..count)
                .map(
                    |index| {
                        if index == peak { most } else { (average + wave(index, size)).min(most) }
                    },
                )
                .map(|beats| beats.round() as i64)
                .collect()
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

    /// Share of the distance covered after a share of the time: never falls, ends at one.
    fn fraction(&self, time: f64) -> f64 {
        let waves = 2.0 + (self.seed % 5) as f64;
        let swing = 0.25 / (std::f64::consts::TAU * waves);
        (time + swing * (time * waves * std::f64::consts::TAU).sin()).clamp(0.0, 1.0)
    }

    fn height(&self, [low, high]: [f64; 2], part: f64) -> f64 {
        let size = (high - low).max(0.1);
        let hills = (self.gain / size).round().max(1.0);
        round(low + size * (1.0 - (part * hills * std::f64::consts::TAU).cos()) / 2.0, 1)
    }

    fn noise(&self, index: usize) -> f64 {
        let mut value = self.seed ^ (index as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        value ^= value >> 31;
        value = value.wrapping_mul(0xbf58_476d_1ce4_e5b9);
        value ^= value >> 27;
        (value % 2001) as f64 / 1000.0 - 1.0
    }
}

/// Positions at shares of a way's length.
pub(crate) fn along(path: &[[f64; 2]], fractions: &[f64]) -> Vec<[f64; 2]> {
    let mut lengths = vec![0.0];
    for pair in path.windows(2) {
        let last = lengths.last().copied().unwrap_or(0.0);
        lengths.push(last + metres_between(pair[0], pair[1]));
    }
    let total = lengths.last().copied().unwrap_or(0.0);
    fractions
        .iter()
        .map(|part| {
            let want = part * total;
            let next = lengths.partition_point(|length| *length < want).clamp(1, path.len() - 1);
            let span = lengths[next] - lengths[next - 1];
            let share =
                if span > 0.0 { ((want - lengths[next - 1]) / span).clamp(0.0, 1.0) } else { 0.0 };
            let mix = |axis: usize| {
                path[next - 1][axis] + (path[next][axis] - path[next - 1][axis]) * share
            };
            [round(mix(0), 6), round(mix(1), 6)]
        })
        .collect()
}
