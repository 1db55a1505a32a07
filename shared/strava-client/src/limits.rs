//! Strava's budget as its headers tell it: two buckets, each over a quarter of an hour and a day.

use reqwest::header::HeaderMap;
use serde::{Deserialize, Serialize};

/// One header: the figure of the quarter of an hour, then that of the day. Either may be empty.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WindowCounts {
    /// Of the current quarter of an hour.
    pub quarter: Option<u32>,
    /// Of the current day, UTC.
    pub day: Option<u32>,
}

/// Both buckets: `overall` counts every call, `read` every call but creations and uploads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RateLimits {
    /// `X-RateLimit-Limit`
    pub overall_limit: WindowCounts,
    /// `X-RateLimit-Usage`
    pub overall_usage: WindowCounts,
    /// `X-ReadRateLimit-Limit`
    pub read_limit: WindowCounts,
    /// `X-ReadRateLimit-Usage`; a write answers `,` here, which says nothing
    pub read_usage: WindowCounts,
}

impl RateLimits {
    /// The budget in these headers, in whatever casing; none when no such header is there.
    pub fn from_headers(headers: &HeaderMap) -> Option<Self> {
        let figures = |name: &str| {
            headers.get(name).and_then(|value| value.to_str().ok()).map(WindowCounts::parse)
        };
        let found = [
            figures("x-ratelimit-limit"),
            figures("x-ratelimit-usage"),
            figures("x-readratelimit-limit"),
            figures("x-readratelimit-usage"),
        ];
        if found.iter().all(Option::is_none) {
            return None;
        }
        let [overall_limit, overall_usage, read_limit, read_usage] =
            found.map(Option::unwrap_or_default);
        Some(Self { overall_limit, overall_usage, read_limit, read_usage })
    }
}

impl WindowCounts {
    /// Both figures.
    pub const fn new(quarter: u32, day: u32) -> Self {
        Self { quarter: Some(quarter), day: Some(day) }
    }

    /// `70,303`, `,`, or anything else: what is no number says nothing.
    fn parse(text: &str) -> Self {
        let mut halves = text.split(',').map(|half| half.trim().parse().ok());
        Self { quarter: halves.next().flatten(), day: halves.next().flatten() }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use reqwest::header::{HeaderName, HeaderValue};

    use super::*;

    fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| {
                (
                    HeaderName::from_bytes(name.as_bytes()).unwrap(),
                    HeaderValue::from_str(value).unwrap(),
                )
            })
            .collect()
    }

    #[test]
    fn both_pairs_are_read_in_any_casing() {
        let limits = RateLimits::from_headers(&headers(&[
            ("X-Ratelimit-Limit", "200,2000"),
            ("X-RateLimit-Usage", "70, 303"),
            ("x-readratelimit-limit", "100,1000"),
            ("X-READRATELIMIT-USAGE", "69,302"),
        ]));
        let expected = RateLimits {
            overall_limit: WindowCounts::new(200, 2000),
            overall_usage: WindowCounts::new(70, 303),
            read_limit: WindowCounts::new(100, 1000),
            read_usage: WindowCounts::new(69, 302),
        };
        assert_eq!(limits, Some(expected));
    }

    #[test]
    fn the_comma_a_write_answers_says_nothing() {
        let limits = RateLimits::from_headers(&headers(&[
            ("x-ratelimit-usage", "79,222"),
            ("x-readratelimit-usage", ","),
        ]))
        .unwrap();
        assert_eq!(
            (limits.overall_usage, limits.read_usage),
            (WindowCounts::new(79, 222), WindowCounts::default())
        );
    }

    #[test]
    fn headers_of_2018_without_a_read_bucket_are_enough() {
        let limits =
            RateLimits::from_headers(&headers(&[("x-ratelimit-limit", "600,30000")])).unwrap();
        assert_eq!(
            (limits.overall_limit, limits.read_limit),
            (WindowCounts::new(600, 30000), WindowCounts::default())
        );
        assert_eq!(RateLimits::from_headers(&HeaderMap::new()), None);
    }

    proptest! {
        #[test]
        fn two_figures_are_read_whatever_stands_around_them(
            quarter in 0_u32..10_000_000, day in 0_u32..10_000_000, before in " {0,3}", after in " {0,3}",
        ) {
            prop_assert_eq!(WindowCounts::parse(&format!("{before}{quarter}{after},{before}{day}{after}")), WindowCounts::new(quarter, day));
        }

        #[test]
        fn no_header_is_too_odd_to_survive(text in "[ -~]{0,40}") {
            let _figures = WindowCounts::parse(&text);
            let _read = RateLimits::from_headers(&headers(&[("x-ratelimit-usage", text.as_str())]));
        }
    }
}
