//! One process per log: a lock beside the file, which the system lifts when the process ends.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;

use crate::BusError;

/// The lock, held until it is dropped.
#[derive(Debug)]
pub(crate) struct Lock(#[expect(dead_code, reason = "held for the lock it carries")] File);

impl Lock {
    pub(crate) fn take(log: &Path) -> Result<Self, BusError> {
        let mut file = log.as_os_str().to_owned();
        file.push(".lock");
        let unusable = |source| BusError::File { file: log.to_owned(), source };
        if let Some(folder) = log.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder).map_err(unusable)?;
        }
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(file)
            .map_err(unusable)?;
        match file.try_lock() {
            Ok(()) => Ok(Self(file)),
            Err(TryLockError::WouldBlock) => Err(BusError::LogInUse { file: log.to_owned() }),
            Err(TryLockError::Error(source)) => Err(unusable(source)),
        }
    }
}
