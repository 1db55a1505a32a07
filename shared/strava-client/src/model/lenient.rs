//! Lenient deserializers: Strava sends floats for integers, and null or `[]` for absent values.

use chrono::NaiveDateTime;
use kernel::Timestamp;
use serde::de::Error;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// Deserializes an integer, also from `12.0` or `"12"`; anything else is absent.
pub(crate) fn integer<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::Number(number) => {
            number.as_i64().or_else(|| number.as_f64().and_then(round_to_integer))
        }
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    })
}

/// Deserializes a finite number, also from a string; anything else is absent.
pub(crate) fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::Number(number) => number.as_f64().filter(|number| number.is_finite()),
        Value::String(text) => text.trim().parse().ok().filter(|number: &f64| number.is_finite()),
        _ => None,
    })
}

/// Deserializes a non-empty string; anything else is absent.
pub(crate) fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::String(text) if !text.is_empty() => Some(text),
        _ => None,
    })
}

/// Deserializes a boolean, also from `"true"`, `"1"` or a number; anything else is false.
pub(crate) fn flag<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::Bool(flag) => flag,
        Value::String(text) => matches!(text.as_str(), "true" | "1"),
        Value::Number(number) => number.as_i64().is_some_and(|number| number != 0),
        _ => false,
    })
}

/// Deserializes a position of two numbers; anything else is absent.
pub(crate) fn position<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<[f64; 2]>, D::Error> {
    let Value::Array(parts) = Value::deserialize(deserializer)? else { return Ok(None) };
    let parts: Vec<f64> = parts.iter().filter_map(Value::as_f64).collect();
    Ok(parts.try_into().ok())
}

/// Deserializes an RFC 3339 instant.
pub(crate) fn instant<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
    let text = String::deserialize(deserializer)?;
    chrono::DateTime::parse_from_rfc3339(&text)
        .map(|at| Timestamp::from(at.to_utc()))
        .map_err(D::Error::custom)
}

/// Deserializes a local time; the `Z` that Strava appends is ignored.
pub(crate) fn wall_clock<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<NaiveDateTime, D::Error> {
    let text = String::deserialize(deserializer)?;
    let local_time = text.strip_suffix('Z').unwrap_or(&text);
    NaiveDateTime::parse_from_str(local_time, "%Y-%m-%dT%H:%M:%S%.f").map_err(D::Error::custom)
}

fn round_to_integer(number: f64) -> Option<i64> {
    // Beyond 2^53 not every integer has an exact float.
    (number.is_finite() && number.abs() <= 9_007_199_254_740_992.0).then(|| number.round() as i64)
}
