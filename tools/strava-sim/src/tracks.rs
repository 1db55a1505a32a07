//! Recordings: what a FIT, GPX or TCX file holds, and the streams made of it.

pub(crate) mod derive;
pub(crate) mod fit;
pub(crate) mod gpx;
pub(crate) mod plan;
pub(crate) mod polyline;
pub(crate) mod streams;
pub(crate) mod summarize;
pub(crate) mod tcx;
mod xml;

use std::io::Read;

/// One recorded moment.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Point {
    pub(crate) time_s: f64,
    pub(crate) position: Option<[f64; 2]>,
    pub(crate) altitude: Option<f64>,
    pub(crate) distance: Option<f64>,
    pub(crate) heartrate: Option<i64>,
    pub(crate) cadence: Option<i64>,
    pub(crate) watts: Option<i64>,
    pub(crate) temp: Option<i64>,
}

/// A lap the device made.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct LapSpan {
    pub(crate) start_s: f64,
    pub(crate) elapsed_s: f64,
    pub(crate) distance: Option<f64>,
}

/// A parsed recording.
#[derive(Clone, Debug, Default)]
pub(crate) struct Track {
    pub(crate) sport: Option<&'static str>,
    pub(crate) name: Option<String>,
    pub(crate) device: Option<String>,
    pub(crate) points: Vec<Point>,
    pub(crate) laps: Vec<LapSpan>,
    pub(crate) start_s: Option<f64>,
    pub(crate) elapsed_s: Option<f64>,
    pub(crate) timer_s: Option<f64>,
    pub(crate) distance: Option<f64>,
    pub(crate) ascent: Option<f64>,
    pub(crate) calories: Option<f64>,
    /// Points that had to be left out because they carry no time.
    pub(crate) untimed: usize,
}

/// Why a file became no activity; the texts are Strava's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TrackError {
    #[error("Time information is missing from file.")]
    NoTime,
    #[error(
        "The upload appears to be malformed and we are unable to process it. Please ensure that your file is in the correct format."
    )]
    Malformed,
    #[error("The file is empty.")]
    Empty,
}

/// Reads a recording of a data type such as `fit`, `gpx.gz` or `tcx`.
pub(crate) fn parse(data_type: &str, bytes: &[u8]) -> Result<Track, TrackError> {
    let (kind, packed) = match data_type.strip_suffix(".gz") {
        Some(kind) => (kind, true),
        None => (data_type, false),
    };
    let unpacked;
    let bytes = if packed {
        unpacked = gunzip(bytes).ok_or(TrackError::Malformed)?;
        &unpacked
    } else {
        bytes
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

/// Unpacks gzip, at most 100 MiB of it.
pub(crate) fn gunzip(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    flate2::read::MultiGzDecoder::new(bytes).take(100 * 1024 * 1024).read_to_end(&mut out).ok()?;
    Some(out)
}

/// Metres between two positions on a sphere.
pub(crate) fn metres_between(a: [f64; 2], b: [f64; 2]) -> f64 {
    let (lat_a, lat_b) = (a[0].to_radians(), b[0].to_radians());
    let half_lat = ((lat_b - lat_a) / 2.0).sin();
    let half_lng = ((b[1] - a[1]).to_radians() / 2.0).sin();
    let part = half_lat * half_lat + lat_a.cos() * lat_b.cos() * half_lng * half_lng;
    2.0 * 6_371_000.0 * part.sqrt().min(1.0).asin()
}

/// Rounds to so many decimals.
pub(crate) fn round(value: f64, decimals: i32) -> f64 {
    let scale = 10f64.powi(decimals);
    (value * scale).round() / scale
}
