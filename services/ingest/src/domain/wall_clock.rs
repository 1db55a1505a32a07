//! A day is the athlete's own day: Strava's four date fields as one instant and one wall clock reading.

use chrono::{DateTime, NaiveDateTime, NaiveTime, Offset, TimeDelta, TimeZone};
use chrono_tz::Tz;
use kernel::Timestamp;

/// The fields as they come.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DateFields<'a> {
    /// `start_date`
    pub(crate) at: Timestamp,
    /// `start_date_local`: a wall clock reading, though written with a `Z`.
    pub(crate) local: NaiveDateTime,
    /// `utc_offset`, summer time included.
    pub(crate) utc_offset_s: Option<i64>,
    /// `timezone` without its bracket, which does not follow summer time.
    pub(crate) zone: Option<&'a str>,
    /// Without positions the zone is guessed (a New York athlete gets `America/Atikokan`).
    pub(crate) has_gps: bool,
}

/// When something began, for the world and for the athlete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Start {
    pub(crate) at: Timestamp,
    pub(crate) local: NaiveDateTime,
    pub(crate) utc_offset_s: i64,
    /// IANA name; empty when not known or only guessed.
    pub(crate) timezone: String,
}

impl Start {
    /// Makes one sense of the fields.
    pub(crate) fn read(fields: DateFields<'_>) -> Self {
        let told = fields.utc_offset_s.filter(|offset| offset.abs() <= DAY_S);
        let offset = told.unwrap_or_else(|| measured(&fields));
        let as_if_utc = Timestamp::from_micros(fields.local.and_utc().timestamp_micros());
        // Start time hidden: both fields carry the local midnight and a second.
        let hidden = as_if_utc == fields.at && fields.local.time() == hidden_start();
        let shifted = fields.local.checked_sub_signed(TimeDelta::seconds(offset));
        let instant = shifted.filter(|_| hidden).map(|utc| Timestamp::from(utc.and_utc()));
        Self {
            at: instant.unwrap_or(fields.at),
            local: fields.local,
            utc_offset_s: offset,
            timezone: fields.zone.filter(|_| fields.has_gps).unwrap_or_default().to_owned(),
        }
    }

    #[cfg(test)]
    /// The athlete's own day.
    pub(crate) fn local_date(&self) -> chrono::NaiveDate {
        kernel::time::local_date(self.local)
    }
}

/// The offset where none was told: by the zone's rules, or else by how the two dates differ.
fn measured(fields: &DateFields<'_>) -> i64 {
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

    fn start(utc: &str, local: &str, offset: i64, zone: &str) -> Start {
        Start::read(fields(utc, local, Some(offset), zone))
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
    fn a_run_at_23_40_counts_on_its_local_day_before_and_after_the_clocks_change() {
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
        let start = Start::read(fields(
            "2026-07-01T21:40:00Z",
            "2026-07-01T23:40:00",
            None,
            "Europe/Berlin",
        ));

        assert_eq!((start.utc_offset_s, start.timezone.as_str()), (7_200, "Europe/Berlin"));
    }

    #[test]
    fn a_guessed_zone_is_neither_believed_nor_passed_on() {
        let guessed =
            fields("2026-07-02T02:00:00Z", "2026-07-01T22:00:00", None, "America/Atikokan");

        let start = Start::read(DateFields { has_gps: false, ..guessed });

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
    fn an_absurd_offset_is_not_believed() {
        let start = start("2026-07-01T10:00:00Z", "2026-07-01T12:00:00", 9_000_000, "Mars/Olympus");

        assert_eq!(start.utc_offset_s, 7_200);
    }
}
