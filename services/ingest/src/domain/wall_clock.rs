//! Start times: Strava's four date fields as one instant and one reading of the athlete's wall clock, by which days
//! are counted.

use chrono::{DateTime, NaiveDateTime, NaiveTime, Offset, TimeDelta, TimeZone};
use chrono_tz::Tz;
use kernel::Timestamp;

/// Strava's date fields.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DateFields<'a> {
    /// `start_date`
    pub(crate) at: Timestamp,
    /// `start_date_local`: a reading of the wall clock, although written with a `Z`.
    pub(crate) local: NaiveDateTime,
    /// `utc_offset`, summer time included.
    pub(crate) utc_offset_s: Option<i64>,
    /// `timezone` without its bracket, which does not follow summer time.
    pub(crate) zone: Option<&'a str>,
    /// Without positions the zone is guessed (a New York athlete gets `America/Atikokan`).
    pub(crate) has_gps: bool,
}

/// Start of an activity, as an instant and on the athlete's wall clock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StartTime {
    pub(crate) at: Timestamp,
    pub(crate) local: NaiveDateTime,
    pub(crate) utc_offset_s: i64,
    /// IANA name; empty if unknown or only guessed.
    pub(crate) timezone: String,
}

impl StartTime {
    /// Derives the start from the fields.
    pub(crate) fn from_fields(fields: DateFields<'_>) -> Self {
        let given = fields.utc_offset_s.filter(|offset| offset.abs() <= DAY_S);
        let offset = given.unwrap_or_else(|| derive_offset(&fields));
        let as_if_utc = Timestamp::from_micros(fields.local.and_utc().timestamp_micros());
        // If the start is hidden, both fields carry the local midnight and a second.
        let is_hidden = as_if_utc == fields.at && fields.local.time() == hidden_start();
        let shifted = fields.local.checked_sub_signed(TimeDelta::seconds(offset));
        let instant = shifted.filter(|_| is_hidden).map(|utc| Timestamp::from(utc.and_utc()));
        Self {
            at: instant.unwrap_or(fields.at),
            local: fields.local,
            utc_offset_s: offset,
            timezone: fields.zone.filter(|_| fields.has_gps).unwrap_or_default().to_owned(),
        }
    }

    #[cfg(test)]
    /// Returns the athlete's own day.
    pub(crate) fn local_date(&self) -> chrono::NaiveDate {
        kernel::time::local_date(self.local)
    }
}

/// Derives a missing offset from the zone, or else from the difference of the two dates.
fn derive_offset(fields: &DateFields<'_>) -> i64 {
    let utc =
        DateTime::from_timestamp_micros(fields.at.as_micros()).unwrap_or_default().naive_utc();
    let zone = fields.zone.filter(|_| fields.has_gps).and_then(|zone| zone.parse::<Tz>().ok());
    let offset = match zone {
        Some(zone) => i64::from(zone.offset_from_utc_datetime(&utc).fix().local_minus_utc()),
        None => fields.local.signed_duration_since(utc).num_seconds(),
    };
    if offset.abs() <= DAY_S { offset } else { 0 }
}

const DAY_S: i64 = 86_400;

fn hidden_start() -> NaiveTime {
    NaiveTime::from_hms_opt(0, 0, 1).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields<'a>(utc: &str, local: &str, offset: Option<i64>, zone: &'a str) -> DateFields<'a> {
        DateFields {
            at: Timestamp::from(DateTime::parse_from_rfc3339(utc).unwrap().to_utc()),
            local: local.parse().unwrap(),
            utc_offset_s: offset,
            zone: Some(zone),
            has_gps: true,
        }
    }

    fn start(utc: &str, local: &str, offset: i64, zone: &str) -> StartTime {
        StartTime::from_fields(fields(utc, local, Some(offset), zone))
    }

    #[test]
    fn a_run_at_23_40_counts_on_its_local_day_west_of_utc() {
        let start =
            start("2026-03-02T04:40:00Z", "2026-03-01T23:40:00", -18_000, "America/New_York");

        assert_eq!(start.local_date().to_string(), "2026-03-01");
        assert_eq!(start.at.to_rfc3339(), "2026-03-02T04:40:00Z");
    }

    #[test]
    fn a_run_at_23_40_counts_on_its_local_day_east_of_utc() {
        let start =
            start("2026-03-01T10:40:00Z", "2026-03-01T23:40:00", 46_800, "Pacific/Auckland");

        assert_eq!(start.local_date().to_string(), "2026-03-01");
        assert_eq!(start.utc_offset_s, 46_800);
    }

    #[test]
    fn a_run_at_23_40_counts_on_its_local_day_around_a_clock_change() {
        let before = start("2026-03-28T22:40:00Z", "2026-03-28T23:40:00", 3_600, "Europe/Berlin");
        let after = start("2026-03-29T21:40:00Z", "2026-03-29T23:40:00", 7_200, "Europe/Berlin");

        assert_eq!(
            (before.local_date().to_string(), before.utc_offset_s),
            ("2026-03-28".to_owned(), 3_600)
        );
        assert_eq!(
            (after.local_date().to_string(), after.utc_offset_s),
            ("2026-03-29".to_owned(), 7_200)
        );
    }

    #[test]
    fn a_missing_offset_is_read_from_the_zone_with_summer_time() {
        let start = StartTime::from_fields(fields(
            "2026-07-01T21:40:00Z",
            "2026-07-01T23:40:00",
            None,
            "Europe/Berlin",
        ));

        assert_eq!((start.utc_offset_s, start.timezone.as_str()), (7_200, "Europe/Berlin"));
    }

    #[test]
    fn a_guessed_zone_is_neither_used_nor_passed_on() {
        let guessed =
            fields("2026-07-02T02:00:00Z", "2026-07-01T22:00:00", None, "America/Atikokan");

        let start = StartTime::from_fields(DateFields { has_gps: false, ..guessed });

        assert_eq!((start.timezone.as_str(), start.utc_offset_s), ("", -14_400));
    }

    #[test]
    fn a_hidden_start_is_local_midnight_not_utc() {
        let start =
            start("2026-07-01T00:00:01Z", "2026-07-01T00:00:01", -14_400, "America/New_York");

        assert_eq!(start.local_date().to_string(), "2026-07-01");
        assert_eq!(start.at.to_rfc3339(), "2026-07-01T04:00:01Z");
    }

    #[test]
    fn an_absurd_offset_is_ignored() {
        let start = start("2026-07-01T10:00:00Z", "2026-07-01T12:00:00", 9_000_000, "Mars/Olympus");

        assert_eq!(start.utc_offset_s, 7_200);
    }
}
