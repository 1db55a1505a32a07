//! The data directory: created, found writable, and locked.

use std::fs::{DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use rustix::fs::{Access, AtFlags, CWD, accessat};
use rustix::process::geteuid;
use url::Url;

/// Creates the directory, checks that this process can write it, locks it for this process, and takes the rights of
/// others away.
///
/// # Errors
///
/// Fails if anything in it cannot be written or stays open to others, or if another process holds the lock.
pub(super) fn open(data: &Path) -> anyhow::Result<File> {
    create_private_dir(data)
        .with_context(|| format!("cannot create the data directory {}", data.display()))?;
    check_writable(data)?;
    let lock = lock(data)?;
    let tightened = tighten(data)?;
    if let Some(first) = tightened.first() {
        tracing::warn!(
            files = tightened.len(),
            first = %first.display(),
            "what others could read in the data directory is now for its owner alone"
        );
    }
    Ok(lock)
}

/// Notes the address of the operations port in the lock's file, for the commands beside this process.
pub(crate) fn record_ops_address(data: &Path, address: &Url) {
    if let Err(error) = std::fs::write(lock_file(data), format!("{address}\n")) {
        tracing::warn!(%error, "commands beside this process need --ops-listen to find it");
    }
}

/// The address that the program on this data directory noted. None if nothing holds the lock: then whatever answers at
/// that address is another program, which must not be sent the credential.
pub(crate) fn recorded_ops_address(data: &Path) -> Option<Url> {
    let file = File::open(lock_file(data)).ok()?;
    if file.try_lock_shared().is_ok() {
        return None;
    }
    std::io::read_to_string(file).ok()?.trim().parse().ok()
}

fn lock_file(data: &Path) -> PathBuf {
    data.join("paceline.lock")
}

/// Takes the rights of group and others from what this process owns; returns what they had rights on.
fn tighten(data: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut tightened = Vec::new();
    for path in list_open_to_others(data)? {
        // A command beside this process may have removed a journal of SQLite's meanwhile.
        let Ok(metadata) = path.metadata() else { continue };
        if metadata.uid() != geteuid().as_raw() {
            continue;
        }
        let mode = metadata.permissions().mode() & 0o700;
        match std::fs::set_permissions(&path, Permissions::from_mode(mode)) {
            Ok(()) => tightened.push(path),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => {
                let (path, data) = (path.display(), data.display());
                return Err(error).with_context(|| {
                    format!("others can read {path}; to mend it: chmod -R go-rwx {data}")
                });
            }
        }
    }
    Ok(tightened)
}

/// Lists what somebody else has rights on: the directory, what is in it, and the keys. What lies deeper is out of reach
/// once these are closed.
pub(crate) fn list_open_to_others(data: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut paths = vec![data.to_owned()];
    for folder in [data.to_owned(), data.join("keys")] {
        let Ok(entries) = std::fs::read_dir(&folder) else { continue };
        for entry in entries {
            paths.push(entry?.path());
        }
    }
    // A link has no rights of its own.
    paths.retain(|path| {
        path.symlink_metadata()
            .is_ok_and(|it| !it.is_symlink() && it.permissions().mode() & 0o077 != 0)
    });
    Ok(paths)
}

/// Checks that this process can write the directory and the stores in it.
///
/// # Errors
///
/// Fails with the path, its owner, this process's uid, and the command that mends it.
pub(crate) fn check_writable(data: &Path) -> anyhow::Result<()> {
    for path in stores(data)? {
        if let Err(error) = accessat(CWD, &path, Access::WRITE_OK, AtFlags::EACCESS) {
            return Err(refusal(data, &path, error.into()));
        }
    }
    Ok(())
}

/// The directory, the object store's folder, and the files of databases and locks.
fn stores(data: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(data).map_err(|error| refusal(data, data, error))?;
    let mut stores = vec![data.to_owned()];
    for entry in entries {
        let path = entry.map_err(|error| refusal(data, data, error))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name == "objects"
            || [".db", "-wal", "-shm", ".lock"].iter().any(|end| name.ends_with(end))
        {
            stores.push(path);
        }
    }
    Ok(stores)
}

fn refusal(data: &Path, path: &Path, error: io::Error) -> anyhow::Error {
    let uid = geteuid().as_raw();
    if error.kind() == io::ErrorKind::ReadOnlyFilesystem {
        let remedy = format!("mount the file system of {} writable", data.display());
        return anyhow::Error::new(error)
            .context(format!("cannot write {}: {remedy}", path.display()));
    }
    let (owner, remedy) = match path.metadata() {
        Ok(metadata) => (
            format!(
                "it belongs to uid {} with mode {:o}",
                metadata.uid(),
                metadata.permissions().mode() & 0o7777
            ),
            if metadata.uid() == uid { "chmod -R u+rwX".to_owned() } else { change_owner(uid) },
        ),
        Err(_) => ("its owner cannot be read".to_owned(), change_owner(uid)),
    };
    let remedy = format!("{remedy} {}", data.display());
    anyhow::Error::new(error).context(format!(
        "cannot write {}: {owner}, and this process runs as uid {uid}; to mend it: {remedy}",
        path.display()
    ))
}

fn change_owner(uid: u32) -> String {
    format!("sudo chown -R {uid}")
}

/// Creates a directory with mode 0700; an existing one is left as it is.
fn create_private_dir(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

fn lock(data: &Path) -> anyhow::Result<File> {
    let path = lock_file(data);
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .with_context(|| format!("cannot write {}", path.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => bail!(
            "another paceline runs on the data directory {}: stop it, or choose another with --data-dir",
            data.display()
        ),
        Err(TryLockError::Error(error)) => {
            Err(error).with_context(|| format!("cannot lock {}", path.display()))
        }
    }
}
