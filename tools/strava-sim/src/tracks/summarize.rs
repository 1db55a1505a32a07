//! The summary that Strava would compute from a recording.

use super::streams::Streams;
use super::{LapSpan, Track, TrackError, polyline, round};
use crate::times::{iso, offset_at, zone_label};
use crate::world::{Field, Summary};
use chrono_tz::Tz;

/// A recording turned into an activity's parts.
pub(crate) struct Recorded {
    pub(crate) start_s: i64,
    pub(crate) streams: Streams,
    pub(crate) laps: Vec<LapSpan>,
    pub(crate) calories: f64,
    pub(crate) track: Track,
}

impl Recorded {
    /// Parses a file.
    pub(crate) fn read(data_type: &str, bytes: &[u8]) -> Result<Self, TrackError> {
        let track = super::parse(data_type, bytes)?;
        let first = track.points.first().map_or(0.0, |point| point.time_s);
        let start = first.floor();
        let mut streams = Streams::from_track(&track);
        if let Some(total) = track.distance {
            streams.spread(total);
        }
        let laps = track
            .laps
            .iter()
            .map(|lap| LapSpan { start_s: (lap.start_s - start).max(0.0), ..*lap })
            .collect();
        Ok(Self {
            start_s: start as i64,
            streams,
            laps,
            calories: track.calories.unwrap_or(0.0),
            track,
        })
    }

    /// Writes what the recording says into a summary.
    pub(crate) fn fill(&self, summary: &mut Summary, zone: Tz) {
        set_start(summary, self.start_s, zone);
        let streams = &self.streams;
        let span = streams.time.last().copied().unwrap_or(0);
        let recorded = self.track.elapsed_s.map_or(span, |seconds| seconds.round() as i64);
        summary.elapsed_time = recorded.max(span);
        let moving = streams.moving_s();
        let timer = self.track.timer_s.map_or(moving, |seconds| seconds.round() as i64);
        summary.moving_time = if moving > 0 { moving.min(timer) } else { timer };
        let total = streams.distance.last().copied().unwrap_or(0.0);
        summary.distance =
            round(self.track.distance.filter(|_| self.keeps_distance()).unwrap_or(total), 1);
        measure(summary, streams);
        if let Some(ascent) = self.track.ascent {
            summary.total_elevation_gain = ascent;
        }
        summary.trainer |= streams.latlng.is_none();
        summary.device_name.clone_from(&self.track.device);
    }

    fn keeps_distance(&self) -> bool {
        self.track.distance.is_some_and(|metres| metres > 0.0)
    }
}

/// Writes an instant into a summary, in a zone.
pub(crate) fn set_start(summary: &mut Summary, start_s: i64, zone: Tz) {
    let offset = offset_at(zone, start_s);
    summary.start_date = iso(start_s);
    summary.start_date_local = iso(start_s + offset);
    summary.utc_offset = offset as f64;
    summary.timezone = zone_label(zone, start_s);
}

/// Writes everything that follows from streams alone.
pub(crate) fn measure(summary: &mut Summary, streams: &Streams) {
    summary.average_speed = round(summary.distance / summary.moving_time.max(1) as f64, 3);
    summary.max_speed = streams.velocity.iter().copied().fold(0.0, f64::max);
    if let Some(latlng) = streams.latlng.as_ref().filter(|all| !all.is_empty()) {
        summary.start_latlng = Field::Value(latlng[0].to_vec());
        summary.end_latlng = Field::Value(latlng[latlng.len() - 1].to_vec());
        summary.map.summary_polyline = polyline::encode(&polyline::thin(latlng, 120));
    }
    if let Some(altitude) = streams.altitude.as_ref().filter(|all| !all.is_empty()) {
        summary.total_elevation_gain = round(gain(altitude), 1);
        summary.elev_high = altitude.iter().copied().reduce(f64::max);
        summary.elev_low = altitude.iter().copied().reduce(f64::min);
    }
    if let Some(beats) = streams.heartrate.as_ref().filter(|all| !all.is_empty()) {
        summary.has_heartrate = true;
        summary.display_hide_heartrate_option = true;
        summary.average_heartrate = Some(mean(beats));
        summary.max_heartrate = beats.iter().max().map(|most| *most as f64);
        summary.suffer_score = Some((summary.moving_time as f64 / 60.0 * 0.9).round());
    }
    summary.average_cadence = streams.cadence.as_deref().map(mean);
    summary.average_temp = streams.temp.as_deref().map(|all| mean(all).round() as i64);
    if let Some(watts) = &streams.watts {
        let known: Vec<i64> = watts.iter().flatten().copied().collect();
        let average = mean(&known);
        summary.average_watts = Some(average);
        summary.max_watts = known.iter().max().copied();
        summary.weighted_average_watts = Some((average * 1.05).round() as i64);
        summary.kilojoules = Some(round(average * summary.moving_time as f64 / 1000.0, 1));
        summary.device_watts = Some(true);
    }
}

/// Metres climbed, counting rises of two metres and more.
pub(crate) fn gain(altitude: &[f64]) -> f64 {
    let mut total = 0.0;
    let Some(mut low) = altitude.first().copied() else {
        return total;
    };
    for height in altitude {
        if *height - low >= 2.0 {
            total += height - low;
            low = *height;
        } else if *height < low {
            low = *height;
        }
    }
    total
}

fn mean(values: &[i64]) -> f64 {
    if values.is_empty() {
        return 0.0;
    }
    round(values.iter().sum::<i64>() as f64 / values.len() as f64, 1)
}
