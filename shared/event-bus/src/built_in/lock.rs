//! A lock file beside the log, so that only one process opens it. The system releases it when the process ends.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;

use crate::BusError;

/// The lock, held until it is dropped.
#[derive(Debug)]
pub(crate) struct FileLock(#[expect(dead_code, reason = "held for the lock it carries")] File);

impl FileLock {
    pub(crate) fn acquire(log: &Path) -> Result<Self, BusError> {
        let mut lock_file = log.as_os_str().to_owned();
        lock_file.push(".lock");
        let unusable = |source| BusError::File { file: log.to_owned(), source };
        if let Some(folder) = log.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder).map_err(unusable)?;
        }
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(lock_file)
            .map_err(unusable)?;
        match file.try_lock() {
            Ok(()) => Ok(Self(file)),
            Err(TryLockError::WouldBlock) => Err(BusError::LogInUse { file: log.to_owned() }),
            Err(TryLockError::Error(source)) => Err(unusable(source)),
        }
    }
}
