//! Parts that the rows of several tables share.

use std::str::FromStr;

use outbox::{StoreError, sql};
use sea_orm::{ConnectionTrait, FromQueryResult, Value};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Result;
use crate::domain::observation::StreamsRef;

/// A table whose rows are written whole.
pub(super) struct Table {
    pub(super) name: &'static str,
    /// All columns, separated by commas, those of the key last.
    pub(super) columns: &'static str,
    /// Number of columns of the key.
    pub(super) key_columns: usize,
}

impl Table {
    /// Inserts a row or, if it is stored already, updates it. The values are in the order of the columns.
    pub(super) async fn save(
        &self,
        conn: &impl ConnectionTrait,
        values: Vec<Value>,
        is_stored: bool,
    ) -> Result<()> {
        if !is_stored {
            return self.insert(conn, values).await;
        }
        let columns: Vec<_> = self.columns.split(", ").collect();
        let (columns, key) = columns.split_at(columns.len() - self.key_columns);
        let (set, matches) = (columns.join(" = ?, "), key.join(" = ? AND "));
        let update = format!("UPDATE {} SET {set} = ? WHERE {matches} = ?", self.name);
        sql::execute(conn, &update, values).await?;
        Ok(())
    }

    /// Inserts a row. The values are in the order of the columns.
    pub(super) async fn insert(
        &self,
        conn: &impl ConnectionTrait,
        values: Vec<Value>,
    ) -> Result<()> {
        let (name, columns) = (self.name, self.columns);
        let insert =
            format!("INSERT INTO {name} ({columns}) VALUES ({})", sql::placeholders(values.len()));
        sql::execute(conn, &insert, values).await?;
        Ok(())
    }
}

/// The columns of stored streams; the key is null without streams.
#[derive(Debug, FromQueryResult)]
pub(super) struct StreamsRow {
    key: String,
    bytes: i64,
    points: i64,
    kinds: String,
}

impl From<StreamsRow> for StreamsRef {
    fn from(row: StreamsRow) -> Self {
        let StreamsRow { key, bytes, points, kinds } = row;
        Self { key, bytes, points, kinds: split_words(&kinds) }
    }
}

/// Parses an id stored as text.
pub(super) fn parse_id<T: FromStr>(text: &str) -> Result<T> {
    text.parse().map_err(|_invalid| StoreError::inconsistent(format!("{text:?} is not an id")))
}

/// Splits the comma-separated words of a column.
pub(super) fn split_words(text: &str) -> Vec<String> {
    text.split(',').filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// Truncates a text to the length of its column, in characters.
pub(super) fn truncate(text: &str, max: usize) -> Value {
    text.chars().take(max).collect::<String>().into()
}

/// Converts an optional value to JSON.
pub(super) fn to_json<T: Serialize>(value: Option<&T>) -> Result<Value> {
    let text = value.map(serde_json::to_string).transpose();
    text.map(Value::from).map_err(|error| StoreError::inconsistent(error.to_string()))
}

/// Parses an optional value from JSON.
pub(super) fn from_json<T: DeserializeOwned>(text: Option<&str>) -> Result<Option<T>> {
    let value = text.map(serde_json::from_str).transpose();
    value.map_err(|error| StoreError::inconsistent(error.to_string()))
}
