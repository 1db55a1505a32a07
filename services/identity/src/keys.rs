//! The key that signs local sessions: made once, kept in a file that only we may read.

use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use auth::{Claims, KeySet};
use aws_lc_rs::digest;
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::{AlgorithmParameters, Jwk, JwkSet};
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
    /// The key in this file; made at the first start.
    pub fn open(path: &Path) -> Result<Self, KeyError> {
        let fault = |source| KeyError::File { path: path.to_owned(), source };
        match std::fs::read(path) {
            Ok(der) if der.is_empty() => Err(KeyError::NoKey(path.to_owned())),
            Ok(der) => Self::from_pkcs8(&der),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let made = KeyPair::generate(KeySize::Rsa2048)?;
                let der: Pkcs8V1Der<'_> = made.as_der()?;
                keep(path, der.as_ref()).map_err(fault)?;
                Self::from_pkcs8(der.as_ref())
            }
            Err(error) => Err(fault(error)),
        }
    }

    fn from_pkcs8(der: &[u8]) -> Result<Self, KeyError> {
        let pem = pem(der);
        let signing = EncodingKey::from_rsa_pem(pem.as_bytes())?;
        let mut key = Jwk::from_encoding_key(&signing, Algorithm::RS256)?;
        let id = thumbprint(&key);
        key.common.key_id = Some(id.clone());
        let document = serde_json::to_string(&JwkSet { keys: vec![key] })?;
        Ok(Self { signing, id, document })
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

fn keep(path: &Path, der: &[u8]) -> std::io::Result<()> {
    use std::io::Write;
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(der)?;
    file.sync_all()
}

fn pem(der: &[u8]) -> String {
    let body = base64::engine::general_purpose::STANDARD.encode(der);
    let lines: Vec<&str> =
        body.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap_or_default()).collect();
    format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", lines.join("\n"))
}

/// RFC 7638: the key's own fingerprint is its id.
fn thumbprint(key: &Jwk) -> String {
    let text = match &key.algorithm {
        AlgorithmParameters::RSA(rsa) => format!(r#"{{"e":"{}","kty":"RSA","n":"{}"}}"#, rsa.e, rsa.n),
        _ => String::new(),
    };
    URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, text.as_bytes()))
}
