//! Statements with `?` placeholders, alike on SQLite and MySQL.

use sea_orm::{ConnectionTrait, FromQueryResult, QueryResult, Statement, TryGetable, Value};

use crate::StoreError;

/// Runs a statement and returns the number of rows its WHERE matched. Never decide by it after an upsert.
pub async fn execute<C: ConnectionTrait>(
    conn: &C,
    sql: &str,
    values: impl IntoIterator<Item = Value> + Send,
) -> Result<u64, StoreError> {
    let statement = Statement::from_sql_and_values(conn.get_database_backend(), sql, values);
    Ok(conn.execute_raw(statement).await?.rows_affected())
}

/// The first row, if there is one.
pub async fn one<C: ConnectionTrait>(
    conn: &C,
    sql: &str,
    values: impl IntoIterator<Item = Value> + Send,
) -> Result<Option<QueryResult>, StoreError> {
    let statement = Statement::from_sql_and_values(conn.get_database_backend(), sql, values);
    Ok(conn.query_one_raw(statement).await?)
}

/// Every row.
pub async fn all<C: ConnectionTrait>(
    conn: &C,
    sql: &str,
    values: impl IntoIterator<Item = Value> + Send,
) -> Result<Vec<QueryResult>, StoreError> {
    let statement = Statement::from_sql_and_values(conn.get_database_backend(), sql, values);
    Ok(conn.query_all_raw(statement).await?)
}

/// The placeholders of an `IN (…)` of this length.
pub fn placeholders(count: usize) -> String {
    let mut text = "?,".repeat(count);
    text.pop();
    text
}

/// True if the query has a row.
pub async fn exists<C: ConnectionTrait>(
    conn: &C,
    sql: &str,
    values: impl IntoIterator<Item = Value> + Send,
) -> Result<bool, StoreError> {
    Ok(one(conn, sql, values).await?.is_some())
}

/// The first row as `R`, if there is one.
pub async fn fetch_one<R: FromQueryResult>(
    conn: &impl ConnectionTrait,
    sql: &str,
    values: impl IntoIterator<Item = Value> + Send,
) -> Result<Option<R>, StoreError> {
    let row = one(conn, sql, values).await?;
    Ok(row.map(|row| R::from_query_result(&row, "")).transpose()?)
}

/// Every row as `R`.
pub async fn fetch_all<R: FromQueryResult>(
    conn: &impl ConnectionTrait,
    sql: &str,
    values: impl IntoIterator<Item = Value> + Send,
) -> Result<Vec<R>, StoreError> {
    let rows = all(conn, sql, values).await?;
    rows.iter().map(|row| Ok(R::from_query_result(row, "")?)).collect()
}

/// The first column of the first row, if there is one. `T` is an `Option` where the column may be NULL.
pub async fn fetch_scalar<T: TryGetable>(
    conn: &impl ConnectionTrait,
    sql: &str,
    values: impl IntoIterator<Item = Value> + Send,
) -> Result<Option<T>, StoreError> {
    let row = one(conn, sql, values).await?;
    Ok(row.map(|row| row.try_get_by_index(0)).transpose()?)
}

/// The first column of every row.
pub async fn fetch_scalars<T: TryGetable>(
    conn: &impl ConnectionTrait,
    sql: &str,
    values: impl IntoIterator<Item = Value> + Send,
) -> Result<Vec<T>, StoreError> {
    let rows = all(conn, sql, values).await?;
    rows.iter().map(|row| Ok(row.try_get_by_index(0)?)).collect()
}
