//! Dumps all rows of all tables as text.

use std::fmt::Write as _;
use std::path::Path;

use sea_orm::sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions, SqliteRow};
use sea_orm::sqlx::{self, Column as _, MySqlPool, Row as _, TypeInfo as _, ValueRef as _};

/// Dumps a SQLite file.
pub(crate) async fn dump_sqlite(file: &Path) -> String {
    let options = SqliteConnectOptions::new().filename(file);
    let pool =
        SqlitePoolOptions::new().max_connections(1).connect_with(options).await.expect("SQLite");
    let tables: Vec<(String,)> = sqlx::query_as(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'",
    )
    .fetch_all(&pool)
    .await
    .expect("tables");
    let mut text = String::new();
    for (table,) in tables {
        let select = sqlx::AssertSqlSafe(format!("SELECT * FROM \"{table}\""));
        for row in sqlx::query(select).fetch_all(&pool).await.expect("rows") {
            let values = row.columns().iter().map(|column| {
                (column.name().to_owned(), read_sqlite_value(&row, column.ordinal()))
            });
            write_row(&mut text, &table, values);
        }
    }
    pool.close().await;
    text
}

fn read_sqlite_value(row: &SqliteRow, index: usize) -> Option<Vec<u8>> {
    let value = row.try_get_raw(index).expect("a value");
    if value.is_null() {
        return None;
    }
    match value.type_info().name() {
        "INTEGER" => {
            row.try_get::<i64, _>(index).ok().map(|number| number.to_string().into_bytes())
        }
        "REAL" => row.try_get::<f64, _>(index).ok().map(|number| number.to_string().into_bytes()),
        _ => row.try_get_unchecked(index).ok(),
    }
}

/// Dumps a database on a MySQL or MariaDB server.
pub(crate) async fn dump_mysql(pool: &MySqlPool) -> String {
    let tables: Vec<(String,)> = sqlx::query_as(
        "SELECT CAST(TABLE_NAME AS CHAR) FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE()",
    )
    .fetch_all(pool)
    .await
    .expect("tables");
    let mut text = String::new();
    for (table,) in tables {
        let columns: Vec<(String,)> = sqlx::query_as(
            "SELECT CAST(COLUMN_NAME AS CHAR) FROM information_schema.COLUMNS \
             WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = ? ORDER BY ORDINAL_POSITION",
        )
        .bind(&table)
        .fetch_all(pool)
        .await
        .expect("columns");
        let list: Vec<_> =
            columns.iter().map(|(name,)| format!("CAST(`{name}` AS BINARY) AS `{name}`")).collect();
        let select = sqlx::AssertSqlSafe(format!("SELECT {} FROM `{table}`", list.join(", ")));
        for row in sqlx::query(select).fetch_all(pool).await.expect("rows") {
            let values = columns.iter().enumerate();
            let values = values.map(|(index, (name,))| {
                (name.clone(), row.try_get_unchecked(index).expect("bytes"))
            });
            write_row(&mut text, &table, values);
        }
    }
    pool.close().await;
    text
}

fn write_row(
    text: &mut String,
    table: &str,
    values: impl Iterator<Item = (String, Option<Vec<u8>>)>,
) {
    text.push_str(table);
    for (name, value) in values {
        match value {
            None => _ = write!(text, " {name}=NULL"),
            Some(bytes) => match std::str::from_utf8(&bytes) {
                Ok(shown) => _ = write!(text, " {name}={shown}"),
                Err(_) => {
                    _ = write!(text, " {name}={} 0x", String::from_utf8_lossy(&bytes));
                    for byte in &bytes {
                        _ = write!(text, "{byte:02x}");
                    }
                }
            },
        }
    }
    text.push('\n');
}
