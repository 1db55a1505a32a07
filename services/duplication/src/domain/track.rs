//! The recorded samples of one activity, ready to be written to a file.

use kernel::Timestamp;

/// Name, sport and start of a recorded activity.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TrackHeader<'a> {
    pub(crate) name: &'a str,
    pub(crate) sport: &'a str,
    pub(crate) start: Timestamp,
}

/// All samples of one activity. Every series that was recorded is as long as `seconds`; one that
/// was not is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Track {
    /// Seconds since the start; a pause is a jump.
    pub(crate) seconds: Vec<i64>,
    pub(crate) distance_dm: Vec<i64>,
    pub(crate) latitude_e7: Vec<i64>,
    pub(crate) longitude_e7: Vec<i64>,
    pub(crate) altitude_dm: Vec<i64>,
    pub(crate) speed_mm_s: Vec<i64>,
    pub(crate) heart_rate: Vec<i64>,
    pub(crate) cadence: Vec<i64>,
    /// `None` where the meter gave no value.
    pub(crate) watts: Vec<Option<i64>>,
}

/// One sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sample {
    pub(crate) at: Timestamp,
    pub(crate) position_e7: Option<(i64, i64)>,
    pub(crate) distance_dm: Option<i64>,
    pub(crate) altitude_dm: Option<i64>,
    pub(crate) speed_mm_s: Option<i64>,
    pub(crate) heart_rate: Option<i64>,
    pub(crate) cadence: Option<i64>,
    pub(crate) watts: Option<i64>,
}

impl Track {
    /// Returns the track without heart rate, for links that do not share it.
    pub(crate) fn without_heart_rate(self) -> Self {
        Self { heart_rate: Vec::new(), ..self }
    }

    /// Returns true if it can be a GPX file, in which every point has a position.
    pub(crate) fn has_positions(&self) -> bool {
        !self.seconds.is_empty() && self.latitude_e7.len() == self.seconds.len()
    }

    /// Returns true if it has no sample, so that no file can be written.
    pub(crate) fn is_empty(&self) -> bool {
        self.seconds.is_empty()
    }

    /// Returns the samples in the order of recording, without values that no schema allows.
    pub(crate) fn samples(&self, start: Timestamp) -> impl Iterator<Item = Sample> + '_ {
        self.seconds.iter().enumerate().map(move |(index, second)| Sample {
            at: Timestamp::from_micros(
                start.as_micros().saturating_add(second.saturating_mul(1_000_000)),
            ),
            position_e7: self
                .latitude_e7
                .get(index)
                .zip(self.longitude_e7.get(index))
                .map(|(latitude, longitude)| (*latitude, *longitude))
                .filter(|(latitude, longitude)| {
                    latitude.abs() <= 900_000_000 && longitude.abs() <= 1_800_000_000
                }),
            distance_dm: self.distance_dm.get(index).copied().filter(|distance| *distance >= 0),
            altitude_dm: self.altitude_dm.get(index).copied(),
            speed_mm_s: self.speed_mm_s.get(index).copied().filter(|speed| *speed >= 0),
            heart_rate: self
                .heart_rate
                .get(index)
                .copied()
                .filter(|beats| (1..=255).contains(beats)),
            cadence: self.cadence.get(index).copied().filter(|turns| (0..=254).contains(turns)),
            watts: self
                .watts
                .get(index)
                .copied()
                .flatten()
                .filter(|watts| (0..=65_535).contains(watts)),
        })
    }
}
