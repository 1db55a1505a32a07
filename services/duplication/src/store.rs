//! The service's own tables: the only place that writes SQL.

pub(crate) mod activity_revisions;
pub(crate) mod connections;
pub(crate) mod copies;
pub(crate) mod links;
pub(crate) mod migrations;

use std::str::FromStr;

use outbox::{StoreError, sql};
use sea_orm::{ConnectionTrait, FromQueryResult, Value};

/// Parses a stored value; anything unreadable is a broken row.
fn parse<T: FromStr>(text: &str, column: &'static str) -> Result<T, StoreError> {
    text.parse().map_err(|_unreadable| unreadable(column, text))
}

fn unreadable(column: &'static str, found: &str) -> StoreError {
    StoreError::inconsistent(format!("{column} of {found:?} cannot be read"))
}

/// Returns the first row of a query as a domain value, if there is one.
async fn fetch_one<R, T>(
    conn: &impl ConnectionTrait,
    select: &str,
    values: impl IntoIterator<Item = Value> + Send,
) -> Result<Option<T>, StoreError>
where
    R: FromQueryResult,
    T: TryFrom<R, Error = StoreError>,
{
    let row = sql::one(conn, select, values).await?;
    row.map(|row| T::try_from(R::from_query_result(&row, "")?)).transpose()
}

/// Returns every row of a query as domain values.
async fn fetch_all<R, T>(
    conn: &impl ConnectionTrait,
    select: &str,
    values: impl IntoIterator<Item = Value> + Send,
) -> Result<Vec<T>, StoreError>
where
    R: FromQueryResult,
    T: TryFrom<R, Error = StoreError>,
{
    let rows = sql::all(conn, select, values).await?;
    rows.iter().map(|row| T::try_from(R::from_query_result(row, "")?)).collect()
}
