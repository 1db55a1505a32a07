//! Connections to each engine: pools, pragmas, session settings.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::{Duration, Instant};

use sea_orm::sqlx::mysql::{MySqlConnectOptions, MySqlConnection, MySqlPoolOptions};
use sea_orm::sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous,
};
use sea_orm::sqlx::{self, ConnectOptions as _, Executor as _, SqlitePool};
use sea_orm::{DatabaseConnection, SqlxMySqlConnector, SqlxSqliteConnector};
use url::Url;

use crate::StoreError;
use crate::connection_health::ConnectionHealth;

/// Time limit for SQLite's lock, which only another process can hold.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Pause between two attempts to open a SQLite file that another process holds.
const BUSY_PAUSE: Duration = Duration::from_millis(20);
/// Time limit for a connection to a SQLite file.
const SQLITE_ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);
/// Time limit for a connection to MySQL.
const MYSQL_ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);
/// Maximum connections of each of the two MySQL pools of a service.
const MYSQL_CONNECTIONS: u32 = 10;
/// Maximum reading connections of a SQLite file.
const SQLITE_READERS: u32 = 4;

/// The place of a service's database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A SQLite file; created with its directory when missing.
    Sqlite {
        /// The file.
        file: PathBuf,
    },
    /// A database on a MySQL or MariaDB server; created when missing and allowed.
    MySql {
        /// The server and the account.
        url: Url,
        /// The database, `paceline_<service>`.
        name: String,
    },
}

impl Target {
    /// Returns true if the database exists; creates nothing.
    pub async fn exists(&self) -> Result<bool, StoreError> {
        match self {
            Self::Sqlite { file } => Ok(file.exists()),
            Self::MySql { url, name } => {
                let server = MySqlConnectOptions::from_str(url.as_str())?;
                let mut conn = server.disable_statement_logging().connect().await?;
                let exists = find_collation(&mut conn, name).await?.is_some();
                sqlx::Connection::close(conn).await?;
                Ok(exists)
            }
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite { file } => write!(f, "the file {}", file.display()),
            Self::MySql { url, name } => {
                let (host, port) = (url.host_str().unwrap_or_default(), url.port().unwrap_or(3306));
                write!(f, "the database {name} at {host}:{port}")
            }
        }
    }
}

/// Connects the one writer of a SQLite file.
///
/// `synchronous=FULL`: after `kill -9` NORMAL would do, but after a power cut it loses the last
/// commits of this file while the log's own file, which is FULL, remembers that they were settled.
pub(crate) async fn sqlite_writer(
    file: &Path,
    health: &ConnectionHealth,
) -> Result<DatabaseConnection, StoreError> {
    if let Some(parent) = file.parent() {
        std::fs::create_dir_all(parent)
            .map_err(|error| StoreError::from(sqlx::Error::Io(error)))?;
    }
    let options = sqlite_options(file).create_if_missing(true).synchronous(SqliteSynchronous::Full);
    let pool_options = SqlitePoolOptions::new()
        .max_connections(1)
        .min_connections(1)
        .acquire_timeout(SQLITE_ACQUIRE_TIMEOUT)
        .test_before_acquire(false)
        .idle_timeout(None)
        .max_lifetime(None)
        .before_acquire({
            let health = health.clone();
            move |_conn, meta| {
                let sound = health.accepts(meta.age);
                Box::pin(async move { Ok(sound) })
            }
        });
    let pool = connect_while_busy(pool_options, options).await?;
    Ok(SqlxSqliteConnector::from_sqlx_sqlite_pool(pool))
}

/// Connects, and tries again for [`BUSY_TIMEOUT`] while another process holds the file.
///
/// The busy time-out of a connection does not cover its first pragma: the change of a new file to
/// WAL fails at once when another process changes it too.
async fn connect_while_busy(
    pool_options: SqlitePoolOptions,
    options: SqliteConnectOptions,
) -> Result<SqlitePool, sqlx::Error> {
    let deadline = Instant::now() + BUSY_TIMEOUT;
    loop {
        match pool_options.clone().connect_with(options.clone()).await {
            Err(error) if is_busy(&error) && Instant::now() < deadline => {
                tokio::time::sleep(BUSY_PAUSE).await;
            }
            result => return result,
        }
    }
}

/// Returns true for `SQLITE_BUSY`, the low byte of an extended code, such as 261.
fn is_busy(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    code.and_then(|code| code.parse::<u32>().ok()).is_some_and(|code| code & 0xff == 5)
}

/// A pool of readers of a SQLite file, connected when first needed.
pub(crate) fn sqlite_readers(file: &Path) -> DatabaseConnection {
    let pool = SqlitePoolOptions::new()
        .max_connections(SQLITE_READERS)
        .acquire_timeout(SQLITE_ACQUIRE_TIMEOUT)
        .test_before_acquire(false)
        .idle_timeout(None)
        .max_lifetime(None)
        .connect_lazy_with(sqlite_options(file).pragma("query_only", "ON"));
    SqlxSqliteConnector::from_sqlx_sqlite_pool(pool)
}

fn sqlite_options(file: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(file)
        .journal_mode(SqliteJournalMode::Wal)
        .foreign_keys(true)
        .busy_timeout(BUSY_TIMEOUT)
        .disable_statement_logging()
}

/// A pool on a MySQL database: READ COMMITTED, lock time-out 5 s instead of 50.
pub(crate) fn mysql_pool(
    options: MySqlConnectOptions,
    health: &ConnectionHealth,
) -> DatabaseConnection {
    let health = health.clone();
    let pool = MySqlPoolOptions::new()
        .max_connections(MYSQL_CONNECTIONS)
        .acquire_timeout(MYSQL_ACQUIRE_TIMEOUT)
        // After a failover a connection may lead to a server that became read-only.
        .max_lifetime(Duration::from_mins(5))
        .idle_timeout(Duration::from_mins(2))
        .test_before_acquire(false)
        .before_acquire(move |conn, meta| {
            let sound = health.accepts(meta.age);
            Box::pin(async move {
                if !sound {
                    return Ok(false);
                }
                if meta.idle_for > Duration::from_secs(5) {
                    sqlx::Connection::ping(conn).await?;
                }
                Ok(true)
            })
        })
        .after_connect(|conn, _| {
            Box::pin(async move {
                conn.execute("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED").await?;
                conn.execute("SET SESSION innodb_lock_wait_timeout = 5").await?;
                Ok(())
            })
        })
        .connect_lazy_with(options);
    SqlxMySqlConnector::from_sqlx_mysql_pool(pool)
}

/// Connection options of the database `name` on the server at `url`; creates it if the account may.
pub(crate) async fn mysql_database(
    url: &Url,
    name: &str,
) -> Result<MySqlConnectOptions, StoreError> {
    if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
        return Err(StoreError::inconsistent(format!("{name:?} is not a valid database name")));
    }
    let server = MySqlConnectOptions::from_str(url.as_str())?.disable_statement_logging();
    let mut conn = server.clone().connect().await?;
    let create =
        format!("CREATE DATABASE IF NOT EXISTS `{name}` CHARACTER SET utf8mb4 COLLATE utf8mb4_bin");
    // An account without that right uses a database that was created for it.
    if let Err(error) = conn.execute(sqlx::AssertSqlSafe(create)).await {
        tracing::debug!(%error, name, "the database could not be created");
    }
    let collation = find_collation(&mut conn, name).await?;
    sqlx::Connection::close(conn).await?;
    match collation {
        Some(collation) if collation != "utf8mb4_bin" => Err(StoreError::inconsistent(format!(
            "the database {name} collates by {collation}, not utf8mb4_bin"
        ))),
        Some(_) => Ok(server.database(name)),
        None => Err(StoreError::inconsistent(format!(
            "there is no database {name} and it could not be created"
        ))),
    }
}

/// The collation of a database; none if it does not exist, or is not for this account to see.
async fn find_collation(
    conn: &mut MySqlConnection,
    name: &str,
) -> Result<Option<String>, StoreError> {
    let row: Option<(String,)> = sqlx::query_as(
        "SELECT CAST(DEFAULT_COLLATION_NAME AS CHAR) FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = ?",
    )
    .bind(name)
    .fetch_optional(conn)
    .await?;
    Ok(row.map(|(collation,)| collation))
}
