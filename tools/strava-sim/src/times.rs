//! Times and time zones in Strava's formats.

use chrono::{DateTime, NaiveDate, NaiveDateTime, Offset, TimeZone, Utc};
use chrono_tz::Tz;

const ISO: &str = "%Y-%m-%dT%H:%M:%SZ";

/// Formats Unix seconds as `2026-01-02T03:04:05Z`.
pub(crate) fn format_iso(seconds: i64) -> String {
    DateTime::<Utc>::from_timestamp(seconds, 0).unwrap_or_default().format(ISO).to_string()
}

/// Formats Unix seconds as `Fri, 02 Jan 2026 03:04:05 GMT`.
pub(crate) fn format_http_date(seconds: i64) -> String {
    let moment = DateTime::<Utc>::from_timestamp(seconds, 0).unwrap_or_default();
    moment.format("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

/// Parses RFC 3339 into Unix seconds.
pub(crate) fn parse_iso(text: &str) -> Option<i64> {
    DateTime::parse_from_rfc3339(text).ok().map(|moment| moment.timestamp())
}

/// Seconds east of UTC, summer time included, at an instant.
pub(crate) fn utc_offset_at(zone: Tz, seconds: i64) -> i64 {
    let utc = DateTime::<Utc>::from_timestamp(seconds, 0).unwrap_or_default();
    i64::from(zone.offset_from_utc_datetime(&utc.naive_utc()).fix().local_minus_utc())
}

/// Unix seconds of a wall clock time in a zone; a time that summer time skips counts as standard time.
pub(crate) fn local_to_utc(zone: Tz, local: NaiveDateTime) -> i64 {
    let naive = local.and_utc().timestamp();
    let guess = naive - utc_offset_at(zone, naive);
    naive - utc_offset_at(zone, guess)
}

/// Formats a zone as `(GMT+01:00) Europe/Madrid`; the bracket holds standard time all year round.
pub(crate) fn format_timezone(zone: Tz, seconds: i64) -> String {
    let year: i32 = format_iso(seconds).get(..4).and_then(|text| text.parse().ok()).unwrap_or(2000);
    let standard = [1, 7]
        .iter()
        .filter_map(|month| NaiveDate::from_ymd_opt(year, *month, 1)?.and_hms_opt(0, 0, 0))
        .map(|moment| utc_offset_at(zone, moment.and_utc().timestamp()))
        .min()
        .unwrap_or(0);
    let sign = if standard < 0 { '-' } else { '+' };
    let size = standard.abs();
    format!("(GMT{sign}{:02}:{:02}) {}", size / 3600, size % 3600 / 60, zone.name())
}

/// `Morning` to `Night`, as in Strava's default titles.
pub(crate) fn part_of_day(hour: i64) -> &'static str {
    match hour {
        0..11 => "Morning",
        11..14 => "Lunch",
        14..18 => "Afternoon",
        18..21 => "Evening",
        _ => "Night",
    }
}

/// An instant and the offset of the wall clock there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LocalTime {
    /// Unix seconds.
    pub(crate) utc_s: i64,
    /// Seconds east of UTC.
    pub(crate) offset_s: i64,
}

/// Parses RFC 3339, `2025-10-18 19:04:26 -0400`, or a bare local time in the zone.
///
/// A trailing `Z` does not mean UTC here: Strava's own clients write local times with it.
pub(crate) fn parse_local(text: &str, zone: Tz) -> Option<LocalTime> {
    let text = text.trim();
    let bare = text.strip_suffix(['Z', 'z']).unwrap_or(text);
    for format in
        ["%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S%.f"]
    {
        if let Ok(local) = NaiveDateTime::parse_from_str(bare, format) {
            let utc_s = local_to_utc(zone, local);
            return Some(LocalTime { utc_s, offset_s: utc_offset_at(zone, utc_s) });
        }
    }
    for format in ["%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%d %H:%M:%S %z", "%Y-%m-%dT%H:%M:%S%.f%z"] {
        if let Ok(moment) = DateTime::parse_from_str(text, format) {
            let offset_s = i64::from(moment.offset().fix().local_minus_utc());
            return Some(LocalTime { utc_s: moment.timestamp(), offset_s });
        }
    }
    None
}
