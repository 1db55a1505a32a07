//! The key that signs local sessions: made once, kept in a file that only we may read.

use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use auth::{Claims, KeySet};
use aws_lc_rs::digest;
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::{AlgorithmParameters, Jwk, JwkSet, PublicKeyUse};
use jsonwebtoken::{Algorithm, EncodingKey, Header};

/// Signs sessions.
#[derive(Clone)]
pub struct Keys {
    signing: EncodingKey,
    id: String,
    document: String,
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keys").field("id", &self.id).finish_non_exhaustive()
    }
}

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file cannot be read or written.
    #[error("the signing key {} cannot be read or written", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file holds no key.
    #[error("{} holds no signing key", .0.display())]
    NoKey(PathBuf),
    /// No key could be made.
    #[error("a signing key could not be made")]
    NotMade(#[from] aws_lc_rs::error::Unspecified),
    /// The key does not work.
    #[error("the signing key does not work")]
    Unusable(#[from] jsonwebtoken::errors::Error),
    /// The key set could not be written.
    #[error("the key set could not be written")]
    Document(#[from] serde_json::Error),
}

impl Keys {
    /// The key in this file, made at the first start; sessions of the key before it are still believed.
    pub fn open(path: &Path) -> Result<Self, KeyError> {
        let der = match read(path)? {
            Some(der) => der,
            None => made(path)?,
        };
        let (signing, now) = key_of(&der)?;
        let before = read(&former(path))?.map(|der| key_of(&der)).transpose()?;
        let id = now.common.key_id.clone().unwrap_or_default();
        let keys = std::iter::once(now).chain(before.map(|(_, key)| key)).collect();
        Ok(Self { signing, id, document: serde_json::to_string(&JwkSet { keys })? })
    }

    /// Makes a new key and keeps the one until now for checking only, in place of the one before it.
    /// Running programs go on with the old one until they start again.
    pub fn rotate(path: &Path) -> Result<Self, KeyError> {
        let fault = |source| KeyError::File { path: path.to_owned(), source };
        if path.exists() {
            std::fs::rename(path, former(path)).map_err(fault)?;
        }
        Self::open(path)
    }

    /// The public keys, as a JWKS document.
    pub fn document(&self) -> &str {
        &self.document
    }

    /// The public keys, to check tokens with in the same process.
    pub fn public(&self) -> Result<KeySet, KeyError> {
        Ok(KeySet::parse(&self.document)?)
    }

    /// A signed token that says this.
    pub(crate) fn sign(&self, claims: &Claims) -> Result<String, KeyError> {
        let header = Header { kid: Some(self.id.clone()), ..Header::new(Algorithm::RS256) };
        Ok(jsonwebtoken::encode(&header, claims, &self.signing)?)
    }
}

fn read(path: &Path) -> Result<Option<Vec<u8>>, KeyError> {
    match std::fs::read(path) {
        Ok(der) if der.is_empty() => Err(KeyError::NoKey(path.to_owned())),
        Ok(der) => Ok(Some(der)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(KeyError::File { path: path.to_owned(), source }),
    }
}

fn made(path: &Path) -> Result<Vec<u8>, KeyError> {
    let pair = KeyPair::generate(KeySize::Rsa2048)?;
    let der: Pkcs8V1Der<'_> = pair.as_der()?;
    keep(path, der.as_ref()).map_err(|source| KeyError::File { path: path.to_owned(), source })?;
    Ok(der.as_ref().to_vec())
}

/// Whole or not at all: a crash must not leave half a key behind.
fn keep(path: &Path, der: &[u8]) -> std::io::Result<()> {
    use std::io::Write;
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let draft = with_ending(path, "new");
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&draft)?;
    file.write_all(der)?;
    file.sync_all()?;
    std::fs::rename(&draft, path)?;
    path.parent().map_or(Ok(()), |folder| std::fs::File::open(folder)?.sync_all())
}

/// Where the key before this one is.
fn former(path: &Path) -> PathBuf {
    with_ending(path, "former")
}

fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(ending);
    name.into()
}

fn key_of(der: &[u8]) -> Result<(EncodingKey, Jwk), KeyError> {
    let signing = EncodingKey::from_rsa_pem(pem(der).as_bytes())?;
    let mut key = Jwk::from_encoding_key(&signing, Algorithm::RS256)?;
    key.common.public_key_use = Some(PublicKeyUse::Signature);
    key.common.key_id = Some(thumbprint(&key));
    Ok((signing, key))
}

fn pem(der: &[u8]) -> String {
    let body = base64::engine::general_purpose::STANDARD.encode(der);
    let lines: Vec<&str> = body
        .as_bytes()
        .chunks(64)
        .map(|line| std::str::from_utf8(line).unwrap_or_default())
        .collect();
    format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", lines.join("\n"))
}

/// RFC 7638: the key's own fingerprint is its id.
fn thumbprint(key: &Jwk) -> String {
    let text = match &key.algorithm {
        AlgorithmParameters::RSA(rsa) => {
            format!(r#"{{"e":"{}","kty":"RSA","n":"{}"}}"#, rsa.e, rsa.n)
        }
        _ => String::new(),
    };
    URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, text.as_bytes()))
}
