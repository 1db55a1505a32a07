//! The activities of the recorded files: summaries computed beforehand, streams read when asked for.

use std::sync::{Arc, OnceLock};

use chrono_tz::{America, Asia, Europe, Tz};
use serde::{Deserialize, Serialize};

use super::profiles::GUARDIAN_ID;
use crate::tracks::{Lap, Recording, Streams};
use crate::world::{Activity, StreamSource, SummaryActivity};

/// A recorded file, with the facts its contents lack.
struct RecordedFile {
    name: &'static str,
    bytes: &'static [u8],
    title: &'static str,
    sport: &'static str,
    zone: Tz,
}

macro_rules! file {
    ($path:literal, $title:literal, $sport:literal, $zone:expr) => {
        RecordedFile {
            name: $path,
            bytes: include_bytes!(concat!("../../../../testdata/", $path)),
            title: $title,
            sport: $sport,
            zone: $zone,
        }
    };
}

/// The files, in the order of their activity ids.
const FILES: [RecordedFile; 26] = [
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

/// The figures of a file, computed beforehand.
#[derive(Debug, Serialize, Deserialize, PartialEq)]
struct IndexEntry {
    file: String,
    calories: f64,
    /// Start, elapsed seconds and metres, −1 where unknown.
    laps: Vec<[f64; 3]>,
    summary: SummaryActivity,
}

const INDEX: &str = include_str!("files_index.json");

/// The activities of the athlete of the files.
pub(super) fn activities() -> Vec<Activity> {
    let entries: Vec<IndexEntry> = serde_json::from_str(INDEX).unwrap_or_default();
    entries
        .into_iter()
        .filter_map(|entry| {
            let index = FILES.iter().position(|file| file.name == entry.file)?;
            let mut activity = Activity::new(entry.summary, StreamSource::File(index));
            activity.calories = entry.calories;
            activity.laps = entry.laps.into_iter().map(lap_from_index).collect();
            Some(activity)
        })
        .collect()
}

fn lap_from_index([start_s, elapsed_s, distance]: [f64; 3]) -> Lap {
    Lap { start_s, elapsed_s, distance: Some(distance).filter(|metres| *metres >= 0.0) }
}

/// Finds a recorded file by its name in `testdata`, with or without the folder.
pub(crate) fn find_file(name: &str) -> Option<usize> {
    FILES.iter().position(|file| file.name == name || file.name.ends_with(&format!("/{name}")))
}

/// Reads a recorded file.
pub(crate) fn read_file(index: usize) -> Option<Recording> {
    let file = FILES.get(index)?;
    let data_type = file.name.rsplit('.').next()?;
    Recording::read(data_type, file.bytes).ok()
}

/// The streams of a file; parsed once.
pub(super) fn file_streams(index: usize) -> Option<Arc<Streams>> {
    static PARSED: [OnceLock<Option<Arc<Streams>>>; FILES.len()] =
        [const { OnceLock::new() }; FILES.len()];
    let parse = || read_file(index).map(|recording| Arc::new(recording.streams));
    PARSED.get(index)?.get_or_init(parse).clone()
}

/// Computes the index of the recorded files as JSON, the contents of `src/content/files_index.json`.
pub fn files_index() -> String {
    let entries: Vec<IndexEntry> = (0..FILES.len()).filter_map(index_entry).collect();
    serde_json::to_string_pretty(&entries).unwrap_or_default()
}

fn index_entry(index: usize) -> Option<IndexEntry> {
    let file = &FILES[index];
    let recording = read_file(index)?;
    // one of the ids is above 2^53
    let id = if index == 25 { 9_007_199_254_741_993 } else { 10_000_000_001 + index as i64 * 13 };
    let mut summary = SummaryActivity::new(id, GUARDIAN_ID, file.sport);
    file.title.clone_into(&mut summary.name);
    summary.fill_from(&recording, file.zone);
    summary.set_upload(id + 1_000_000, file.name.rsplit('/').next()?);
    Some(IndexEntry {
        file: file.name.to_owned(),
        calories: recording.calories,
        laps: recording
            .laps
            .iter()
            .map(|lap| [lap.start_s, lap.elapsed_s, lap.distance.unwrap_or(-1.0)])
            .collect(),
        summary,
    })
}
