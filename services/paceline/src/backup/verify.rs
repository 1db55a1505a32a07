//! Verifies a backup.

use std::path::Path;

use anyhow::{bail, ensure};

use super::layout::DATABASES;
use super::manifest::{Manifest, describe};

/// Checks that every file is there as it was written, that no other one is, and that every page of the databases can be
/// read.
///
/// # Errors
///
/// Fails with what is wrong.
pub(crate) async fn verify(backup: &Path) -> anyhow::Result<Manifest> {
    let manifest = Manifest::read(backup)?;
    let found = describe(backup)?;
    for expected in &manifest.files {
        let path = expected.path.display();
        match found.iter().find(|file| file.path == expected.path) {
            None => bail!("{path} is missing from the backup"),
            Some(file) => ensure!(file == expected, "{path} is not as it was written"),
        }
    }
    if let Some(stranger) = found.iter().find(|file| !manifest.files.contains(file)) {
        bail!("{} does not belong to the backup", stranger.path.display());
    }
    for file in manifest.files.iter().filter(|file| file.path.starts_with(DATABASES)) {
        let faults = outbox::snapshot::check_sqlite_file(&backup.join(&file.path)).await?;
        ensure!(faults.is_empty(), "{} is damaged: {}", file.path.display(), faults.join("; "));
    }
    Ok(manifest)
}
