//! An issuer of tokens such as Cognito: a key, and an address that shows its public half.

use std::sync::Arc;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::jwk::{Jwk, JwkSet};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

const KEY: &str = "test";

/// A running issuer.
pub(crate) struct Issuer {
    pub(crate) keys_url: String,
    key: EncodingKey,
    document: String,
    _task: JoinSet<()>,
}

impl Issuer {
    pub(crate) const NAME: &str = "https://issuer.test";

    pub(crate) async fn start() -> Self {
        let pair = KeyPair::generate(KeySize::Rsa2048).unwrap();
        let der: Pkcs8V1Der<'_> = pair.as_der().unwrap();
        let body = STANDARD.encode(der.as_ref());
        let pem = format!("-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n");
        let key = EncodingKey::from_rsa_pem(pem.as_bytes()).unwrap();
        let mut jwk = Jwk::from_encoding_key(&key, Algorithm::RS256).unwrap();
        jwk.common.key_id = Some(KEY.to_owned());
        let document = serde_json::to_string(&JwkSet { keys: vec![jwk] }).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let keys_url = format!("http://{}/jwks.json", listener.local_addr().unwrap());
        let answer = Arc::new(format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{document}",
            document.len()
        ));
        let mut task = JoinSet::new();
        task.spawn(async move {
            while let Ok((mut asker, _)) = listener.accept().await {
                let mut request = [0; 4096];
                drop(asker.read(&mut request).await);
                drop(asker.write_all(answer.as_bytes()).await);
            }
        });
        Self { keys_url, key, document, _task: task }
    }

    pub(crate) fn sign(&self, claims: &Value) -> String {
        encode(&header(Algorithm::RS256), claims, &self.key).unwrap()
    }

    /// `alg` is `none`, and there is no signature.
    pub(crate) fn unsigned(claims: &Value) -> String {
        let header = json!({"alg": "none", "typ": "JWT", "kid": KEY});
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        format!("{}.{}.", part(&header), part(claims))
    }

    /// Whoever takes the public key for a shared secret would believe this.
    pub(crate) fn signed_with_the_public_key(&self, claims: &Value) -> String {
        let key = EncodingKey::from_secret(self.document.as_bytes());
        encode(&header(Algorithm::HS256), claims, &key).unwrap()
    }

    /// The signature of other claims.
    pub(crate) fn changed(&self, claims: &Value) -> String {
        let (signed, mut other) = (self.sign(claims), claims.clone());
        other["cognito:groups"] = json!(["Admin"]);
        let parts: Vec<_> = signed.split('.').collect();
        format!("{}.{}.{}", parts[0], URL_SAFE_NO_PAD.encode(other.to_string()), parts[2])
    }
}

fn header(algorithm: Algorithm) -> Header {
    Header { kid: Some(KEY.to_owned()), ..Header::new(algorithm) }
}
