//! Makes a backup.

use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use kernel::Timestamp;

use super::layout::{DATABASES, KEYS, OBJECTS};
use super::manifest::{FORMAT, Manifest, describe, list_files};
use crate::compose::{SERVICES, database_target, log_file};
use crate::settings::Settings;

/// A backup that was made.
pub(crate) struct Created {
    pub(crate) manifest: Manifest,
    /// Time for which all writers were held.
    pub(crate) held: Duration,
}

/// Copies databases, log and objects of one moment into a new folder, and the keys into another one if it is named. The
/// folder appears when it is complete.
///
/// # Errors
///
/// Fails if the installation uses Kafka, a database server or another object store, if the folder exists, or if anything
/// cannot be copied.
pub(crate) async fn create(
    settings: &Settings,
    to: &Path,
    keys: Option<&Path>,
    now: Timestamp,
) -> anyhow::Result<Created> {
    ensure_one_process(settings)?;
    ensure!(!to.exists(), "{} exists: a backup goes into a new folder", to.display());
    if let Some(keys) = keys {
        ensure!(!keys.starts_with(to), "the keys belong in another place than the backup");
        ensure!(!keys.exists(), "{} exists: keys go into a new folder", keys.display());
    }
    let partial = partial_path(to)?;
    if partial.exists() {
        std::fs::remove_dir_all(&partial)?;
    }
    create_private(&partial.join(DATABASES))?;
    let data = &settings.data.dir;
    let files = database_files(settings)?;
    let copies: Vec<(PathBuf, PathBuf)> = files
        .into_iter()
        .filter_map(|file| {
            let name = file.file_name()?.to_owned();
            Some((file, partial.join(DATABASES).join(name)))
        })
        .collect();
    let held = outbox::snapshot::copy_sqlite_files(&copies).await?;
    // An object is stored before the transaction that names it: those of the moment are all there.
    copy_tree(&data.join(OBJECTS), &partial.join(OBJECTS))?;
    let manifest = Manifest {
        format: FORMAT,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        created_at: now.to_rfc3339(),
        files: describe(&partial)?,
    };
    manifest.write(&partial)?;
    if let Some(keys) = keys {
        copy_tree(&data.join(KEYS), keys)?;
    }
    std::fs::rename(&partial, to).with_context(|| format!("cannot name {}", to.display()))?;
    Ok(Created { manifest, held })
}

/// Refuses installations of which this process does not hold everything.
pub(super) fn ensure_one_process(settings: &Settings) -> anyhow::Result<()> {
    let elsewhere = if settings.kafka.brokers.is_some() {
        "the log is on Kafka"
    } else if settings.database.url.is_some() {
        "the databases are on a server"
    } else if settings.objects.url.is_some() {
        "the objects are in another store"
    } else {
        return Ok(());
    };
    bail!("{elsewhere}: a backup of one moment is made there, see docs/runbooks/backup.md")
}

/// The SQLite files of the installation: every service's, and the log.
fn database_files(settings: &Settings) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in &SERVICES {
        match database_target(settings, entry.name) {
            outbox::Target::Sqlite { file } if file.exists() => files.push(file),
            _ => {}
        }
    }
    let log = log_file(&settings.data.dir);
    if log.exists() {
        files.push(log);
    }
    ensure!(!files.is_empty(), "{} holds no databases", settings.data.dir.display());
    Ok(files)
}

fn partial_path(to: &Path) -> anyhow::Result<PathBuf> {
    let mut name = to.file_name().context("name the folder of the backup")?.to_owned();
    name.push(".partial");
    Ok(to.with_file_name(name))
}

pub(super) fn create_private(folder: &Path) -> anyhow::Result<()> {
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .with_context(|| format!("cannot create {}", folder.display()))
}

/// Copies every file below a folder. One that is deleted meanwhile is left out.
pub(super) fn copy_tree(from: &Path, to: &Path) -> anyhow::Result<()> {
    create_private(to)?;
    for path in list_files(from)? {
        let copy = to.join(&path);
        if let Some(parent) = copy.parent() {
            create_private(parent)?;
        }
        match std::fs::copy(from.join(&path), &copy) {
            Ok(_) => std::fs::File::open(&copy)?.sync_all()?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => {
                return Err(error).with_context(|| format!("cannot copy {}", path.display()));
            }
        }
    }
    Ok(())
}
