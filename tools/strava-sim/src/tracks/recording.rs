//! Reads a recording from a file of any supported type.

use std::io::Read;

use super::streams::Streams;
use super::track::{Lap, Track, TrackError};
use super::{fit, gpx, tcx};

/// Maximum size of an unpacked gzip file in bytes.
const MAX_UNPACKED_BYTES: u64 = 100 * 1024 * 1024;

/// A recording turned into the parts of an activity.
pub(crate) struct Recording {
    pub(crate) start_s: i64,
    pub(crate) streams: Streams,
    pub(crate) laps: Vec<Lap>,
    pub(crate) calories: f64,
    pub(crate) track: Track,
}

impl Recording {
    /// Reads a file of a data type such as `fit`, `gpx.gz` or `tcx`.
    pub(crate) fn read(data_type: &str, bytes: &[u8]) -> Result<Self, TrackError> {
        let track = parse(data_type, bytes)?;
        let start = track.points.first().map_or(0.0, |point| point.time_s).floor();
        let mut streams = Streams::from_track(&track);
        if let Some(total) = track.distance {
            streams.spread_distance(total);
        }
        let laps = track
            .laps
            .iter()
            .map(|lap| Lap { start_s: (lap.start_s - start).max(0.0), ..*lap })
            .collect();
        let calories = track.calories.unwrap_or(0.0);
        Ok(Self { start_s: start as i64, streams, laps, calories, track })
    }
}

fn parse(data_type: &str, bytes: &[u8]) -> Result<Track, TrackError> {
    let unpacked;
    let (kind, bytes) = match data_type.strip_suffix(".gz") {
        Some(kind) => {
            unpacked = gunzip(bytes).ok_or(TrackError::Malformed)?;
            (kind, unpacked.as_slice())
        }
        None => (data_type, bytes),
    };
    if bytes.is_empty() {
        return Err(TrackError::Empty);
    }
    let mut track = match kind {
        "fit" => fit::parse(bytes)?,
        "gpx" => gpx::parse(bytes)?,
        "tcx" => tcx::parse(bytes)?,
        _ => return Err(TrackError::Malformed),
    };
    if track.points.is_empty() || track.untimed > track.points.len() {
        return Err(TrackError::NoTime);
    }
    track.points.sort_by(|a, b| a.time_s.total_cmp(&b.time_s));
    Ok(track)
}

/// Unpacks gzip; `None` if the data is not gzip.
pub(crate) fn gunzip(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let decoder = flate2::read::MultiGzDecoder::new(bytes);
    decoder.take(MAX_UNPACKED_BYTES).read_to_end(&mut out).ok()?;
    Some(out)
}
