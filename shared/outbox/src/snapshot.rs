//! Copies of SQLite files as of one moment.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use sea_orm::sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sea_orm::sqlx::{ConnectOptions as _, Connection as _, Executor as _, query, query_scalar};

use crate::StoreError;

/// Time limit for the lock of a file that a running program writes.
const BUSY_TIMEOUT: Duration = Duration::from_secs(30);

/// Copies each file to its new path, all as of one moment: every writer is held until the last copy is made. Returns how
/// long they were. A program may use the files meanwhile.
///
/// # Errors
///
/// [`StoreError`] if a file is missing, cannot be locked within half a minute, or cannot be copied.
pub async fn copy_sqlite_files(files: &[(PathBuf, PathBuf)]) -> Result<Duration, StoreError> {
    let mut held = Vec::new();
    let began = Instant::now();
    for (file, _) in files {
        let mut writer = connect(file, false).await?;
        writer.execute("BEGIN IMMEDIATE").await?;
        held.push(writer);
    }
    for (file, copy) in files {
        let mut reader = connect(file, false).await?;
        let copy = copy.to_string_lossy().into_owned();
        query("VACUUM INTO ?").bind(copy).execute(&mut reader).await?;
        reader.close().await?;
    }
    let duration = began.elapsed();
    for mut writer in held {
        writer.execute("ROLLBACK").await?;
        writer.close().await?;
    }
    Ok(duration)
}

/// Reads every page of a SQLite file that nobody uses; returns what is damaged.
///
/// # Errors
///
/// [`StoreError`] if it cannot be read at all.
pub async fn check_sqlite_file(file: &Path) -> Result<Vec<String>, StoreError> {
    let mut reader = connect(file, true).await?;
    let mut faults: Vec<String> =
        query_scalar("PRAGMA integrity_check(20)").fetch_all(&mut reader).await?;
    reader.close().await?;
    faults.retain(|fault| fault != "ok");
    Ok(faults)
}

async fn connect(file: &Path, immutable: bool) -> Result<SqliteConnection, StoreError> {
    let options = SqliteConnectOptions::new()
        .filename(file)
        .immutable(immutable)
        .read_only(immutable)
        .busy_timeout(BUSY_TIMEOUT)
        .disable_statement_logging();
    Ok(options.connect().await?)
}
