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
use serde_json::{Value, json};

const ISSUER: &str = "https://issuer.test";

/// A key pair with its id.
#[derive(Clone)]
pub struct TokenSigner {
    signing: EncodingKey,
    id: String,
    public: Jwk,
}

impl std::fmt::Debug for TokenSigner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TokenSigner").field("id", &self.id).finish_non_exhaustive()
    }
}

impl TokenSigner {
    /// A new key of this id.
    pub fn generate(id: &str) -> Self {
        let pair = KeyPair::generate(KeySize::Rsa2048).expect("a key pair");
        let der: Pkcs8V1Der<'_> = pair.as_der().expect("a key in DER");
        let body = STANDARD.encode(der.as_ref());
        let pem = format!("-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n");
        let signing = EncodingKey::from_rsa_pem(pem.as_bytes()).expect("a key to sign with");
        let mut public = Jwk::from_encoding_key(&signing, Algorithm::RS256).expect("a public key");
        public.common.key_id = Some(id.to_owned());
        Self { signing, id: id.to_owned(), public }
    }

    /// One for all tests of a program: making a key takes a while.
    pub fn shared() -> &'static Self {
        static SIGNER: LazyLock<TokenSigner> = LazyLock::new(|| TokenSigner::generate("test"));
        &SIGNER
    }

    /// The public key.
    pub fn public(&self) -> &Jwk {
        &self.public
    }

    /// The key set: this key alone, as a JWKS document.
    pub fn jwks(&self) -> String {
        let set = JwkSet { keys: vec![self.public.clone()] };
        serde_json::to_string(&set).expect("a key set is JSON")
    }

    /// Signs these claims.
    pub fn sign(&self, claims: &Value) -> String {
        self.sign_as(&self.id, claims)
    }

    /// Signs these claims and names a key of this id, ours or not.
    pub fn sign_as(&self, id: &str, claims: &Value) -> String {
        let header = Header { kid: Some(id.to_owned()), ..Header::new(Algorithm::RS256) };
        encode(&header, claims, &self.signing).expect("a signed token")
    }

    /// A token for this athlete and use (`access` opens doors) that ends at this second.
    pub fn athlete_token(&self, athlete: AthleteId, token_use: &str, exp: i64) -> String {
        self.sign(&json!({
            "sub": athlete, "iss": ISSUER, "token_use": token_use, "client_id": "web", "exp": exp,
        }))
    }

    /// Believes the tokens of this signer.
    pub fn verifier(&self, clock: Arc<dyn Clock>) -> Arc<Verifier> {
        verifier_for(&self.jwks(), clock)
    }
}

/// Believes the tokens of whoever has the keys of this document ([`TokenSigner::jwks`]), maybe in another process.
pub fn verifier_for(document: &str, clock: Arc<dyn Clock>) -> Arc<Verifier> {
    let keys = KeySet::parse(document).expect("a key set");
    let settings = VerifierSettings {
        issuer: ISSUER.to_owned(),
        clients: Vec::new(),
        groups: BTreeMap::new(),
    };
    Arc::new(Verifier::new(settings, KeySource::Fixed(keys), clock))
}
