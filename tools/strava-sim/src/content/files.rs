//! The athlete of the recorded files: summaries computed beforehand, streams read when asked for.

use std::sync::{Arc, OnceLock};

use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use super::GUARDIAN_ID;
use crate::tracks::LapSpan;
use crate::tracks::streams::Streams;
use crate::tracks::summarize::Recorded;
use crate::world::{Activity, Source, Summary};

/// A recorded file and what its file does not say.
pub(crate) struct File {
    pub(crate) name: &'static str,
    pub(crate) bytes: &'static [u8],
    title: &'static str,
    sport: &'static str,
    zone: Tz,
}

macro_rules! file {
    ($path:literal, $title:literal, $sport:literal, $zone:expr) => {
        File {
            name: $path,
            bytes: include_bytes!(concat!("../../../../testdata/", $path)),
            title: $title,
            sport: $sport,
            zone: $zone,
        }
    };
}

use chrono_tz::{America, Asia, Europe};

/// The files, in the order of their activity ids.
pub(crate) const FILES: [File; 26] = [
    file!("fit/ride-road-power-4078723797.fit", "Afternoon Ride", "Ride", Europe::Brussels),
    file!(
        "fit/ride-short-pause-5039744860.fit",
        "To the corner with Milla",
        "Ride",
        Europe::Amsterdam
    ),
    file!("fit/indoor-cycling-no-gps-6449921903.fit", "Indoor warm-up", "Ride", Europe::Amsterdam),
    file!("fit/multisport-no-gps-6471559601.fit", "Run and row", "Run", Europe::Amsterdam),
    file!("fit/pool-swim-lengths-hr.fit", "Pool lengths", "Swim", Europe::Zurich),
    file!("fit/virtual-ride-zwift.fit", "Zwift", "VirtualRide", Europe::London),
    file!("fit/indoor-rowing-devfields.fit", "Erg", "Rowing", America::Los_Angeles),
    file!("fit/run-stryd-power-devfields.fit", "Run with power", "Run", Europe::Lisbon),
    file!("fit/ride-wahoo-many-pauses.fit", "Sunday Ride", "Ride", Asia::Shanghai),
    file!("fit/ride-edge500-smart-recording.fit", "Long Ride", "Ride", America::Toronto),
    file!("fit/run-fenix2.fit", "Evening Run", "Run", Europe::Oslo),
    file!("fit/run-fr110-smart-recording.fit", "Lunch Run", "Run", Europe::London),
    file!("fit/ride-edge810-power.fit", "Evening Ride", "Ride", Europe::London),
    file!(
        "fit/walk-venusq-pauses.fit",
        "Walk along the beach with Milla",
        "Walk",
        Europe::Amsterdam
    ),
    file!("fit/run-venusq-original.fit", "Run in the park", "Run", Europe::Berlin),
    file!("gpx/ride-hr-atemp-pause.gpx", "West Berkshire Cycling", "Ride", Europe::London),
    file!("gpx/ride-hr-pauses.gpx", "Afternoon Ride", "Ride", Europe::Ljubljana),
    file!("gpx/hike-8-tracks.gpx", "Round the lake", "Hike", Europe::Ljubljana),
    file!("gpx/walk-opentracks-hr-speed.gpx", "Evening Walk", "Walk", Europe::Amsterdam),
    file!("gpx/track-with-empty-segment.gpx", "Short test", "Walk", Europe::Berlin),
    file!("tcx/run-fitbit-uploaded.tcx", "Evening Run", "Run", America::New_York),
    file!("tcx/run-10-laps-hr.tcx", "Ten laps", "Run", America::Sao_Paulo),
    file!("tcx/run-fr410-3-laps.tcx", "Holiday Run", "Run", America::New_York),
    file!("tcx/pool-swim.tcx", "Swim", "Swim", Europe::Ljubljana),
    file!("tcx/walk-pauses-hr.tcx", "Walk", "Walk", Europe::Ljubljana),
    file!("tcx/run-with-6-minute-pause.tcx", "Winter Run", "Run", Europe::Paris),
];

/// What is computed beforehand from a file.
#[derive(Debug, Serialize, Deserialize, PartialEq)]
struct Entry {
    file: String,
    calories: f64,
    laps: Vec<[f64; 3]>,
    summary: Summary,
}

const INDEX: &str = include_str!("files_index.json");

/// The activities of the athlete of the files.
pub(super) fn activities() -> Vec<Activity> {
    let entries: Vec<Entry> = serde_json::from_str(INDEX).unwrap_or_default();
    entries
        .into_iter()
        .filter_map(|entry| {
            let index = FILES.iter().position(|file| file.name == entry.file)?;
            let mut activity = Activity::new(entry.summary, Source::File(index));
            activity.calories = entry.calories;
            activity.laps = entry.laps.iter().map(|lap| span(*lap)).collect();
            Some(activity)
        })
        .collect()
}

fn span([start_s, elapsed_s, distance]: [f64; 3]) -> LapSpan {
    LapSpan { start_s, elapsed_s, distance: Some(distance).filter(|metres| *metres >= 0.0) }
}

/// A recorded file read anew, by its name in `testdata`.
pub(crate) fn by_name(name: &str) -> Option<usize> {
    FILES.iter().position(|file| file.name == name || file.name.ends_with(&format!("/{name}")))
}

/// The recording in a file.
pub(crate) fn read(index: usize) -> Option<Recorded> {
    let file = FILES.get(index)?;
    let data_type = file.name.rsplit('.').next()?;
    Recorded::read(data_type, file.bytes).ok()
}

/// The streams of a file; parsed once.
pub(crate) fn streams(index: usize) -> Option<Arc<Streams>> {
    static PARSED: [OnceLock<Option<Arc<Streams>>>; FILES.len()] =
        [const { OnceLock::new() }; FILES.len()];
    PARSED
        .get(index)?
        .get_or_init(|| read(index).map(|recorded| Arc::new(recorded.streams)))
        .clone()
}

/// The index of the recorded files as JSON, computed anew: what `src/content/files_index.json` has to hold.
pub fn index() -> String {
    let entries: Vec<Entry> = (0..FILES.len()).filter_map(entry).collect();
    serde_json::to_string_pretty(&entries).unwrap_or_default()
}

fn entry(index: usize) -> Option<Entry> {
    let file = &FILES[index];
    let recorded = read(index)?;
    // one of the ids is above 2^53
    let id = if index == 25 { 9_007_199_254_741_993 } else { 10_000_000_001 + index as i64 * 13 };
    let mut summary = Summary::blank(id, GUARDIAN_ID, file.sport);
    file.title.clone_into(&mut summary.name);
    recorded.fill(&mut summary, file.zone);
    summary.upload_id = Some(id + 1_000_000);
    summary.upload_id_str = Some((id + 1_000_000).to_string());
    summary.external_id = file.name.rsplit('/').next().map(str::to_owned);
    Some(Entry {
        file: file.name.to_owned(),
        calories: recorded.calories,
        laps: recorded
            .laps
            .iter()
            .map(|lap| [lap.start_s, lap.elapsed_s, lap.distance.unwrap_or(-1.0)])
            .collect(),
        summary,
    })
}
