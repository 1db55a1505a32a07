//! Typed values of columns.

use std::str::FromStr;

use outbox::StoreError;
use sea_orm::{QueryResult, TryGetable, Value};

/// Reads a column.
pub(super) fn get<T: TryGetable>(row: &QueryResult, column: &str) -> Result<T, StoreError> {
    Ok(row.try_get("", column)?)
}

/// Reads an id stored as text.
pub(super) fn id<T: FromStr>(row: &QueryResult, column: &str) -> Result<T, StoreError> {
    let text: String = get(row, column)?;
    parse(&text, column)
}

/// Reads an optional id stored as text.
pub(super) fn maybe_id<T: FromStr>(
    row: &QueryResult,
    column: &str,
) -> Result<Option<T>, StoreError> {
    let text: Option<String> = get(row, column)?;
    text.map(|text| parse(&text, column)).transpose()
}

/// Reads a flag stored as 0 or 1.
pub(super) fn flag(row: &QueryResult, column: &str) -> Result<bool, StoreError> {
    Ok(get::<i64>(row, column)? != 0)
}

/// Converts a flag to its stored value.
pub(super) fn bit(flag: bool) -> Value {
    i64::from(flag).into()
}

fn parse<T: FromStr>(text: &str, column: &str) -> Result<T, StoreError> {
    text.parse().map_err(|_invalid| {
        StoreError::inconsistent(format!("the column {column} does not hold an id: {text:?}"))
    })
}
