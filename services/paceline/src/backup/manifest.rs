//! The manifest of a backup: every file with its size and digest.

use std::fmt::Write as _;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::Context;
use aws_lc_rs::digest;
use serde::{Deserialize, Serialize};

/// Name of the manifest in a backup.
const FILE: &str = "manifest.json";
/// Version of the layout.
pub(super) const FORMAT: u32 = 1;

/// The list of the files of a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Manifest {
    /// Version of the layout.
    pub(crate) format: u32,
    /// Version of the program that made it.
    pub(crate) version: String,
    /// RFC 3339.
    pub(crate) created_at: String,
    /// Every other file, by path.
    pub(crate) files: Vec<BackupFile>,
}

/// A file of a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct BackupFile {
    /// Path in the backup.
    pub(crate) path: PathBuf,
    /// Size.
    pub(crate) bytes: u64,
    /// SHA-256, in hexadecimal digits.
    pub(crate) sha256: String,
}

impl Manifest {
    /// Reads the manifest of a backup.
    pub(super) fn read(backup: &Path) -> anyhow::Result<Self> {
        let path = backup.join(FILE);
        let text = std::fs::read(&path)
            .with_context(|| format!("{} is no backup: it has no {FILE}", backup.display()))?;
        let manifest: Self = serde_json::from_slice(&text)
            .with_context(|| format!("{} cannot be understood", path.display()))?;
        anyhow::ensure!(
            manifest.format == FORMAT,
            "the backup has format {}, this program reads {FORMAT}",
            manifest.format
        );
        Ok(manifest)
    }

    /// Writes the manifest of a backup.
    pub(super) fn write(&self, backup: &Path) -> anyhow::Result<()> {
        let path = backup.join(FILE);
        std::fs::write(&path, serde_json::to_vec_pretty(self)?)?;
        File::open(&path)?.sync_all()?;
        Ok(())
    }

    /// Number of bytes of all files.
    pub(crate) fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }
}

/// Describes every file of a backup but the manifest, by path.
pub(super) fn describe(backup: &Path) -> anyhow::Result<Vec<BackupFile>> {
    let mut files = Vec::new();
    for path in list_files(backup)? {
        if path != Path::new(FILE) {
            files.push(describe_file(backup, path)?);
        }
    }
    Ok(files)
}

fn describe_file(backup: &Path, path: PathBuf) -> anyhow::Result<BackupFile> {
    let whole = backup.join(&path);
    let mut file =
        File::open(&whole).with_context(|| format!("cannot read {}", whole.display()))?;
    let mut hash = digest::Context::new(&digest::SHA256);
    let (mut bytes, mut buffer) = (0, vec![0; 1 << 16]);
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            break;
        }
        bytes += read as u64;
        hash.update(&buffer[..read]);
    }
    let mut sha256 = String::new();
    for byte in hash.finish().as_ref() {
        write!(sha256, "{byte:02x}")?;
    }
    Ok(BackupFile { path, bytes, sha256 })
}

/// Lists the files below a folder, by path relative to it. Without the folder there are none.
pub(super) fn list_files(root: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let (mut files, mut folders) = (Vec::new(), vec![root.to_owned()]);
    while let Some(folder) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else { continue };
        for entry in entries {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else {
                files.push(path.strip_prefix(root)?.to_owned());
            }
        }
    }
    files.sort();
    Ok(files)
}
