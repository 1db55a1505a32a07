//! Checks of a database: can it be written, and is it sound?

use crate::write_check::PROOF;
use crate::{Database, NotWritable, StoreError, sql};

/// Maximum number of faults that are returned.
const MAX_FAULTS: usize = 10;

impl Database {
    /// Checks that the database answers and can be written: a commit of the past seconds tells that, else
    /// one small write. Waiting for another transaction is no failure.
    ///
    /// # Errors
    ///
    /// [`NotWritable`] if the write fails, or is not possible within a time limit.
    pub async fn check_writable(&self) -> Result<(), NotWritable> {
        let write = async {
            if self.health().committed_within(PROOF) {
                return sql::exists(self.readers(), "SELECT 1", []).await.map(drop);
            }
            self.write_health_check().await
        };
        self.write_check().run(self.backend(), write).await
    }

    /// Writes the one row of the table `health_check`, however long that takes.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if it cannot be written.
    pub async fn write_health_check(&self) -> Result<(), StoreError> {
        self.run_plain("check_writable", |tx| async move {
            let now = self.clock().now().as_micros();
            let update = "UPDATE health_check SET written_at_us = ? WHERE id = 1";
            if sql::execute(tx.conn(), update, [now.into()]).await? == 0 {
                let insert = "INSERT INTO health_check (id, written_at_us) VALUES (1, ?)";
                sql::execute(tx.conn(), insert, [now.into()]).await?;
            }
            Ok(())
        })
        .await
    }

    /// Reads the whole database and returns its faults in the engine's words; none if it is sound.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if it cannot be read at all.
    pub async fn check_integrity(&self) -> Result<Vec<String>, StoreError> {
        match self.backend() {
            sea_orm::DbBackend::Sqlite => self.check_pages().await,
            _ => self.check_tables().await,
        }
    }

    async fn check_pages(&self) -> Result<Vec<String>, StoreError> {
        let check = format!("PRAGMA integrity_check({MAX_FAULTS})");
        let mut faults = sql::fetch_scalars::<String>(self.readers(), &check, []).await?;
        faults.retain(|fault| fault != "ok");
        Ok(faults)
    }

    async fn check_tables(&self) -> Result<Vec<String>, StoreError> {
        let list = "SELECT table_name FROM information_schema.tables \
             WHERE table_schema = DATABASE() AND table_type = 'BASE TABLE'";
        let tables = sql::fetch_scalars::<String>(self.readers(), list, []).await?;
        let mut faults = Vec::new();
        for table in tables {
            let check = format!("CHECK TABLE `{table}`");
            for row in sql::all(self.readers(), &check, []).await? {
                let kind: String = row.try_get_by_index(2)?;
                let text: String = row.try_get_by_index(3)?;
                if kind == "error" || (kind == "status" && text != "OK") {
                    faults.push(format!("{table}: {text}"));
                }
            }
        }
        faults.truncate(MAX_FAULTS);
        Ok(faults)
    }
}
