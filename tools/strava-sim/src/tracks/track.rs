//! A parsed recording: points, laps and totals.

/// One recorded moment.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct TrackPoint {
    pub(crate) time_s: f64,
    pub(crate) position: Option<[f64; 2]>,
    pub(crate) altitude: Option<f64>,
    pub(crate) distance: Option<f64>,
    pub(crate) heartrate: Option<i64>,
    pub(crate) cadence: Option<i64>,
    pub(crate) watts: Option<i64>,
    pub(crate) temp: Option<i64>,
}

/// A lap the device made.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Lap {
    pub(crate) start_s: f64,
    pub(crate) elapsed_s: f64,
    pub(crate) distance: Option<f64>,
}

/// A parsed recording.
#[derive(Clone, Debug, Default)]
pub(crate) struct Track {
    pub(crate) sport: Option<&'static str>,
    pub(crate) name: Option<String>,
    pub(crate) device: Option<String>,
    pub(crate) points: Vec<TrackPoint>,
    pub(crate) laps: Vec<Lap>,
    pub(crate) start_s: Option<f64>,
    pub(crate) elapsed_s: Option<f64>,
    pub(crate) timer_s: Option<f64>,
    pub(crate) distance: Option<f64>,
    pub(crate) ascent: Option<f64>,
    pub(crate) calories: Option<f64>,
    /// Number of points left out because they carry no time.
    pub(crate) untimed: usize,
}

impl Track {
    /// Adds a finished point; without a time it only counts as untimed.
    pub(super) fn add_point(&mut self, point: TrackPoint, timed: bool) {
        if timed {
            self.points.push(point);
        } else {
            self.untimed += 1;
        }
    }
}

/// The reason a file became no activity; the texts are Strava's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TrackError {
    #[error("Time information is missing from file.")]
    NoTime,
    #[error(
        "The upload appears to be malformed and we are unable to process it. Please ensure that your file is in the correct format."
    )]
    Malformed,
    #[error("The file is empty.")]
    Empty,
}
