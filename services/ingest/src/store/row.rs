//! Typed values out of rows.

use std::str::FromStr;

use outbox::StoreError;
use sea_orm::{QueryResult, TryGetable, Value};

/// The column's value.
pub(super) fn get<T: TryGetable>(row: &QueryResult, column: &str) -> Result<T, StoreError> {
    Ok(row.try_get("", column)?)
}

/// A column that holds an id as text.
pub(super) fn id<T: FromStr>(row: &QueryResult, column: &str) -> Result<T, StoreError> {
    let text: String = get(row, column)?;
    parse(&text, column)
}

/// A column that holds an id as text, or nothing.
pub(super) fn maybe_id<T: FromStr>(
    row: &QueryResult,
    column: &str,
) -> Result<Option<T>, StoreError> {
    let text: Option<String> = get(row, column)?;
    text.map(|text| parse(&text, column)).transpose()
}

/// A flag, kept as 0 or 1.
pub(super) fn flag(row: &QueryResult, column: &str) -> Result<bool, StoreError> {
    Ok(get::<i64>(row, column)? != 0)
}

/// A flag as it is kept.
pub(super) fn bit(flag: bool) -> Value {
    i64::from(flag).into()
}

fn parse<T: FromStr>(text: &str, column: &str) -> Result<T, StoreError> {
    text.parse().map_err(|_no_id| {
        StoreError::inconsistent(format!("the column {column} holds no id: {text:?}"))
    })
}
