//! The place of the keys that seal tokens: a file or a passphrase.

use std::fmt;
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kernel::Ids;
use secrecy::SecretString;

use super::keyring_error::KeyringError;
use super::sealing::Keyring;

/// The place of the keys that seal tokens.
#[derive(Clone, Debug)]
pub enum KeySource {
    /// A file with one key per line.
    File(PathBuf),
    /// A passphrase of high entropy, which one key is derived from.
    Passphrase(SecretString),
}

impl fmt::Display for KeySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(file) => write!(f, "the key file {}", file.display()),
            Self::Passphrase(_) => write!(f, "token.encryption_key"),
        }
    }
}

impl KeySource {
    /// Reads the keys; none if there is no file.
    pub(crate) fn load(&self) -> Result<Option<Keyring>, KeyringError> {
        let file = match self {
            Self::Passphrase(passphrase) => return Keyring::from_passphrase(passphrase).map(Some),
            Self::File(file) => file,
        };
        let failed = |source| KeyringError::File { file: file.clone(), source };
        match std::fs::read_to_string(file) {
            Ok(text) => {
                let mode = std::fs::metadata(file).map_err(failed)?.permissions().mode();
                if mode & 0o077 != 0 {
                    tracing::warn!(file = %file.display(), "others may read the key file; chmod 600 it");
                }
                Keyring::parse(&text).map(Some)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed(error)),
        }
    }

    /// Reads the keys; a missing file is created with a new key, readable by its owner only.
    pub(crate) fn load_or_create(&self, ids: &dyn Ids) -> Result<Keyring, KeyringError> {
        if let Some(keys) = self.load()? {
            return Ok(keys);
        }
        let Self::File(file) = self else { return Err(KeyringError::Empty) };
        let created = create_private(file, &new_key_file(ids), ids)
            .map_err(|source| KeyringError::File { file: file.clone(), source })?;
        if created {
            tracing::info!(file = %file.display(), "created a key file; keep a copy of it apart from the database");
        }
        // Read again: another process may have been faster, and its key is the one that counts.
        self.load()?.ok_or(KeyringError::Empty)
    }
}

/// Creates a file that its owner alone may read, whole or not at all; returns false if there is one already. It is on
/// the disk before anything is sealed with it.
fn create_private(file: &Path, text: &str, ids: &dyn Ids) -> io::Result<bool> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    let mut suffix = [0; 8];
    ids.fill(&mut suffix);
    let unfinished = folder.join(format!(".token.keys.{}", hex::encode(suffix)));
    let outcome = write_private(&unfinished, text).and_then(|()| link_new(&unfinished, file));
    // Gone in any case; a link keeps what it names.
    let removed = std::fs::remove_file(&unfinished);
    let created = outcome?;
    removed?;
    std::fs::File::open(folder)?.sync_all()?;
    Ok(created)
}

fn write_private(file: &Path, text: &str) -> io::Result<()> {
    let mut created =
        std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(file)?;
    created.write_all(text.as_bytes())?;
    created.sync_all()
}

/// Gives a file its name, unless another file has it: unlike a rename, a link replaces nothing.
fn link_new(unfinished: &Path, file: &Path) -> io::Result<bool> {
    match std::fs::hard_link(unfinished, file) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error),
    }
}

/// The text of a key file with one new key.
fn new_key_file(ids: &dyn Ids) -> String {
    let mut name = [0; 4];
    ids.fill(&mut name);
    let id = format!("k{}", hex::encode(name));
    format!(
        "# Keys that seal tokens. The first seals, all open. Put a new one on top to rotate.\n{id} {}\n",
        STANDARD.encode(ids.secret())
    )
}

#[cfg(test)]
mod tests {
    use kernel::SystemIds;

    use super::*;
    use crate::store::TokenKind;

    #[test]
    fn a_key_file_is_made_once_and_for_its_owner_only() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("keys/token.keys");
        let source = KeySource::File(file.clone());
        assert!(source.load().unwrap().is_none());
        let first = source.load_or_create(&SystemIds).unwrap();
        let sealed = first.seal(&SystemIds, "c1", TokenKind::Access, "token").unwrap();
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        let second = source.load_or_create(&SystemIds).unwrap();
        assert!(second.open("c1", TokenKind::Access, &sealed).is_ok());
    }

    #[test]
    fn processes_that_start_at_once_agree_on_one_key() {
        for _round in 0..20 {
            let folder = tempfile::tempdir().unwrap();
            let source = KeySource::File(folder.path().join("keys/token.keys"));
            let start = std::sync::Barrier::new(4);
            let load = || {
                start.wait();
                source.load_or_create(&SystemIds).unwrap()
            };

            let rings: Vec<Keyring> = std::thread::scope(|scope| {
                let threads: Vec<_> = (0..4).map(|_| scope.spawn(load)).collect();
                threads.into_iter().map(|thread| thread.join().unwrap()).collect()
            });

            let sealed = rings[0].seal(&SystemIds, "c1", TokenKind::Access, "token").unwrap();
            assert!(rings.iter().all(|ring| ring.open("c1", TokenKind::Access, &sealed).is_ok()));
            let files = std::fs::read_dir(folder.path().join("keys")).unwrap().count();
            assert_eq!(files, 1, "nothing unfinished stays");
        }
    }
}
