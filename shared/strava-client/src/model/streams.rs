//! The streams of an activity, in either of the two forms Strava answers.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use crate::error::{ErrorKind, unreadable};

/// What was answered when streams were asked for.
#[derive(Clone, Debug, PartialEq)]
pub enum Streams {
    /// Here they are.
    Ready(Box<StreamSet>),
    /// `{}`: not yet; ask again later.
    NotReady,
    /// 404: there are none (a manual activity), or the activity itself is gone.
    None,
}

/// The streams, all as long as `time` (or as the longest, where there is no `time`).
///
/// A null element repeats the value before it, but for `watts`, where it means *not measured*.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StreamSet {
    /// Seconds since the start.
    pub time: Vec<i64>,
    /// Metres since the start.
    pub distance: Vec<f64>,
    /// Degrees.
    pub latlng: Vec<[f64; 2]>,
    /// Metres.
    pub altitude: Vec<f64>,
    /// Metres a second.
    pub velocity_smooth: Vec<f64>,
    /// Beats a minute.
    pub heartrate: Vec<i64>,
    /// Turns a minute; steps per leg when running.
    pub cadence: Vec<i64>,
    /// Watts.
    pub watts: Vec<Option<i64>>,
    /// Degrees Celsius.
    pub temp: Vec<i64>,
    /// False while standing still.
    pub moving: Vec<bool>,
    /// Per cent.
    pub grade_smooth: Vec<f64>,
}

#[derive(Deserialize)]
struct One {
    #[serde(default, rename = "type")]
    kind: Option<String>,
    #[serde(default)]
    data: Vec<Value>,
}

impl Streams {
    /// The streams in this body: an object keyed by kind, or an array of streams that name theirs.
    pub(crate) fn parse(body: &[u8]) -> Result<Self, ErrorKind> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Form {
            Keyed(BTreeMap<String, One>),
            Array(Vec<One>),
        }
        // Whole JSON first: an untagged enum would call a cut body another shape.
        let body: Value = serde_json::from_slice(body).map_err(|error| unreadable(&error))?;
        let form = serde_json::from_value(body).map_err(|error| unreadable(&error))?;
        let streams: Vec<(String, Vec<Value>)> = match form {
            Form::Keyed(streams) => {
                streams.into_iter().map(|(kind, one)| (kind, one.data)).collect()
            }
            Form::Array(streams) => streams
                .into_iter()
                .filter_map(|one| one.kind.map(|kind| (kind, one.data)))
                .collect(),
        };
        let set = StreamSet::of(streams);
        Ok(if set.is_empty() { Self::NotReady } else { Self::Ready(Box::new(set)) })
    }
}

impl StreamSet {
    fn of(streams: Vec<(String, Vec<Value>)>) -> Self {
        let by_time = streams.iter().find(|(kind, _)| kind == "time").map(|(_, data)| data.len());
        let points =
            by_time.or_else(|| streams.iter().map(|(_, data)| data.len()).max()).unwrap_or(0);
        let mut set = Self::default();
        for (kind, data) in streams {
            // One of another length shares no index with the rest: worthless.
            if data.len() != points {
                tracing::warn!(
                    kind,
                    points,
                    len = data.len(),
                    "a stream of another length is left out"
                );
                continue;
            }
            match kind.as_str() {
                "time" => set.time = wholes(&data),
                "distance" => set.distance = numbers(&data),
                "latlng" => set.latlng = positions(&data),
                "altitude" => set.altitude = numbers(&data),
                "velocity_smooth" => set.velocity_smooth = numbers(&data),
                "heartrate" => set.heartrate = wholes(&data),
                "cadence" => set.cadence = wholes(&data),
                "watts" => set.watts = data.iter().map(whole).collect(),
                "temp" => set.temp = wholes(&data),
                "moving" => {
                    set.moving =
                        data.iter().map(|element| element.as_bool().unwrap_or(true)).collect();
                }
                "grade_smooth" => set.grade_smooth = numbers(&data),
                _unknown => {}
            }
        }
        set
    }

    /// How many points there are.
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

    /// Whether there is no point at all.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

fn whole(element: &Value) -> Option<i64> {
    element.as_i64().or_else(|| {
        element.as_f64().filter(|number| number.is_finite()).map(|number| number.round() as i64)
    })
}

fn filled<T: Copy + Default>(data: &[Value], read: impl Fn(&Value) -> Option<T>) -> Vec<T> {
    data.iter()
        .scan(T::default(), |last, element| {
            *last = read(element).unwrap_or(*last);
            Some(*last)
        })
        .collect()
}

fn wholes(data: &[Value]) -> Vec<i64> {
    filled(data, whole)
}

fn numbers(data: &[Value]) -> Vec<f64> {
    filled(data, Value::as_f64)
}

/// Positions; nothing at all when the first is no position, for zero would be off Africa.
fn positions(data: &[Value]) -> Vec<[f64; 2]> {
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

    fn set(body: &str) -> StreamSet {
        match Streams::parse(body.as_bytes()).unwrap() {
            Streams::Ready(set) => *set,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_keyed_form_and_the_array_form_read_alike() {
        let keyed = set(
            r#"{"time":{"data":[0,1,5]},"latlng":{"data":[[40.1,-73.9],[40.2,-73.8],[40.3,-73.7]]},
            "moving":{"data":[false,true,true]},"watts":{"data":[200,null,210.0]},"heartrate":{"data":[null,140,null]}}"#,
        );
        let array = set(
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
    fn a_stream_of_another_length_is_left_out() {
        let set = set(r#"{"time":{"data":[0,1,5]},"heartrate":{"data":[100]}}"#);
        assert_eq!((set.len(), set.heartrate.len()), (3, 0));
    }
}
