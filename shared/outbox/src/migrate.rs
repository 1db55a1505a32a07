//! Runs migrations in order, each once, also after a crash between one and its record.

use sea_orm::sqlx;
use sea_orm::{ConnectionTrait, DatabaseConnection, DbErr, RuntimeErr};
use sea_orm_migration::{IntoSchemaManagerConnection, MigrationTrait, SchemaManager};

use crate::connection_health::ConnectionHealth;
use crate::{StoreError, Target, connect, sql};

/// The table of applied migrations.
const CREATE_TABLE: &str = "CREATE TABLE IF NOT EXISTS applied_migration (name VARCHAR(191) NOT NULL PRIMARY KEY, position BIGINT NOT NULL)";
/// Time limit, in seconds, for another process that migrates the same MySQL database.
const LOCK_TIMEOUT_S: i64 = 120;

/// Applies missing migrations, one process at a time.
pub(crate) async fn up(
    target: &Target,
    migrations: &[Box<dyn MigrationTrait>],
) -> Result<(), StoreError> {
    let conn = match target {
        Target::Sqlite { file } => {
            connect::sqlite_writer(file, &ConnectionHealth::default()).await?
        }
        Target::MySql { url, name } => connect::mysql_pool(
            connect::mysql_database(url, name).await?,
            &ConnectionHealth::default(),
        ),
    };
    let outcome = match target {
        Target::Sqlite { .. } => {
            // DDL is transactional here: one process migrates, in one commit, and the other waits.
            let raw = crate::raw_tx::begin(&conn).await?;
            match apply(&raw, migrations).await {
                Ok(()) => raw.commit().await.map_err(StoreError::from),
                Err(error) => Err(error),
            }
        }
        Target::MySql { name, .. } => {
            // The lock lives in a session, so the transaction pins the connection; DDL commits
            // by itself on this engine whatever the transaction thinks.
            let lock = format!("paceline.{name}");
            let holder = crate::raw_tx::begin(&conn).await?;
            sql::exists(
                &holder,
                "SELECT GET_LOCK(?, ?)",
                [lock.clone().into(), LOCK_TIMEOUT_S.into()],
            )
            .await?;
            let outcome = apply(&conn, migrations).await;
            sql::exists(&holder, "SELECT RELEASE_LOCK(?)", [lock.into()]).await?;
            holder.rollback().await?;
            outcome
        }
    };
    conn.close().await?;
    outcome
}

async fn apply<'c, C>(conn: &'c C, migrations: &[Box<dyn MigrationTrait>]) -> Result<(), StoreError>
where
    C: ConnectionTrait,
    &'c C: IntoSchemaManagerConnection<'c>,
{
    sql::execute(conn, CREATE_TABLE, []).await?;
    let applied = applied(conn).await?;
    let manager = SchemaManager::new(conn);
    for (position, migration) in migrations.iter().enumerate() {
        if applied.iter().any(|name| name == migration.name()) {
            continue;
        }
        match migration.up(&manager).await {
            Ok(()) => {}
            Err(error) if already_exists(&error) => {
                tracing::info!(
                    migration = migration.name(),
                    "the migration was applied before, but not recorded"
                );
            }
            Err(error) => {
                tracing::error!(migration = migration.name(), %error, "a migration failed");
                return Err(error.into());
            }
        }
        sql::execute(
            conn,
            "INSERT INTO applied_migration (name, position) VALUES (?, ?)",
            [migration.name().into(), (position as i64).into()],
        )
        .await?;
    }
    Ok(())
}

/// The names of the migrations that are not applied yet.
pub(crate) async fn missing(
    conn: &DatabaseConnection,
    migrations: &[Box<dyn MigrationTrait>],
) -> Result<Vec<String>, StoreError> {
    let applied = if SchemaManager::new(conn).has_table("applied_migration").await? {
        applied(conn).await?
    } else {
        Vec::new()
    };
    Ok(migrations
        .iter()
        .map(|migration| migration.name().to_owned())
        .filter(|name| !applied.contains(name))
        .collect())
}

async fn applied<C: ConnectionTrait>(conn: &C) -> Result<Vec<String>, StoreError> {
    sql::fetch_scalars(conn, "SELECT name FROM applied_migration", []).await
}

/// True if the object exists already. MySQL has no `CREATE INDEX IF NOT EXISTS`, SQLite no `ADD COLUMN
/// IF NOT EXISTS`: with one DDL statement per migration, the crash came after it.
fn already_exists(error: &DbErr) -> bool {
    let (DbErr::Exec(RuntimeErr::SqlxError(cause)) | DbErr::Query(RuntimeErr::SqlxError(cause))) =
        error
    else {
        return false;
    };
    let sqlx::Error::Database(cause) = cause.as_ref() else {
        return false;
    };
    match cause.try_downcast_ref::<sqlx::mysql::MySqlDatabaseError>() {
        // table, column, key
        Some(error) => matches!(error.number(), 1050 | 1060 | 1061),
        None => cause.message().starts_with("duplicate column name"),
    }
}
