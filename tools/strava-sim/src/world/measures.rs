//! Figures of a summary that follow from a recording, as Strava computes them.

use chrono_tz::Tz;

use super::summary::{OptionalField, SummaryActivity};
use crate::times::{format_iso, format_timezone, utc_offset_at};
use crate::tracks::{Recording, Streams, elevation_gain, polyline, round};

impl SummaryActivity {
    /// Sets the start, with the wall clock of the zone at that instant.
    pub(crate) fn set_start(&mut self, start_s: i64, zone: Tz) {
        self.set_start_with_offset(start_s, utc_offset_at(zone, start_s), zone);
    }

    /// Sets the start, with a wall clock this many seconds east of UTC.
    pub(crate) fn set_start_with_offset(&mut self, start_s: i64, offset_s: i64, zone: Tz) {
        self.start_date = format_iso(start_s);
        self.start_date_local = format_iso(start_s + offset_s);
        self.utc_offset = offset_s as f64;
        self.timezone = format_timezone(zone, start_s);
    }

    /// Sets everything that the recording holds.
    pub(crate) fn fill_from(&mut self, recording: &Recording, zone: Tz) {
        self.set_start(recording.start_s, zone);
        let (streams, track) = (&recording.streams, &recording.track);
        let span = streams.time.last().copied().unwrap_or(0);
        let elapsed = track.elapsed_s.map_or(span, |seconds| seconds.round() as i64);
        self.elapsed_time = elapsed.max(span);
        let moving = streams.total_moving_s();
        let timer = track.timer_s.map_or(moving, |seconds| seconds.round() as i64);
        self.moving_time = if moving > 0 { moving.min(timer) } else { timer };
        let total = streams.distance.last().copied().unwrap_or(0.0);
        self.distance = round(track.distance.filter(|metres| *metres > 0.0).unwrap_or(total), 1);
        self.set_measures(streams);
        if let Some(ascent) = track.ascent {
            self.total_elevation_gain = ascent;
        }
        self.trainer |= streams.latlng.is_none();
        self.device_name.clone_from(&track.device);
    }

    /// Sets everything that follows from the streams alone.
    fn set_measures(&mut self, streams: &Streams) {
        self.average_speed = round(self.distance / self.moving_time.max(1) as f64, 3);
        self.max_speed = streams.velocity.iter().copied().fold(0.0, f64::max);
        if let Some(latlng) = streams.latlng.as_ref().filter(|all| !all.is_empty()) {
            self.start_latlng = OptionalField::Value(latlng[0].to_vec());
            self.end_latlng = OptionalField::Value(latlng[latlng.len() - 1].to_vec());
            self.map.summary_polyline = polyline::encode(&polyline::thin_out(latlng, 120));
        }
        if let Some(altitude) = streams.altitude.as_ref().filter(|all| !all.is_empty()) {
            self.total_elevation_gain = round(elevation_gain(altitude), 1);
            self.elev_high = altitude.iter().copied().reduce(f64::max);
            self.elev_low = altitude.iter().copied().reduce(f64::min);
        }
        if let Some(beats) = streams.heartrate.as_ref().filter(|all| !all.is_empty()) {
            self.has_heartrate = true;
            self.display_hide_heartrate_option = true;
            self.average_heartrate = Some(mean(beats));
            self.max_heartrate = beats.iter().max().map(|maximum| *maximum as f64);
            self.suffer_score = Some((self.moving_time as f64 / 60.0 * 0.9).round());
        }
        self.average_cadence = streams.cadence.as_deref().map(mean);
        self.average_temp = streams.temp.as_deref().map(|all| mean(all).round() as i64);
        if let Some(watts) = &streams.watts {
            let known: Vec<i64> = watts.iter().flatten().copied().collect();
            let average = mean(&known);
            self.average_watts = Some(average);
            self.max_watts = known.iter().max().copied();
            self.weighted_average_watts = Some((average * 1.05).round() as i64);
            self.kilojoules = Some(round(average * self.moving_time as f64 / 1000.0, 1));
            self.device_watts = Some(true);
        }
    }
}

fn mean(values: &[i64]) -> f64 {
    if values.is_empty() {
        return 0.0;
    }
    round(values.iter().sum::<i64>() as f64 / values.len() as f64, 1)
}
