//! Sums in whole units, decimetres and seconds, so that nothing drifts.

use std::iter::Sum;
use std::ops::{Add, AddAssign};

/// The sums of some activities.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sums {
    pub(crate) count: i64,
    pub(crate) distance_dm: i64,
    pub(crate) moving_time_s: i64,
    pub(crate) elapsed_time_s: i64,
    pub(crate) elevation_gain_dm: i64,
}

impl Add for Sums {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            count: self.count.saturating_add(other.count),
            distance_dm: self.distance_dm.saturating_add(other.distance_dm),
            moving_time_s: self.moving_time_s.saturating_add(other.moving_time_s),
            elapsed_time_s: self.elapsed_time_s.saturating_add(other.elapsed_time_s),
            elevation_gain_dm: self.elevation_gain_dm.saturating_add(other.elevation_gain_dm),
        }
    }
}

impl AddAssign for Sums {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sum for Sums {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), Add::add)
    }
}
