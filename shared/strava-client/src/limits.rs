//! Strava's rate limits: two buckets, each with a 15-minute and a daily window.

use reqwest::header::HeaderMap;
use serde::{Deserialize, Serialize};

/// A rate limit header: the count of the 15-minute window, then that of the day. Either may be absent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WindowCounts {
    /// Requests in the 15-minute window.
    pub quarter: Option<u32>,
    /// Requests in the day (UTC).
    pub day: Option<u32>,
}

/// Both buckets: `overall` counts all requests, `read` all but creations and uploads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RateLimits {
    /// `X-RateLimit-Limit`
    pub overall_limit: WindowCounts,
    /// `X-RateLimit-Usage`
    pub overall_usage: WindowCounts,
    /// `X-ReadRateLimit-Limit`
    pub read_limit: WindowCounts,
    /// `X-ReadRateLimit-Usage`; `,` in the response to a write, which has no counts
    pub read_usage: WindowCounts,
}

impl RateLimits {
    /// Parses the headers; none if there is no rate limit header.
    pub fn from_headers(headers: &HeaderMap) -> Option<Self> {
        let counts = |name: &str| {
            headers.get(name).and_then(|value| value.to_str().ok()).map(WindowCounts::parse)
        };
        let headers = [
            counts("x-ratelimit-limit"),
            counts("x-ratelimit-usage"),
            counts("x-readratelimit-limit"),
            counts("x-readratelimit-usage"),
        ];
        if headers.iter().all(Option::is_none) {
            return None;
        }
        let [overall_limit, overall_usage, read_limit, read_usage] =
            headers.map(Option::unwrap_or_default);
        Some(Self { overall_limit, overall_usage, read_limit, read_usage })
    }
}

impl WindowCounts {
    /// Counts of both windows.
    pub const fn new(quarter: u32, day: u32) -> Self {
        Self { quarter: Some(quarter), day: Some(day) }
    }

    /// Parses `70,303`; a part that is no number is absent.
    fn parse(text: &str) -> Self {
        let mut counts = text.split(',').map(|count| count.trim().parse().ok());
        Self { quarter: counts.next().flatten(), day: counts.next().flatten() }
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
    fn both_buckets_are_read_in_any_casing() {
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
    fn a_single_comma_means_no_counts() {
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
        fn two_counts_are_read_with_any_spaces_around_them(
            quarter in 0_u32..10_000_000, day in 0_u32..10_000_000, before in " {0,3}", after in " {0,3}",
        ) {
            prop_assert_eq!(WindowCounts::parse(&format!("{before}{quarter}{after},{before}{day}{after}")), WindowCounts::new(quarter, day));
        }

        #[test]
        fn no_header_value_panics(text in "[ -~]{0,40}") {
            let _counts = WindowCounts::parse(&text);
            let _read = RateLimits::from_headers(&headers(&[("x-ratelimit-usage", text.as_str())]));
        }
    }
}
