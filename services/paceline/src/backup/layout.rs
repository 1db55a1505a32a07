//! The folders of a backup and of the data directory.

/// The folder of a backup with the databases and the log.
pub(super) const DATABASES: &str = "databases";
/// The folder of a backup, and of the data directory, with the objects.
pub(super) const OBJECTS: &str = "objects";
/// The folder of the data directory with the keys.
pub(super) const KEYS: &str = "keys";
/// The file that a data directory has until its restore is finished.
pub(super) const UNFINISHED: &str = "restore-unfinished";
