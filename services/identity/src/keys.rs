//! The keys that sign session tokens, in a file that only the owner may read.

use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use auth::{Claims, KeySet};
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use jsonwebtoken::jwk::{Jwk, PublicKeyUse, ThumbprintHash};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use kernel::Timestamp;
use pem::Pem;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The current signing key, and the public keys that tokens are verified with.
#[derive(Clone)]
pub struct SigningKeys {
    current: EncodingKey,
    id: String,
    jwks: String,
}

impl std::fmt::Debug for SigningKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SigningKeys").field("id", &self.id).finish_non_exhaustive()
    }
}

/// The times of the former key, in Unix seconds, as its entry in the key set tells them.
#[derive(Serialize, Deserialize)]
struct Rotation {
    /// It signs nothing that claims to be issued later.
    rotated_at: i64,
    /// It is not valid from then on.
    exp: i64,
}

/// A key could not be read, generated or used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file cannot be read or written.
    #[error("the signing key {} cannot be read or written", .path.display())]
    File {
        /// Path of the file.
        path: PathBuf,
        /// I/O error.
        source: std::io::Error,
    },
    /// The file holds no key.
    #[error("{} holds no signing key", .0.display())]
    NoKey(PathBuf),
    /// No key could be generated.
    #[error("cannot generate a signing key")]
    NotGenerated(#[from] aws_lc_rs::error::Unspecified),
    /// The key is invalid, or does not sign.
    #[error("the signing key is invalid")]
    Invalid(#[from] jsonwebtoken::errors::Error),
    /// The JWKS document could not be written or parsed.
    #[error("the key set is invalid")]
    KeySet(#[from] serde_json::Error),
}

impl SigningKeys {
    /// Reads the key from a file, and generates it at the first start. Sessions of the key before it stay
    /// valid until that one retires.
    pub fn open(path: &Path, now: Timestamp) -> Result<Self, KeyError> {
        let current = match read_der(path)? {
            Some(der) => parse_key(der)?,
            None => parse_key(generate(path)?)?,
        };
        let mut keys = vec![serde_json::to_value(public_key(&current)?)?];
        let id = keys[0]["kid"].as_str().unwrap_or_default().to_owned();
        keys.extend(former_key(path, now)?);
        Ok(Self { current, id, jwks: json!({ "keys": keys }).to_string() })
    }

    /// Generates a new key. The previous key retires once the last session that it may have signed by now has ended;
    /// the key before it retires now. Running processes sign with the previous key until they restart.
    pub fn rotate(path: &Path, now: Timestamp, session: Duration) -> Result<Self, KeyError> {
        let file = |source| KeyError::File { path: path.to_owned(), source };
        if path.exists() {
            remove_if_present(&previous_path(path)).map_err(file)?;
            let times = Rotation { rotated_at: now.as_secs(), exp: now.plus(session).as_secs() };
            write_atomically(&rotation_path(path), &serde_json::to_vec(&times)?).map_err(file)?;
            std::fs::rename(path, previous_path(path)).map_err(file)?;
        }
        Self::open(path, now)
    }

    /// Returns the public keys as a JWKS document.
    pub fn jwks(&self) -> &str {
        &self.jwks
    }

    /// Returns the public keys, to verify tokens in the same process.
    pub fn key_set(&self) -> Result<KeySet, KeyError> {
        Ok(KeySet::parse(&self.jwks)?)
    }

    /// Signs a token with these claims.
    pub(crate) fn sign(&self, claims: &Claims) -> Result<String, KeyError> {
        let header = Header { kid: Some(self.id.clone()), ..Header::new(Algorithm::RS256) };
        Ok(jsonwebtoken::encode(&header, claims, &self.current)?)
    }
}

/// Returns the entry of the former key, unless it has retired. One of an unknown rotation has.
fn former_key(path: &Path, now: Timestamp) -> Result<Option<Value>, KeyError> {
    let Some(times) = read_der(&rotation_path(path))? else { return Ok(None) };
    let times: Rotation = serde_json::from_slice(&times)?;
    if times.exp <= now.as_secs() {
        return Ok(None);
    }
    let Some(der) = read_der(&previous_path(path))? else { return Ok(None) };
    let mut key = serde_json::to_value(public_key(&parse_key(der)?)?)?;
    key["rotated_at"] = times.rotated_at.into();
    key["exp"] = times.exp.into();
    Ok(Some(key))
}

fn remove_if_present(path: &Path) -> std::io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn read_der(path: &Path) -> Result<Option<Vec<u8>>, KeyError> {
    match std::fs::read(path) {
        Ok(der) if der.is_empty() => Err(KeyError::NoKey(path.to_owned())),
        Ok(der) => Ok(Some(der)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(KeyError::File { path: path.to_owned(), source }),
    }
}

fn generate(path: &Path) -> Result<Vec<u8>, KeyError> {
    let pair = KeyPair::generate(KeySize::Rsa2048)?;
    let der: Pkcs8V1Der<'_> = pair.as_der()?;
    write_atomically(path, der.as_ref())
        .map_err(|source| KeyError::File { path: path.to_owned(), source })?;
    Ok(der.as_ref().to_vec())
}

/// Writes a new file and renames it, so that a crash leaves no partial key behind.
fn write_atomically(path: &Path, der: &[u8]) -> std::io::Result<()> {
    use std::io::Write;
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let temporary = with_suffix(path, "new");
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&temporary)?;
    file.write_all(der)?;
    file.sync_all()?;
    std::fs::rename(&temporary, path)?;
    path.parent().map_or(Ok(()), |folder| std::fs::File::open(folder)?.sync_all())
}

/// Returns the path of the previous key.
fn previous_path(path: &Path) -> PathBuf {
    with_suffix(path, "former")
}

/// Returns the path of the times of the previous key.
fn rotation_path(path: &Path) -> PathBuf {
    with_suffix(path, "rotation")
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(suffix);
    name.into()
}

/// Parses a PKCS#8 key; `jsonwebtoken` takes that format as PEM only.
fn parse_key(der: Vec<u8>) -> Result<EncodingKey, KeyError> {
    let pem = pem::encode(&Pem::new("PRIVATE KEY", der));
    Ok(EncodingKey::from_rsa_pem(pem.as_bytes())?)
}

/// Returns the public key, with its RFC 7638 thumbprint as its id.
fn public_key(key: &EncodingKey) -> Result<Jwk, KeyError> {
    let mut public = Jwk::from_encoding_key(key, Algorithm::RS256)?;
    public.common.public_key_use = Some(PublicKeyUse::Signature);
    public.common.key_id = Some(public.thumbprint(ThumbprintHash::SHA256)?);
    Ok(public)
}
