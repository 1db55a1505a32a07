//! Readers that take what Strava really sends: floats for integers, null or `[]` for nothing.

use chrono::NaiveDateTime;
use kernel::Timestamp;
use serde::de::Error;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// A whole number, also when it comes as `12.0` or `"12"`; anything else is nothing.
pub(crate) fn whole<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::Number(number) => number.as_i64().or_else(|| number.as_f64().and_then(round)),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    })
}

/// A number; anything else is nothing.
pub(crate) fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::Number(number) => number.as_f64().filter(|number| number.is_finite()),
        Value::String(text) => text.trim().parse().ok().filter(|number: &f64| number.is_finite()),
        _ => None,
    })
}

/// A text; anything else, and the empty one, is nothing.
pub(crate) fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::String(text) if !text.is_empty() => Some(text),
        _ => None,
    })
}

/// Yes or no, also as a word or a digit; anything else is no.
pub(crate) fn flag<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::Bool(flag) => flag,
        Value::String(word) => matches!(word.as_str(), "true" | "1"),
        Value::Number(number) => number.as_i64().is_some_and(|number| number != 0),
        _ => false,
    })
}

/// A position; `[]`, null and halves are nothing.
pub(crate) fn position<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<[f64; 2]>, D::Error> {
    let Value::Array(parts) = Value::deserialize(deserializer)? else { return Ok(None) };
    let parts: Vec<f64> = parts.iter().filter_map(Value::as_f64).collect();
    Ok(parts.try_into().ok())
}

/// An instant with an offset.
pub(crate) fn instant<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
    let text = String::deserialize(deserializer)?;
    chrono::DateTime::parse_from_rfc3339(&text)
        .map(|at| Timestamp::from(at.to_utc()))
        .map_err(D::Error::custom)
}

/// A wall clock reading; the `Z` that Strava writes behind it means nothing.
pub(crate) fn wall_clock<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<NaiveDateTime, D::Error> {
    let text = String::deserialize(deserializer)?;
    let reading = text.strip_suffix('Z').unwrap_or(&text);
    NaiveDateTime::parse_from_str(reading, "%Y-%m-%dT%H:%M:%S%.f").map_err(D::Error::custom)
}

fn round(number: f64) -> Option<i64> {
    // 2^53: beyond it a float no longer says which whole number was meant.
    (number.is_finite() && number.abs() <= 9_007_199_254_740_992.0).then(|| number.round() as i64)
}
