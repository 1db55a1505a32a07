//! Secrets that the program generates at the first start: one file each, mode 0600.

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::Context;
use kernel::Ids;
use secrecy::SecretString;

/// The file of the credential of internal calls.
pub(crate) const INTERNAL_CREDENTIAL: &str = "internal-credential";

/// The folder of keys and secrets in the data directory.
pub(crate) fn folder(data: &Path) -> PathBuf {
    data.join("keys")
}

/// The key that signs local sessions.
pub(crate) fn identity_key(data: &Path) -> PathBuf {
    folder(data).join("identity.key")
}

/// Returns the secret that the operator set, or the one generated at the first start.
pub(crate) fn load_or_generate(
    given: Option<&SecretString>,
    data: &Path,
    name: &str,
    ids: &dyn Ids,
) -> anyhow::Result<SecretString> {
    if let Some(given) = given {
        return Ok(given.clone());
    }
    let file = folder(data).join(name);
    match std::fs::read_to_string(&file) {
        Ok(text) if !text.trim().is_empty() => Ok(text.trim().into()),
        Ok(_) => {
            anyhow::bail!("{} is empty: remove it, and a new one is generated", file.display())
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => generate(&file, ids),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", file.display())),
    }
}

/// Returns a secret that was generated before; generates none.
pub(crate) fn load(data: &Path, name: &str) -> Option<SecretString> {
    let text = std::fs::read_to_string(folder(data).join(name)).ok()?;
    Some(text.trim()).filter(|text| !text.is_empty()).map(SecretString::from)
}

fn generate(file: &Path, ids: &dyn Ids) -> anyhow::Result<SecretString> {
    use base64::Engine;
    let text = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(ids.secret());
    let write = || -> std::io::Result<()> {
        if let Some(folder) = file.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let mut open = std::fs::OpenOptions::new();
        let mut secret = open.write(true).create_new(true).mode(0o600).open(file)?;
        secret.write_all(text.as_bytes())?;
        secret.sync_all()
    };
    write().with_context(|| format!("cannot write {}", file.display()))?;
    Ok(text.into())
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn a_secret_is_generated_once_and_readable_only_by_its_owner() {
        use std::os::unix::fs::PermissionsExt;
        let data = tempfile::tempdir().unwrap();
        let ids = kernel::SystemIds;

        let first = load_or_generate(None, data.path(), "webhook", &ids).unwrap();
        let second = load_or_generate(None, data.path(), "webhook", &ids).unwrap();

        assert_eq!(first.expose_secret(), second.expose_secret());
        let mode =
            std::fs::metadata(folder(data.path()).join("webhook")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
