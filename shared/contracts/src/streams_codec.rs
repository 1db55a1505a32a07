//! Streams as plain vectors, and the packed, delta-coded message they are kept as.

use prost::Message;

use crate::streams::Streams;

/// All streams of one activity. A stream the activity lacks is empty; all others are equally long and share their
/// index.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StreamSet {
    /// Seconds since the start.
    pub time_s: Vec<i64>,
    /// Decimetres since the start.
    pub distance_dm: Vec<i64>,
    /// Degrees north, times 10^7.
    pub latitude_e7: Vec<i64>,
    /// Degrees east, times 10^7.
    pub longitude_e7: Vec<i64>,
    /// Decimetres above the sea.
    pub altitude_dm: Vec<i64>,
    /// Millimetres a second, smoothed.
    pub velocity_mm_s: Vec<i64>,
    /// Beats a minute.
    pub heartrate_bpm: Vec<i64>,
    /// Turns a minute; for runs per leg, as Strava has it.
    pub cadence_rpm: Vec<i64>,
    /// Watts; `None` where the source had no value.
    pub watts: Vec<Option<i64>>,
    /// Degrees Celsius.
    pub temperature_c: Vec<i64>,
    /// Tenths of a per cent.
    pub grade_e1: Vec<i64>,
    /// Whether the athlete moved.
    pub moving: Vec<bool>,
}

/// Why these are no streams.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum StreamsCodecError {
    /// Not the message at all.
    #[error("the object is no streams message")]
    NotStreams(#[from] prost::DecodeError),
    /// One stream is shorter or longer than the others.
    #[error("stream {kind} has {found} points where the activity has {points}")]
    LengthMismatch {
        /// Which stream.
        kind: &'static str,
        /// How long it is.
        found: usize,
        /// How long all are.
        points: usize,
    },
    /// More points than the message can number.
    #[error("{0} points are too many")]
    TooManyPoints(usize),
    /// A missing value lies outside the stream.
    #[error("missing value {index} lies outside of {points} points")]
    MissingOutOfRange {
        /// Where it says it is.
        index: u32,
        /// How long the stream is.
        points: usize,
    },
}

impl StreamSet {
    /// How many points the activity has.
    pub fn points(&self) -> usize {
        self.lengths().into_iter().map(|(_, length)| length).max().unwrap_or(0)
    }

    /// Whether there is nothing at all.
    pub fn is_empty(&self) -> bool {
        self.points() == 0
    }

    /// The streams there are, by Strava's names.
    pub fn kinds(&self) -> Vec<&'static str> {
        let present = self.lengths().into_iter().filter(|(_, length)| *length > 0);
        let mut kinds: Vec<_> = present.map(|(kind, _)| kind).collect();
        kinds.dedup(); // latitude and longitude are both "latlng"
        kinds
    }

    /// The packed message.
    ///
    /// # Errors
    ///
    /// When the streams are not equally long.
    pub fn encode(&self) -> Result<Vec<u8>, StreamsCodecError> {
        let points = self.points();
        self.check(points)?;
        let known: Vec<i64> = self.watts.iter().map(|value| value.unwrap_or(0)).collect();
        let missing = self.watts.iter().enumerate().filter(|(_, value)| value.is_none());
        let message = Streams {
            points: u32::try_from(points)
                .map_err(|_too_many| StreamsCodecError::TooManyPoints(points))?,
            time_s: deltas(&self.time_s),
            distance_dm: deltas(&self.distance_dm),
            latitude_e7: deltas(&self.latitude_e7),
            longitude_e7: deltas(&self.longitude_e7),
            altitude_dm: deltas(&self.altitude_dm),
            velocity_mm_s: deltas(&self.velocity_mm_s),
            heartrate_bpm: deltas(&self.heartrate_bpm),
            cadence_rpm: deltas(&self.cadence_rpm),
            watts: deltas(&known),
            temperature_c: deltas(&self.temperature_c),
            grade_e1: deltas(&self.grade_e1),
            moving: self.moving.clone(),
            watts_missing: missing.map(|(index, _)| index as u32).collect(),
        };
        Ok(message.encode_to_vec())
    }

    /// The streams in a packed message.
    ///
    /// # Errors
    ///
    /// When the bytes are no such message, or its streams are not equally long.
    pub fn decode(bytes: &[u8]) -> Result<Self, StreamsCodecError> {
        let message = Streams::decode(bytes)?;
        let mut watts: Vec<Option<i64>> = sums(&message.watts).into_iter().map(Some).collect();
        let points = watts.len();
        for index in message.watts_missing {
            let value = watts
                .get_mut(index as usize)
                .ok_or(StreamsCodecError::MissingOutOfRange { index, points })?;
            *value = None;
        }
        let set = Self {
            time_s: sums(&message.time_s),
            distance_dm: sums(&message.distance_dm),
            latitude_e7: sums(&message.latitude_e7),
            longitude_e7: sums(&message.longitude_e7),
            altitude_dm: sums(&message.altitude_dm),
            velocity_mm_s: sums(&message.velocity_mm_s),
            heartrate_bpm: sums(&message.heartrate_bpm),
            cadence_rpm: sums(&message.cadence_rpm),
            watts,
            temperature_c: sums(&message.temperature_c),
            grade_e1: sums(&message.grade_e1),
            moving: message.moving,
        };
        set.check(message.points as usize)?;
        Ok(set)
    }

    fn check(&self, points: usize) -> Result<(), StreamsCodecError> {
        for (kind, found) in self.lengths() {
            if found != 0 && found != points {
                return Err(StreamsCodecError::LengthMismatch { kind, found, points });
            }
        }
        if self.latitude_e7.len() != self.longitude_e7.len() {
            return Err(StreamsCodecError::LengthMismatch {
                kind: "latlng",
                found: self.longitude_e7.len(),
                points,
            });
        }
        Ok(())
    }

    fn lengths(&self) -> [(&'static str, usize); 12] {
        [
            ("time", self.time_s.len()),
            ("distance", self.distance_dm.len()),
            ("latlng", self.latitude_e7.len()),
            ("latlng", self.longitude_e7.len()),
            ("altitude", self.altitude_dm.len()),
            ("velocity_smooth", self.velocity_mm_s.len()),
            ("heartrate", self.heartrate_bpm.len()),
            ("cadence", self.cadence_rpm.len()),
            ("watts", self.watts.len()),
            ("temp", self.temperature_c.len()),
            ("grade_smooth", self.grade_e1.len()),
            ("moving", self.moving.len()),
        ]
    }
}

/// The first value as it is, then differences. Wrapping, so that any integer makes the round trip.
fn deltas(values: &[i64]) -> Vec<i64> {
    let mut last = 0_i64;
    let differences = values.iter().map(|value| {
        let delta = value.wrapping_sub(last);
        last = *value;
        delta
    });
    differences.collect()
}

fn sums(deltas: &[i64]) -> Vec<i64> {
    let mut last = 0_i64;
    let values = deltas.iter().map(|delta| {
        last = last.wrapping_add(*delta);
        last
    });
    values.collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn column(points: usize) -> impl Strategy<Value = Vec<i64>> {
        prop_oneof![Just(Vec::new()), prop::collection::vec(any::<i64>(), points)]
    }

    fn sets() -> impl Strategy<Value = StreamSet> {
        (1_usize..40).prop_flat_map(|points| {
            let watts =
                prop_oneof![Just(Vec::new()), prop::collection::vec(any::<Option<i64>>(), points)];
            let moving =
                prop_oneof![Just(Vec::new()), prop::collection::vec(any::<bool>(), points)];
            let columns =
                (column(points), column(points), column(points), column(points), column(points));
            (columns, watts, moving).prop_map(|((a, b, c, d, e), watts, moving)| StreamSet {
                time_s: a,
                latitude_e7: b.clone(),
                longitude_e7: b,
                altitude_dm: c,
                heartrate_bpm: d,
                grade_e1: e,
                watts,
                moving,
                ..StreamSet::default()
            })
        })
    }

    proptest! {
        #[test]
        fn streams_read_back_what_was_written(set in sets()) {
            prop_assert_eq!(StreamSet::decode(&set.encode().unwrap()), Ok(set));
        }

        #[test]
        fn any_bytes_are_read_or_refused_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _either = StreamSet::decode(&bytes);
        }
    }

    #[test]
    fn streams_of_different_lengths_are_refused() {
        let set = StreamSet { time_s: vec![0, 1], heartrate_bpm: vec![90], ..StreamSet::default() };

        assert_eq!(
            set.encode(),
            Err(StreamsCodecError::LengthMismatch { kind: "heartrate", found: 1, points: 2 })
        );
    }

    #[test]
    fn a_latitude_without_its_longitude_is_refused() {
        let set = StreamSet { latitude_e7: vec![1, 2], ..StreamSet::default() };

        assert_eq!(
            set.encode(),
            Err(StreamsCodecError::LengthMismatch { kind: "latlng", found: 0, points: 2 })
        );
    }

    #[test]
    fn kinds_are_named_as_strava_names_them() {
        let set = StreamSet {
            time_s: vec![0],
            latitude_e7: vec![1],
            longitude_e7: vec![1],
            moving: vec![true],
            ..StreamSet::default()
        };

        assert_eq!(set.kinds(), ["time", "latlng", "moving"]);
    }
}
