//! Encryption of tokens: AES-256-GCM, the key's id in the value, bound to its connection and column.

use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use kernel::Ids;
use secrecy::{ExposeSecret, SecretString};

use crate::domain::connection::SealedToken;

const VERSION: &str = "v1";

/// The keys that tokens are encrypted with: the first seals, all open.
pub struct Keyring {
    keys: Vec<Key>,
}

struct Key {
    id: String,
    key: LessSafeKey,
}

impl std::fmt::Debug for Keyring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.keys.iter().map(|key| &key.id)).finish()
    }
}

/// The reason there is no keyring.
#[derive(Debug, thiserror::Error)]
pub enum KeyringError {
    /// The file cannot be read or created.
    #[error("the key file {file} cannot be used")]
    File {
        /// The file.
        file: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// A line is not `ID BASE64`, with 32 bytes in the base64.
    #[error("line {0} of the key file is not a key id and 32 bytes in base64")]
    Line(usize),
    /// The file holds no key.
    #[error("the key file holds no key")]
    Empty,
}

/// A sealed value cannot be opened: unknown key, another connection or column, or tampered with.
#[derive(Debug, thiserror::Error)]
#[error("no key opens the sealed value")]
pub(crate) struct Unreadable;

/// The kind of a token; a sealed value is bound to it and to its connection.
#[derive(Clone, Copy, Debug)]
pub(crate) enum TokenKind {
    Access,
    Refresh,
}

impl TokenKind {
    const fn name(self) -> &'static str {
        match self {
            Self::Access => "access",
            Self::Refresh => "refresh",
        }
    }
}

impl Keyring {
    /// Reads the keys in this file, one per line: `ID BASE64`, the current one first, `#` for
    /// remarks. A missing file is created with a new key, readable by its owner only.
    pub fn open_or_create(file: &Path, ids: &dyn Ids) -> Result<Self, KeyringError> {
        let failed = |source| KeyringError::File { file: file.to_owned(), source };
        match std::fs::read_to_string(file) {
            Ok(text) => {
                let mode = std::fs::metadata(file).map_err(failed)?.permissions().mode();
                if mode & 0o077 != 0 {
                    tracing::warn!(file = %file.display(), "others may read the key file; chmod 600 it");
                }
                Self::parse(&text)
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let text = new_key_file(ids);
                if let Some(parent) = file.parent() {
                    std::fs::create_dir_all(parent).map_err(failed)?;
                }
                let mut created = std::fs::OpenOptions::new()
                    .write(true)
                    .create_new(true)
                    .mode(0o600)
                    .open(file)
                    .map_err(failed)?;
                created
                    .write_all(text.as_bytes())
                    .and_then(|()| created.sync_all())
                    .map_err(failed)?;
                tracing::info!(file = %file.display(), "created a key file; keep a copy of it apart from the database");
                Self::parse(&text)
            }
            Err(error) => Err(failed(error)),
        }
    }

    /// Parses the text of a key file.
    pub fn parse(text: &str) -> Result<Self, KeyringError> {
        let mut keys = Vec::new();
        for (number, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            keys.push(Key::parse(line).ok_or(KeyringError::Line(number + 1))?);
        }
        if keys.is_empty() { Err(KeyringError::Empty) } else { Ok(Self { keys }) }
    }

    /// Derives one key from a passphrase of high entropy (the predecessor's `ENCRYPTION_KEY`).
    pub fn from_passphrase(passphrase: &SecretString) -> Result<Self, KeyringError> {
        let bytes = digest(
            &SHA256,
            format!("paceline token key\n{}", passphrase.expose_secret()).as_bytes(),
        );
        let id = format!("p{}", &fingerprint(&STANDARD.encode(bytes.as_ref()))[..8]);
        Self::parse(&format!("{id} {}", STANDARD.encode(bytes.as_ref())))
    }

    /// Seals a secret for one column of one connection.
    pub(crate) fn seal(
        &self,
        ids: &dyn Ids,
        connection: &str,
        kind: TokenKind,
        secret: &str,
    ) -> Result<SealedToken, Unreadable> {
        let current = self.keys.first().ok_or(Unreadable)?;
        let mut nonce = [0; NONCE_LEN];
        ids.fill(&mut nonce);
        let mut bytes = secret.as_bytes().to_vec();
        current
            .key
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                aad(connection, kind),
                &mut bytes,
            )
            .map_err(|_unspecified| Unreadable)?;
        let mut packed = nonce.to_vec();
        packed.append(&mut bytes);
        Ok(SealedToken(format!("{VERSION}.{}.{}", current.id, URL_SAFE_NO_PAD.encode(packed))))
    }

    /// Opens a secret that was sealed for this column of this connection.
    pub(crate) fn open(
        &self,
        connection: &str,
        kind: TokenKind,
        sealed: &SealedToken,
    ) -> Result<SecretString, Unreadable> {
        let (key, packed) = self.split(sealed).ok_or(Unreadable)?;
        let mut packed = URL_SAFE_NO_PAD.decode(packed).map_err(|_not_base64| Unreadable)?;
        let (nonce, bytes) = packed.split_at_mut_checked(NONCE_LEN).ok_or(Unreadable)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_unspecified| Unreadable)?;
        let opened = key
            .key
            .open_in_place(nonce, aad(connection, kind), bytes)
            .map_err(|_unspecified| Unreadable)?;
        String::from_utf8(opened.to_vec()).map(SecretString::from).map_err(|_not_text| Unreadable)
    }

    /// Returns true if the current key sealed it.
    pub(crate) fn is_current(&self, sealed: &SealedToken) -> bool {
        self.split(sealed)
            .is_some_and(|(key, _)| self.keys.first().is_some_and(|current| current.id == key.id))
    }

    fn split<'s>(&self, sealed: &'s SealedToken) -> Option<(&Key, &'s str)> {
        let mut parts = sealed.0.splitn(3, '.');
        let (version, id, packed) = (parts.next()?, parts.next()?, parts.next()?);
        let key = self.keys.iter().find(|key| key.id == id)?;
        (version == VERSION).then_some((key, packed))
    }
}

impl Key {
    fn parse(line: &str) -> Option<Self> {
        let (id, key) = line.split_once(char::is_whitespace)?;
        let named = !id.is_empty()
            && id.len() <= 32
            && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        let bytes = STANDARD.decode(key.trim()).ok()?;
        let key = UnboundKey::new(&AES_256_GCM, &bytes).ok()?;
        named.then(|| Self { id: id.to_owned(), key: LessSafeKey::new(key) })
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

fn aad(connection: &str, kind: TokenKind) -> Aad<String> {
    Aad::from(format!("connection:{connection}:{}", kind.name()))
}

/// Hash of a secret, hexadecimal: tells secrets apart without revealing them, as they are long and random.
pub(crate) fn fingerprint(secret: &str) -> String {
    hex::encode(digest(&SHA256, secret.as_bytes()))
}

#[cfg(test)]
mod tests {
    use kernel::SystemIds;
    use proptest::prelude::*;

    use super::*;

    fn ring(ids: &[&str]) -> Keyring {
        let lines: Vec<String> = ids
            .iter()
            .map(|id| format!("{id} {}", STANDARD.encode(digest(&SHA256, id.as_bytes()).as_ref())))
            .collect();
        Keyring::parse(&lines.join("\n")).unwrap()
    }

    #[test]
    fn a_sealed_value_opens_only_where_it_belongs() {
        let ring = ring(&["a"]);
        let sealed = ring.seal(&SystemIds, "c1", TokenKind::Access, "token").unwrap();
        assert!(!sealed.0.contains("token"));
        assert_eq!(ring.open("c1", TokenKind::Access, &sealed).unwrap().expose_secret(), "token");
        assert!(ring.open("c2", TokenKind::Access, &sealed).is_err());
        assert!(ring.open("c1", TokenKind::Refresh, &sealed).is_err());
        assert!(self::ring(&["b"]).open("c1", TokenKind::Access, &sealed).is_err());
    }

    #[test]
    fn rotation_opens_the_old_and_seals_with_the_new() {
        let old = ring(&["a"]);
        let sealed = old.seal(&SystemIds, "c1", TokenKind::Access, "token").unwrap();
        let rotated = ring(&["b", "a"]);
        assert!(
            rotated.open("c1", TokenKind::Access, &sealed).is_ok() && !rotated.is_current(&sealed)
        );
        let again = rotated.seal(&SystemIds, "c1", TokenKind::Access, "token").unwrap();
        assert!(rotated.is_current(&again) && old.open("c1", TokenKind::Access, &again).is_err());
    }

    #[test]
    fn the_same_token_never_seals_alike() {
        let ring = ring(&["a"]);
        let seal = || ring.seal(&SystemIds, "c1", TokenKind::Access, "token").unwrap();
        assert_ne!(seal(), seal());
    }

    #[test]
    fn a_key_file_is_made_once_and_for_its_owner_only() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("keys/token.keys");
        let first = Keyring::open_or_create(&file, &SystemIds).unwrap();
        let sealed = first.seal(&SystemIds, "c1", TokenKind::Access, "token").unwrap();
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        let second = Keyring::open_or_create(&file, &SystemIds).unwrap();
        assert!(second.open("c1", TokenKind::Access, &sealed).is_ok());
    }

    #[test]
    fn a_wrong_key_file_is_refused_with_its_line() {
        assert!(matches!(Keyring::parse("# nothing\n"), Err(KeyringError::Empty)));
        assert!(matches!(Keyring::parse("\nshort c2hvcnQ=\n"), Err(KeyringError::Line(2))));
    }

    proptest! {
        #[test]
        fn no_sealed_text_is_too_odd_to_refuse(text in "[ -~]{0,60}", tail in "[A-Za-z0-9_-]{0,80}") {
            let ring = ring(&["a"]);
            prop_assert!(ring.open("c1", TokenKind::Access, &SealedToken(text)).is_err());
            let forged = SealedToken(format!("v1.a.{tail}"));
            prop_assert!(ring.open("c1", TokenKind::Access, &forged).is_err());
        }
    }
}
