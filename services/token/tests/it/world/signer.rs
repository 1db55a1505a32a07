//! Signs tokens as an issuer would.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use auth::{KeySet, KeySource, Verifier, VerifierSettings};
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::jwk::{Jwk, JwkSet};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use kernel::{AthleteId, Clock};
use serde_json::json;

const ISSUER: &str = "https://issuer.test";
const KEY: &str = "test";

pub(super) struct Signer {
    key: EncodingKey,
}

/// One for all tests: making a key takes a while.
pub(super) fn signer() -> &'static Signer {
    static SIGNER: LazyLock<Signer> = LazyLock::new(|| {
        let pair = KeyPair::generate(KeySize::Rsa2048).unwrap();
        let der: Pkcs8V1Der<'_> = pair.as_der().unwrap();
        let body = STANDARD.encode(der.as_ref());
        let pem = format!("-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n");
        Signer { key: EncodingKey::from_rsa_pem(pem.as_bytes()).unwrap() }
    });
    &SIGNER
}

/// Believes whoever has the keys of this document.
pub(super) fn verifier(document: &str, clock: Arc<dyn Clock>) -> Arc<Verifier> {
    let keys = KeySet::parse(document).unwrap();
    let settings = VerifierSettings {
        issuer: ISSUER.to_owned(),
        clients: Vec::new(),
        groups: BTreeMap::new(),
    };
    Arc::new(Verifier::new(settings, KeySource::Fixed(keys), clock))
}

impl Signer {
    /// Its key set.
    pub(super) fn document(&self) -> String {
        let mut jwk = Jwk::from_encoding_key(&self.key, Algorithm::RS256).unwrap();
        jwk.common.key_id = Some(KEY.to_owned());
        serde_json::to_string(&JwkSet { keys: vec![jwk] }).unwrap()
    }

    pub(super) fn token(&self, athlete: AthleteId, token_use: &str, exp: i64) -> String {
        let claims = json!({"sub": athlete, "iss": ISSUER, "token_use": token_use, "client_id": "web", "exp": exp});
        let header = Header { kid: Some(KEY.to_owned()), ..Header::new(Algorithm::RS256) };
        encode(&header, &claims, &self.key).unwrap()
    }
}
