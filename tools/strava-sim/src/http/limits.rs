//! The rate-limit headers.

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};

use crate::world::Verdict;

/// Writes the four headers; on a write the read usage is a bare comma.
pub(super) fn write(headers: &mut HeaderMap, verdict: &Verdict) {
    let limits = verdict.limits;
    let pair = |[quarter, day]: [u32; 2]| format!("{quarter},{day}");
    let usage = verdict.read.map_or_else(|| ",".to_owned(), pair);
    for (name, value) in [
        ("x-ratelimit-limit", pair([limits.overall_15min, limits.overall_day])),
        ("x-ratelimit-usage", pair(verdict.overall)),
        ("x-readratelimit-limit", pair([limits.read_15min, limits.read_day])),
        ("x-readratelimit-usage", usage),
    ] {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
}
