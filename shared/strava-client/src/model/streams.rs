//! The streams of an activity, in both response formats.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use crate::error::{ErrorKind, classify_json_error};

/// The result of a request for streams.
#[derive(Clone, Debug, PartialEq)]
pub enum Streams {
    /// The streams.
    Ready(Box<StreamSet>),
    /// `{}`: not processed yet, retry later.
    NotReady,
    /// 404: none (a manual activity), or the activity does not exist.
    None,
}

/// Streams of equal length: that of `time`, or of the longest if there is no `time`.
///
/// A null element repeats the value before it, except in `watts`, where it means *not measured*.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StreamSet {
    /// Seconds since the start.
    pub time: Vec<i64>,
    /// Distance since the start in metres.
    pub distance: Vec<f64>,
    /// Latitude and longitude in degrees.
    pub latlng: Vec<[f64; 2]>,
    /// Altitude in metres.
    pub altitude: Vec<f64>,
    /// Speed in m/s.
    pub velocity_smooth: Vec<f64>,
    /// Heart rate in beats per minute.
    pub heartrate: Vec<i64>,
    /// Cadence per minute: revolutions, or steps of one leg.
    pub cadence: Vec<i64>,
    /// Power in watts.
    pub watts: Vec<Option<i64>>,
    /// Temperature in °C.
    pub temp: Vec<i64>,
    /// False while at rest.
    pub moving: Vec<bool>,
    /// Gradient in per cent.
    pub grade_smooth: Vec<f64>,
}

#[derive(Deserialize)]
struct RawStream {
    #[serde(default, rename = "type")]
    kind: Option<String>,
    #[serde(default)]
    data: Vec<Value>,
}

impl Streams {
    /// Parses a body: an object keyed by type, or an array of streams with a `type`.
    pub(crate) fn parse(body: &[u8]) -> Result<Self, ErrorKind> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Body {
            Keyed(BTreeMap<String, RawStream>),
            Array(Vec<RawStream>),
        }
        // JSON first: an untagged enum would report a truncated body as another structure.
        let body: Value =
            serde_json::from_slice(body).map_err(|error| classify_json_error(&error))?;
        let body = serde_json::from_value(body).map_err(|error| classify_json_error(&error))?;
        let streams: Vec<(String, Vec<Value>)> = match body {
            Body::Keyed(streams) => {
                streams.into_iter().map(|(kind, stream)| (kind, stream.data)).collect()
            }
            Body::Array(streams) => streams
                .into_iter()
                .filter_map(|stream| stream.kind.map(|kind| (kind, stream.data)))
                .collect(),
        };
        let set = StreamSet::from_streams(streams);
        Ok(if set.is_empty() { Self::NotReady } else { Self::Ready(Box::new(set)) })
    }
}

impl StreamSet {
    fn from_streams(streams: Vec<(String, Vec<Value>)>) -> Self {
        let by_time = streams.iter().find(|(kind, _)| kind == "time").map(|(_, data)| data.len());
        let points =
            by_time.or_else(|| streams.iter().map(|(_, data)| data.len()).max()).unwrap_or(0);
        let mut set = Self::default();
        for (kind, data) in streams {
            // A stream of another length shares no index with the others.
            if data.len() != points {
                tracing::warn!(kind, points, len = data.len(), "stream of another length ignored");
                continue;
            }
            match kind.as_str() {
                "time" => set.time = parse_integers(&data),
                "distance" => set.distance = parse_numbers(&data),
                "latlng" => set.latlng = parse_positions(&data),
                "altitude" => set.altitude = parse_numbers(&data),
                "velocity_smooth" => set.velocity_smooth = parse_numbers(&data),
                "heartrate" => set.heartrate = parse_integers(&data),
                "cadence" => set.cadence = parse_integers(&data),
                "watts" => set.watts = data.iter().map(as_integer).collect(),
                "temp" => set.temp = parse_integers(&data),
                "moving" => {
                    set.moving =
                        data.iter().map(|element| element.as_bool().unwrap_or(true)).collect();
                }
                "grade_smooth" => set.grade_smooth = parse_numbers(&data),
                _unknown => {}
            }
        }
        set
    }

    /// Returns the number of points.
    pub fn len(&self) -> usize {
        [
            self.time.len(),
            self.distance.len(),
            self.latlng.len(),
            self.altitude.len(),
            self.velocity_smooth.len(),
            self.heartrate.len(),
            self.cadence.len(),
            self.watts.len(),
            self.temp.len(),
            self.moving.len(),
            self.grade_smooth.len(),
        ]
        .into_iter()
        .max()
        .unwrap_or(0)
    }

    /// Returns true if there are no points.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

fn as_integer(element: &Value) -> Option<i64> {
    element.as_i64().or_else(|| {
        element.as_f64().filter(|number| number.is_finite()).map(|number| number.round() as i64)
    })
}

fn fill_gaps<T: Copy + Default>(data: &[Value], read: impl Fn(&Value) -> Option<T>) -> Vec<T> {
    data.iter()
        .scan(T::default(), |last, element| {
            *last = read(element).unwrap_or(*last);
            Some(*last)
        })
        .collect()
}

fn parse_integers(data: &[Value]) -> Vec<i64> {
    fill_gaps(data, as_integer)
}

fn parse_numbers(data: &[Value]) -> Vec<f64> {
    fill_gaps(data, Value::as_f64)
}

/// Parses positions. Those before the first known one repeat it; without any, there are none.
fn parse_positions(data: &[Value]) -> Vec<[f64; 2]> {
    let read = |element: &Value| Some([element.get(0)?.as_f64()?, element.get(1)?.as_f64()?]);
    let Some(first) = data.iter().find_map(read) else { return Vec::new() };
    data.iter()
        .scan(first, |last, element| {
            *last = read(element).unwrap_or(*last);
            Some(*last)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse_set(body: &str) -> StreamSet {
        match Streams::parse(body.as_bytes()).unwrap() {
            Streams::Ready(set) => *set,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn both_response_formats_are_read_alike() {
        let keyed = parse_set(
            r#"{"time":{"data":[0,1,5]},"latlng":{"data":[[40.1,-73.9],[40.2,-73.8],[40.3,-73.7]]},
            "moving":{"data":[false,true,true]},"watts":{"data":[200,null,210.0]},"heartrate":{"data":[null,140,null]}}"#,
        );
        let array = parse_set(
            r#"[{"type":"time","data":[0,1,5]},{"type":"latlng","data":[[40.1,-73.9],[40.2,-73.8],[40.3,-73.7]]},
            {"type":"moving","data":[false,true,true]},{"type":"watts","data":[200,null,210]},{"type":"heartrate","data":[0,140,140]}]"#,
        );
        assert_eq!(keyed, array);
        assert_eq!(keyed.watts, [Some(200), None, Some(210)]);
    }

    #[test]
    fn an_empty_object_means_not_yet() {
        assert_eq!(Streams::parse(b"{}").unwrap(), Streams::NotReady);
        assert_eq!(Streams::parse(b"[]").unwrap(), Streams::NotReady);
        assert!(matches!(Streams::parse(b"{\"time\":{\"da"), Err(ErrorKind::Unavailable(_))));
    }

    #[test]
    fn a_stream_of_another_length_is_ignored() {
        let set = parse_set(r#"{"time":{"data":[0,1,5]},"heartrate":{"data":[100]}}"#);
        assert_eq!((set.len(), set.heartrate.len()), (3, 0));
    }
}
