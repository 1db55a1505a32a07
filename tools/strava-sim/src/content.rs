//! The athletes of the simulator: the one of the recorded files, seeded synthetic ones, and the recorded athlete.

mod files;
mod profiles;
mod recorded;
mod streams;
mod synthetic;

pub use files::files_index;
pub(crate) use files::{find_file, read_file};
pub(crate) use profiles::summarize_gear;
pub use profiles::{CHILD_ID, GUARDIAN_ID, RECORDED_ID};
pub(crate) use recorded::marathon_detail;
pub(crate) use streams::load_streams;
pub(crate) use synthetic::add_sensor_data;

use crate::options::Options;
use crate::world::{Activity, Athlete};

/// Builds the athletes in their fixed order, each with a history.
pub(crate) fn build_athletes(options: &Options, now_s: i64) -> Vec<(Athlete, Vec<Activity>)> {
    (0..options.athletes)
        .map(|index| {
            let count = options.history.filter(|_| index + 1 == options.athletes);
            let athlete = match index {
                0 => profiles::guardian(),
                2 => recorded::athlete(),
                _ => profiles::synthetic_athlete(index, options.seed),
            };
            let activities = match (index, count) {
                (_, Some(count)) => {
                    synthetic::build_count(&athlete, options.seed, count as usize, now_s)
                }
                (0, None) => files::activities(),
                (2, None) => recorded::activities(),
                _ => synthetic::build_years(&athlete, options, now_s),
            };
            (athlete, activities)
        })
        .collect()
}
