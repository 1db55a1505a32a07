//! Streams of an activity as vectors, and their packed, delta-coded message for storage.

use prost::Message;

use crate::streams::Streams;

/// All streams of one activity. A missing stream is empty; all others have the same length and share their index.
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
    /// Decimetres above sea level.
    pub altitude_dm: Vec<i64>,
    /// Millimetres per second, smoothed.
    pub velocity_mm_s: Vec<i64>,
    /// Beats per minute.
    pub heartrate_bpm: Vec<i64>,
    /// Revolutions per minute; for runs per leg, as at Strava.
    pub cadence_rpm: Vec<i64>,
    /// Watts; `None` where the source had no value.
    pub watts: Vec<Option<i64>>,
    /// Degrees Celsius.
    pub temperature_c: Vec<i64>,
    /// Tenths of a percent.
    pub grade_e1: Vec<i64>,
    /// True while the athlete moved.
    pub moving: Vec<bool>,
}

/// The reason why streams could not be encoded or decoded.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum StreamsCodecError {
    /// Not a streams message.
    #[error("the object is not a streams message")]
    NotStreams(#[from] prost::DecodeError),
    /// One stream is shorter or longer than the others.
    #[error("stream {kind} has {length} points where the activity has {points}")]
    LengthMismatch {
        /// The stream.
        kind: &'static str,
        /// Its number of points.
        length: usize,
        /// The activity's number of points.
        points: usize,
    },
    /// More points than the message can count.
    #[error("{0} points are too many")]
    TooManyPoints(usize),
    /// The index of a missing value lies outside the stream.
    #[error("missing value {index} lies outside of {points} points")]
    MissingOutOfRange {
        /// The index.
        index: u32,
        /// The stream's number of points.
        points: usize,
    },
}

impl StreamSet {
    /// Returns the number of points.
    pub fn points(&self) -> usize {
        self.lengths().into_iter().map(|(_, length)| length).max().unwrap_or(0)
    }

    /// Returns true if all streams are empty.
    pub fn is_empty(&self) -> bool {
        self.points() == 0
    }

    /// Returns Strava's names of the streams that are not empty.
    pub fn kinds(&self) -> Vec<&'static str> {
        let present = self.lengths().into_iter().filter(|(_, length)| *length > 0);
        let mut kinds: Vec<_> = present.map(|(kind, _)| kind).collect();
        kinds.dedup(); // latitude and longitude are both "latlng"
        kinds
    }

    /// Encodes the streams as the packed message.
    ///
    /// # Errors
    ///
    /// If the streams differ in length.
    pub fn encode(&self) -> Result<Vec<u8>, StreamsCodecError> {
        let points = self.points();
        self.check_lengths(points)?;
        let known: Vec<i64> = self.watts.iter().map(|value| value.unwrap_or(0)).collect();
        let missing = self.watts.iter().enumerate().filter(|(_, value)| value.is_none());
        let message = Streams {
            points: u32::try_from(points)
                .map_err(|_too_many| StreamsCodecError::TooManyPoints(points))?,
            time_s: encode_deltas(&self.time_s),
            distance_dm: encode_deltas(&self.distance_dm),
            latitude_e7: encode_deltas(&self.latitude_e7),
            longitude_e7: encode_deltas(&self.longitude_e7),
            altitude_dm: encode_deltas(&self.altitude_dm),
            velocity_mm_s: encode_deltas(&self.velocity_mm_s),
            heartrate_bpm: encode_deltas(&self.heartrate_bpm),
            cadence_rpm: encode_deltas(&self.cadence_rpm),
            watts: encode_deltas(&known),
            temperature_c: encode_deltas(&self.temperature_c),
            grade_e1: encode_deltas(&self.grade_e1),
            moving: self.moving.clone(),
            watts_missing: missing.map(|(index, _)| index as u32).collect(),
        };
        Ok(message.encode_to_vec())
    }

    /// Decodes a packed message.
    ///
    /// # Errors
    ///
    /// If the bytes are not such a message, or its streams differ in length.
    pub fn decode(bytes: &[u8]) -> Result<Self, StreamsCodecError> {
        let message = Streams::decode(bytes)?;
        let mut watts: Vec<Option<i64>> =
            decode_deltas(&message.watts).into_iter().map(Some).collect();
        let points = watts.len();
        for index in message.watts_missing {
            let value = watts
                .get_mut(index as usize)
                .ok_or(StreamsCodecError::MissingOutOfRange { index, points })?;
            *value = None;
        }
        let set = Self {
            time_s: decode_deltas(&message.time_s),
            distance_dm: decode_deltas(&message.distance_dm),
            latitude_e7: decode_deltas(&message.latitude_e7),
            longitude_e7: decode_deltas(&message.longitude_e7),
            altitude_dm: decode_deltas(&message.altitude_dm),
            velocity_mm_s: decode_deltas(&message.velocity_mm_s),
            heartrate_bpm: decode_deltas(&message.heartrate_bpm),
            cadence_rpm: decode_deltas(&message.cadence_rpm),
            watts,
            temperature_c: decode_deltas(&message.temperature_c),
            grade_e1: decode_deltas(&message.grade_e1),
            moving: message.moving,
        };
        set.check_lengths(message.points as usize)?;
        Ok(set)
    }

    fn check_lengths(&self, points: usize) -> Result<(), StreamsCodecError> {
        for (kind, length) in self.lengths() {
            if length != 0 && length != points {
                return Err(StreamsCodecError::LengthMismatch { kind, length, points });
            }
        }
        if self.latitude_e7.len() != self.longitude_e7.len() {
            return Err(StreamsCodecError::LengthMismatch {
                kind: "latlng",
                length: self.longitude_e7.len(),
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

/// Returns the first value, then differences. Wrapping, so that any integer survives the round trip.
fn encode_deltas(values: &[i64]) -> Vec<i64> {
    let previous = std::iter::once(&0).chain(values);
    values.iter().zip(previous).map(|(value, previous)| value.wrapping_sub(*previous)).collect()
}

fn decode_deltas(deltas: &[i64]) -> Vec<i64> {
    let mut value = 0_i64;
    let values = deltas.iter().map(|delta| {
        value = value.wrapping_add(*delta);
        value
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
            Err(StreamsCodecError::LengthMismatch { kind: "heartrate", length: 1, points: 2 })
        );
    }

    #[test]
    fn a_latitude_without_its_longitude_is_refused() {
        let set = StreamSet { latitude_e7: vec![1, 2], ..StreamSet::default() };

        assert_eq!(
            set.encode(),
            Err(StreamsCodecError::LengthMismatch { kind: "latlng", length: 0, points: 2 })
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
