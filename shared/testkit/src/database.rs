//! A database for one test, dropped after it.

use std::time::Duration;

use outbox::{Database, StoreFaults, Target, sql};
use sea_orm::sqlx;
use sea_orm::sqlx::mysql::MySqlPoolOptions;
use sea_orm::sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};
use sea_orm::{DatabaseConnection, SqlxMySqlConnector, SqlxSqliteConnector};
use sea_orm_migration::MigrationTrait;
use tempfile::TempDir;
use url::Url;

use crate::dump;
use crate::servers::{mariadb_url, unique_name};

/// A database of a single test.
#[derive(Debug)]
pub struct TestDatabase {
    target: Target,
    directory: Option<TempDir>,
}

/// Returns a database on each engine: SQLite, and the MariaDB or MySQL server of `PACELINE_TEST_MARIADB`.
pub async fn databases() -> Vec<TestDatabase> {
    vec![TestDatabase::sqlite(), TestDatabase::mariadb().await]
}

/// Returns a database on each engine and what makes its transactions fail: I/O errors on SQLite, killed connections on
/// the server. Nothing fails until it is armed.
pub async fn faulty_databases() -> Vec<(TestDatabase, StoreFaults)> {
    let mariadb = TestDatabase::mariadb().await;
    let killer = mariadb.connect_to_server().await;
    vec![(TestDatabase::sqlite(), StoreFaults::io_errors()), (mariadb, StoreFaults::kills(killer))]
}

impl TestDatabase {
    /// A SQLite file in a temporary directory.
    pub fn sqlite() -> Self {
        let directory = TempDir::with_prefix("paceline-test-").expect("a temporary directory");
        let file = directory.path().join("store").join("test.db");
        Self { target: Target::Sqlite { file }, directory: Some(directory) }
    }

    /// A database on the server of `PACELINE_TEST_MARIADB`; `outbox::Database::open` creates it.
    pub async fn mariadb() -> Self {
        let name = format!("paceline_test_{}", unique_name());
        Self { target: Target::MySql { url: mariadb_url(), name }, directory: None }
    }

    /// Returns the target that the service under test opens.
    pub fn target(&self) -> Target {
        self.target.clone()
    }

    /// Returns the name of the engine, for messages.
    pub fn engine(&self) -> &'static str {
        match self.target {
            Target::Sqlite { .. } => "SQLite",
            Target::MySql { .. } => "MariaDB",
        }
    }

    /// Executes statements (separated by `;`) on a connection of its own.
    pub async fn execute(&self, statements: &str) {
        let conn = self.connect().await;
        for statement in statements.split(';').filter(|statement| !statement.trim().is_empty()) {
            sql::execute(&conn, statement, [])
                .await
                .unwrap_or_else(|error| panic!("{statement}: {error:?}"));
        }
        conn.close().await.expect("the connection closes");
    }

    /// Applies the migrations one after the other, each twice: as if the process had died before it was recorded.
    pub async fn migrate_with_crashes(&self, migrations: &[Box<dyn MigrationTrait>]) {
        for count in 1..=migrations.len() {
            let (applied, name) = (&migrations[..count], migrations[count - 1].name());
            for attempt in ["first", "after a crash"] {
                Database::migrate(&self.target, applied).await.unwrap_or_else(|error| {
                    panic!("{name} on {}, {attempt}: {error:?}", self.engine())
                });
                if attempt == "first" {
                    let forget = format!("DELETE FROM applied_migration WHERE name = '{name}'");
                    self.execute(&forget).await;
                }
            }
        }
    }

    /// Returns the first column of the first row as a number.
    pub async fn query_i64(&self, select: &str) -> i64 {
        let conn = self.connect().await;
        let row =
            sql::one(&conn, select, []).await.unwrap_or_else(|error| panic!("{select}: {error:?}"));
        let number = row.expect("a row").try_get_by_index(0).expect("a number");
        conn.close().await.expect("the connection closes");
        number
    }

    /// Returns all rows of all tables as text; blobs as lossy text and as hexadecimal digits. For tests
    /// that some value is not stored.
    pub async fn dump(&self) -> String {
        match &self.target {
            Target::Sqlite { file } => dump::dump_sqlite(file).await,
            Target::MySql { url, name } => {
                dump::dump_mysql(&connect_mysql(url, Some(name)).await).await
            }
        }
    }

    /// Returns the dump as bytes; for SQLite also the files, including free pages.
    pub async fn bytes(&self) -> Vec<u8> {
        let mut bytes = self.dump().await.into_bytes();
        if let Target::Sqlite { file } = &self.target {
            for suffix in ["", "-wal"] {
                let mut name = file.clone().into_os_string();
                name.push(suffix);
                bytes.extend(std::fs::read(name).unwrap_or_default());
            }
        }
        bytes
    }

    /// Opens a connection to the server, which may kill others.
    pub async fn connect_to_server(&self) -> DatabaseConnection {
        let Target::MySql { url, .. } = &self.target else { panic!("a SQLite file has no server") };
        SqlxMySqlConnector::from_sqlx_mysql_pool(connect_mysql(url, None).await)
    }

    /// Drops the database and ends every connection to it.
    pub async fn drop_and_disconnect(&self) {
        let Target::MySql { name, .. } = &self.target else {
            panic!("a SQLite file has no server")
        };
        let server = self.connect_to_server().await;
        let select = "SELECT CAST(ID AS SIGNED) FROM information_schema.PROCESSLIST WHERE DB = ?";
        let connections: Vec<i64> =
            sql::fetch_scalars(&server, select, [name.as_str().into()]).await.expect("a list");
        let drop = format!("DROP DATABASE `{name}`");
        sql::execute(&server, &drop, []).await.expect("the database is dropped");
        for id in connections {
            // One that has ended meanwhile is no matter.
            sql::execute(&server, &format!("KILL CONNECTION {id}"), []).await.ok();
        }
    }

    /// Opens a connection of its own.
    async fn connect(&self) -> DatabaseConnection {
        match &self.target {
            Target::Sqlite { file } => {
                let options = SqliteConnectOptions::new()
                    .filename(file)
                    .busy_timeout(Duration::from_secs(10));
                let pool = SqlitePoolOptions::new()
                    .max_connections(1)
                    .connect_with(options)
                    .await
                    .expect("SQLite");
                SqlxSqliteConnector::from_sqlx_sqlite_pool(pool)
            }
            Target::MySql { url, name } => {
                SqlxMySqlConnector::from_sqlx_mysql_pool(connect_mysql(url, Some(name)).await)
            }
        }
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        let Target::MySql { url, name } = &self.target else {
            drop(self.directory.take());
            return;
        };
        let (url, name) = (url.clone(), name.clone());
        // Drop may run inside a runtime, which must not be blocked: a thread with its own runtime.
        let dropped = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime");
            runtime.block_on(async {
                let pool = connect_mysql(&url, None).await;
                drop_database(&pool, &name).await;
                pool.close().await;
            });
        });
        drop(dropped.join());
    }
}

/// Drops a database that may still be in use. An open transaction would block the drop for ever, so all
/// connections are killed first.
async fn drop_database(pool: &sqlx::MySqlPool, name: &str) {
    let connections: Vec<(i64,)> = sqlx::query_as(
        "SELECT CAST(ID AS SIGNED) FROM information_schema.PROCESSLIST WHERE DB = ?",
    )
    .bind(name)
    .fetch_all(pool)
    .await
    .unwrap_or_default();
    for (connection,) in connections {
        // The connection may have closed meanwhile.
        drop(sqlx::query(sqlx::AssertSqlSafe(format!("KILL {connection}"))).execute(pool).await);
    }
    for statement in [
        "SET SESSION lock_wait_timeout = 10".to_owned(),
        format!("DROP DATABASE IF EXISTS `{name}`"),
    ] {
        if let Err(error) = sqlx::query(sqlx::AssertSqlSafe(statement)).execute(pool).await {
            tracing::warn!(%error, name, "cannot drop a test database");
        }
    }
}

async fn connect_mysql(url: &Url, name: Option<&str>) -> sqlx::MySqlPool {
    let mut url = url.clone();
    url.set_path(name.unwrap_or_default());
    MySqlPoolOptions::new()
        .max_connections(1)
        .acquire_timeout(Duration::from_secs(20))
        .connect(url.as_str())
        .await
        .unwrap_or_else(|error| {
            panic!("the server of PACELINE_TEST_MARIADB does not answer: {error}")
        })
}
