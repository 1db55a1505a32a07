//! The keys that sign session tokens, in a file that only the owner may read.

use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use auth::{Claims, KeySet};
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use jsonwebtoken::jwk::{Jwk, JwkSet, PublicKeyUse, ThumbprintHash};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use pem::Pem;

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
    /// Reads the key from a file, and generates it at the first start. Tokens of the key before it stay
    /// valid.
    pub fn open(path: &Path) -> Result<Self, KeyError> {
        let current = match read_der(path)? {
            Some(der) => parse_key(der)?,
            None => parse_key(generate(path)?)?,
        };
        let mut keys = vec![public_key(&current)?];
        let id = keys[0].common.key_id.clone().unwrap_or_default();
        if let Some(der) = read_der(&previous_path(path))? {
            keys.push(public_key(&parse_key(der)?)?);
        }
        Ok(Self { current, id, jwks: serde_json::to_string(&JwkSet { keys })? })
    }

    /// Generates a new key. Tokens of the previous key stay valid; those of the key before it do not.
    /// Running processes use the previous key until they restart.
    pub fn rotate(path: &Path) -> Result<Self, KeyError> {
        if path.exists() {
            std::fs::rename(path, previous_path(path))
                .map_err(|source| KeyError::File { path: path.to_owned(), source })?;
        }
        Self::open(path)
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
