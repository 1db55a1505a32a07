//! The table `database_identity`: one row with the id of the database, which a wiped database lacks.

use outbox::{Database, StoreError, sql};
use sea_orm::{ConnectionTrait, DbBackend};

/// Returns the id of the database, or none if its row is missing.
pub(crate) async fn find(conn: &impl ConnectionTrait) -> Result<Option<String>, StoreError> {
    sql::fetch_scalar(conn, "SELECT database_id FROM database_identity WHERE id = 1", []).await
}

/// Returns the id of the database, which is created if there is none.
pub(crate) async fn find_or_create(database: &Database) -> Result<String, StoreError> {
    if let Some(id) = find(database.writer()).await? {
        return Ok(id);
    }
    let now = database.clock().now();
    let inserted = sql::execute(
        database.writer(),
        "INSERT INTO database_identity (id, database_id, created_at_us) VALUES (1, ?, ?)",
        [database.ids().uuid_v7(now).to_string().into(), now.as_micros().into()],
    )
    .await;
    match inserted {
        // A unique violation: another instance has just created it.
        Ok(_) | Err(StoreError::UniqueViolation) => {}
        Err(error) => return Err(error),
    }
    let created = find(database.writer()).await?;
    created.ok_or_else(|| StoreError::inconsistent("the database did not keep its id"))
}

/// True if the table is there; asked of the engine's catalogue, so that no error has to be interpreted.
pub(crate) async fn table_exists(conn: &impl ConnectionTrait) -> Result<bool, StoreError> {
    let catalogue = match conn.get_database_backend() {
        DbBackend::Sqlite => {
            "SELECT COUNT(*) FROM sqlite_master WHERE type = 'table' AND name = 'database_identity'"
        }
        _ => {
            "SELECT COUNT(*) FROM information_schema.tables \
             WHERE table_schema = DATABASE() AND table_name = 'database_identity'"
        }
    };
    let count: Option<i64> = sql::fetch_scalar(conn, catalogue, []).await?;
    Ok(count.unwrap_or_default() > 0)
}
