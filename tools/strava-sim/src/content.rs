//! Who lives in the simulator: the athlete of the recorded files, seeded synthetic athletes, and the recorded athlete.

pub(crate) mod files;
mod profiles;
pub(crate) use profiles::short;
pub(crate) mod recorded;
mod routes;
mod synthetic;

use crate::options::Options;
use crate::world::{Activity, Athlete, Field, Summary};

/// The first athlete, Ana: made of the recorded FIT, GPX and TCX files.
pub const GUARDIAN_ID: i64 = 7001;
/// The second athlete, Milla: seeded and synthetic.
pub const CHILD_ID: i64 = 7002;
/// The third athlete: the one of the recorded API answers.
pub const RECORDED_ID: i64 = 26_462_176;

/// The athletes in their fixed order, each with a history.
pub(crate) fn cast(options: &Options, now_s: i64) -> Vec<(Athlete, Vec<Activity>)> {
    (0..options.athletes)
        .map(|index| {
            let exactly = options.history.filter(|_| index + 1 == options.athletes);
            let athlete = match index {
                0 => profiles::guardian(),
                2 => recorded::athlete(),
                _ => profiles::synthetic(index, options.seed),
            };
            let activities = match (index, exactly) {
                (_, Some(count)) => synthetic::exactly(&athlete, options.seed, count, now_s),
                (0, None) => files::activities(),
                (2, None) => recorded::activities(),
                _ => synthetic::history(&athlete, options, now_s),
            };
            (athlete, activities)
        })
        .collect()
}

/// Gives a bare summary a round course from home, heart rate, cadence and heights.
pub(crate) fn dress(summary: &mut Summary, athlete: &Athlete, gps: bool) {
    summary.has_heartrate = true;
    summary.display_hide_heartrate_option = true;
    summary.average_heartrate = Some(142.0);
    summary.max_heartrate = Some(168.0);
    summary.average_cadence = matches!(summary.kind.as_str(), "Run" | "Ride").then_some(82.0);
    summary.upload_id = Some(summary.id + 1_000_000_000);
    summary.upload_id_str = summary.upload_id.map(|upload| upload.to_string());
    summary.external_id = Some(format!("garmin_ping_{}", summary.id % 1_000_000_007));
    summary.device_name = Some("Garmin Forerunner 55".to_owned());
    summary.trainer = !gps;
    if gps && summary.distance > 0.0 {
        let home = profiles::home(athlete).place;
        let (line, start) = routes::round_course(home, summary.distance, (summary.id % 360) as f64);
        summary.map.summary_polyline = line;
        summary.start_latlng = Field::Value(start.to_vec());
        summary.end_latlng = Field::Value(start.to_vec());
        summary.elev_low = Some(1000.0);
        summary.elev_high = Some(1000.0 + summary.total_elevation_gain.clamp(1.0, 60.0));
    }
}
