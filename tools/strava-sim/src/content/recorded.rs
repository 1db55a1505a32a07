//! The athlete of the recorded API answers.

use std::sync::Arc;

use serde_json::Value;

use super::RECORDED_ID;
use crate::tracks::plan::{Plan, along};
use crate::tracks::polyline;
use crate::tracks::streams::Streams;
use crate::world::{Activity, Athlete, Source, Summary};

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

fn value(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or(Value::Null)
}

/// The recorded profile, zones and gear.
pub(super) fn athlete() -> Athlete {
    Athlete {
        id: RECORDED_ID,
        profile: value(recorded!("athlete.json")),
        zones: value(recorded!("athlete-zones.json")),
        gear: vec![value(recorded!("gear-shoe.json")), value(recorded!("gear-bike.json"))],
        zone: chrono_tz::America::New_York,
        privacy_zone: None,
    }
}

/// All recorded summaries.
pub(super) fn activities() -> Vec<Activity> {
    PAGES
        .iter()
        .flat_map(|page| serde_json::from_str::<Vec<Summary>>(page).unwrap_or_default())
        .map(|summary| {
            let source = match (summary.manual, summary.id) {
                (true, _) => Source::Manual,
                (_, MARATHON_ID) => Source::Marathon,
                _ => Source::Fitted,
            };
            let mut activity = Activity::new(summary, source);
            if activity.summary.id == MARATHON_ID {
                let detail = marathon();
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
pub(crate) fn marathon() -> Value {
    value(MARATHON)
}

/// The recorded distances along the recorded course, the rest fitted.
pub(crate) fn marathon_streams(plan: &Plan) -> Option<Arc<Streams>> {
    let recorded = value(MARATHON_STREAM);
    let distance: Vec<f64> =
        recorded["distance"]["data"].as_array()?.iter().filter_map(Value::as_f64).collect();
    let total = distance.last().copied().filter(|metres| *metres > 0.0)?;
    let count = distance.len() as i64;
    // the device kept nearly every second of the elapsed time
    let time: Vec<i64> =
        (0..count).map(|index| index * plan.elapsed_s / (count - 1).max(1)).collect();
    let fractions: Vec<f64> = distance.iter().map(|metres| metres / total).collect();
    let path = polyline::decode(marathon()["map"]["polyline"].as_str()?);
    let fitted = plan.streams();
    let pick = |index: usize, of: usize| index * (of - 1) / (distance.len() - 1).max(1);
    let spread =
        |all: &Vec<i64>| (0..distance.len()).map(|index| all[pick(index, all.len())]).collect();
    let mut streams = Streams {
        time,
        latlng: Some(along(&path, &fractions)),
        heartrate: fitted.heartrate.as_ref().map(spread),
        altitude: fitted
            .altitude
            .as_ref()
            .map(|all| (0..distance.len()).map(|index| all[pick(index, all.len())]).collect()),
        distance,
        ..Streams::default()
    };
    streams.derive();
    Some(Arc::new(streams))
}
