//! The athlete's time zone.

use chrono::{FixedOffset, LocalResult, NaiveDate, NaiveTime, Offset, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;
use kernel::Timestamp;

/// The athlete's time zone, as the latest activity has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Zone {
    Named(Tz),
    Fixed(FixedOffset),
}

impl Zone {
    /// The zone of this IANA name; if there is no such name, that of this offset.
    pub(crate) fn new(name: &str, utc_offset_s: i64) -> Self {
        if let Ok(zone) = name.parse::<Tz>() {
            return Self::Named(zone);
        }
        let offset = i32::try_from(utc_offset_s).ok().and_then(FixedOffset::east_opt);
        Self::Fixed(offset.unwrap_or(Utc.fix()))
    }

    /// Returns the calendar day of this instant.
    pub(crate) fn day_of(self, at: Timestamp) -> NaiveDate {
        match self {
            Self::Named(zone) => at.to_utc().with_timezone(&zone).date_naive(),
            Self::Fixed(offset) => at.to_utc().with_timezone(&offset).date_naive(),
        }
    }

    /// Returns the instant this day begins: if clocks skip midnight, the first instant after the gap.
    pub(crate) fn midnight(self, day: NaiveDate) -> Timestamp {
        match self {
            Self::Named(zone) => first_instant(&zone, day),
            Self::Fixed(offset) => first_instant(&offset, day),
        }
    }
}

impl Default for Zone {
    fn default() -> Self {
        Self::Fixed(Utc.fix())
    }
}

fn first_instant<Z: TimeZone>(zone: &Z, day: NaiveDate) -> Timestamp {
    let midnight = day.and_time(NaiveTime::MIN);
    (0..5)
        .filter_map(|half_hours| midnight.checked_add_signed(TimeDelta::minutes(30 * half_hours)))
        .find_map(|wall_clock| match zone.from_local_datetime(&wall_clock) {
            LocalResult::Single(at) | LocalResult::Ambiguous(at, _) => Some(at.to_utc().into()),
            LocalResult::None => None,
        })
        .unwrap_or_else(|| midnight.and_utc().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        chrono::DateTime::parse_from_rfc3339(text).unwrap().to_utc().into()
    }

    #[test]
    fn the_same_instant_is_a_different_day_elsewhere() {
        let instant = at("2026-11-21T10:30:00Z");
        assert_eq!(Zone::new("Pacific/Auckland", 0).day_of(instant).to_string(), "2026-11-21");
        assert_eq!(Zone::new("Pacific/Kiritimati", 0).day_of(instant).to_string(), "2026-11-22");
        assert_eq!(Zone::new("", -11 * 3600).day_of(instant).to_string(), "2026-11-20");
        assert_eq!(Zone::new("Nowhere/Land", 0).day_of(instant).to_string(), "2026-11-21");
    }

    #[test]
    fn a_day_begins_at_its_own_midnight() {
        let oslo = Zone::new("Europe/Oslo", 0);
        assert_eq!(oslo.midnight("2026-01-15".parse().unwrap()), at("2026-01-15T00:00:00+01:00"));
        assert_eq!(oslo.midnight("2026-07-15".parse().unwrap()), at("2026-07-15T00:00:00+02:00"));
        // Beirut's clocks go from 00:00 to 01:00: that day has no midnight.
        let beirut = Zone::new("Asia/Beirut", 0);
        assert_eq!(beirut.midnight("2026-03-29".parse().unwrap()), at("2026-03-29T01:00:00+03:00"));
    }
}
