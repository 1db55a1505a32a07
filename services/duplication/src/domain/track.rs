//! The recorded samples of one activity, ready to be written to a file.

use std::ops::RangeInclusive;

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
        const ANY: RangeInclusive<i64> = i64::MIN..=i64::MAX;
        self.seconds.iter().enumerate().map(move |(index, second)| {
            let value = |series: &[i64], allowed: RangeInclusive<i64>| {
                series.get(index).copied().filter(|value| allowed.contains(value))
            };
            let offset_us = second.saturating_mul(1_000_000);
            Sample {
                at: Timestamp::from_micros(start.as_micros().saturating_add(offset_us)),
                position_e7: value(&self.latitude_e7, -900_000_000..=900_000_000)
                    .zip(value(&self.longitude_e7, -1_800_000_000..=1_800_000_000)),
                distance_dm: value(&self.distance_dm, 0..=i64::MAX),
                altitude_dm: value(&self.altitude_dm, ANY),
                speed_mm_s: value(&self.speed_mm_s, 0..=i64::MAX),
                heart_rate: value(&self.heart_rate, 1..=255),
                cadence: value(&self.cadence, 0..=254),
                watts: (self.watts.get(index).copied().flatten())
                    .filter(|watts| (0..=65_535).contains(watts)),
            }
        })
    }
}
