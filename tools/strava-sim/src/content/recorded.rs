//! The athlete of the recorded API answers.

use serde_json::Value;

use super::profiles::RECORDED_ID;
use crate::tracks::{StreamTargets, Streams, polyline, positions_along};
use crate::world::{Activity, Athlete, StreamSource, SummaryActivity};

macro_rules! recorded {
    ($name:literal) => {
        include_str!(concat!("../../../../testdata/strava/", $name))
    };
}

const PAGES: [&str; 12] = [
    recorded!("athlete-activities-pages/page-01.json"),
    recorded!("athlete-activities-pages/page-02.json"),
    recorded!("athlete-activities-pages/page-05.json"),
    recorded!("athlete-activities-pages/page-09.json"),
    recorded!("athlete-activities-pages/page-12.json"),
    recorded!("athlete-activities-pages/page-14.json"),
    recorded!("athlete-activities-pages/page-23.json"),
    recorded!("athlete-activities-pages/page-27.json"),
    recorded!("athlete-activities-pages/page-28.json"),
    recorded!("athlete-activities-pages/page-35.json"),
    recorded!("athlete-activities-pages/page-38.json"),
    recorded!("athlete-activities-after-and-before.json"),
];
const MARATHON: &str = recorded!("activity-run-marathon-detail.json");
const MARATHON_ID: i64 = 1_946_417_534;
const MARATHON_STREAM: &str = recorded!("activity-streams-distance.json");

fn parse_json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or(Value::Null)
}

/// The recorded profile, zones and gear.
pub(super) fn athlete() -> Athlete {
    Athlete {
        id: RECORDED_ID,
        profile: parse_json(recorded!("athlete.json")),
        zones: parse_json(recorded!("athlete-zones.json")),
        gear: vec![
            parse_json(recorded!("gear-shoe.json")),
            parse_json(recorded!("gear-bike.json")),
        ],
        zone: chrono_tz::America::New_York,
        privacy_zone: None,
    }
}

/// All recorded summaries.
pub(super) fn activities() -> Vec<Activity> {
    PAGES
        .iter()
        .flat_map(|page| serde_json::from_str::<Vec<SummaryActivity>>(page).unwrap_or_default())
        .map(|summary| {
            let source = match (summary.manual, summary.id) {
                (true, _) => StreamSource::Manual,
                (_, MARATHON_ID) => StreamSource::Marathon,
                _ => StreamSource::Synthetic,
            };
            let mut activity = Activity::new(summary, source);
            if activity.summary.id == MARATHON_ID {
                let detail = marathon_detail();
                activity.description = detail["description"].as_str().map(str::to_owned);
                activity.calories = detail["calories"].as_f64().unwrap_or(0.0);
            } else {
                activity.calories = (activity.summary.moving_time as f64 / 6.0).round();
            }
            activity
        })
        .collect()
}

/// The recorded detail of the marathon.
pub(crate) fn marathon_detail() -> Value {
    parse_json(MARATHON)
}

/// The streams of the marathon: the recorded distances along the recorded course, the rest synthetic.
pub(super) fn marathon_streams(targets: &StreamTargets) -> Option<Streams> {
    let recorded = parse_json(MARATHON_STREAM);
    let distance: Vec<f64> =
        recorded["distance"]["data"].as_array()?.iter().filter_map(Value::as_f64).collect();
    let total = distance.last().copied().filter(|metres| *metres > 0.0)?;
    let last = (distance.len() - 1).max(1);
    // the device recorded nearly every second of the elapsed time
    let time =
        (0..distance.len()).map(|index| index as i64 * targets.elapsed_s / last as i64).collect();
    let fractions: Vec<f64> = distance.iter().map(|metres| metres / total).collect();
    let path = polyline::decode(marathon_detail()["map"]["polyline"].as_str()?);
    let synthetic = targets.build_streams();
    let mut streams = Streams {
        time,
        latlng: Some(positions_along(&path, &fractions)),
        heartrate: synthetic.heartrate.map(|values| stretch(&values, distance.len())),
        altitude: synthetic.altitude.map(|values| stretch(&values, distance.len())),
        distance,
        ..Streams::default()
    };
    streams.derive_motion();
    Some(streams)
}

/// Repeats values so that there are `count` of them.
fn stretch<T: Copy>(values: &[T], count: usize) -> Vec<T> {
    (0..count).map(|index| values[index * (values.len() - 1) / (count - 1).max(1)]).collect()
}
