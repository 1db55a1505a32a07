//! Signs tokens like an issuer.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use auth::{KeySet, KeySource, Verifier, VerifierSettings};
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::{Jwk, JwkSet};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use kernel::{AthleteId, Clock};
use pem::Pem;
use serde_json::{Value, json};

const ISSUER: &str = "https://issuer.test";

/// A key pair with its key id.
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
    /// Generates a key with this id.
    pub fn generate(id: &str) -> Self {
        let pair = KeyPair::generate(KeySize::Rsa2048).expect("a key pair");
        let der: Pkcs8V1Der<'_> = pair.as_der().expect("a key in DER");
        let pem = pem::encode(&Pem::new("PRIVATE KEY", der.as_ref()));
        let signing = EncodingKey::from_rsa_pem(pem.as_bytes()).expect("a key to sign with");
        let mut public = Jwk::from_encoding_key(&signing, Algorithm::RS256).expect("a public key");
        public.common.key_id = Some(id.to_owned());
        Self { signing, id: id.to_owned(), public }
    }

    /// Returns a signer that all tests of a program share, as generating a key is slow.
    pub fn shared() -> &'static Self {
        static SIGNER: LazyLock<TokenSigner> = LazyLock::new(|| TokenSigner::generate("test"));
        &SIGNER
    }

    /// Returns the public key.
    pub fn public_key(&self) -> &Jwk {
        &self.public
    }

    /// Returns a JWKS document with this key.
    pub fn jwks(&self) -> String {
        let set = JwkSet { keys: vec![self.public.clone()] };
        serde_json::to_string(&set).expect("a key set is JSON")
    }

    /// Signs these claims.
    pub fn sign(&self, claims: &Value) -> String {
        self.sign_as(&self.id, claims)
    }

    /// Signs these claims with another key id in the header.
    pub fn sign_as(&self, id: &str, claims: &Value) -> String {
        let header = Header { kid: Some(id.to_owned()), ..Header::new(Algorithm::RS256) };
        encode(&header, claims, &self.signing).expect("a signed token")
    }

    /// Signs these claims under a header of any form.
    pub fn sign_with(&self, header: &Value, claims: &Value) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let message = format!("{}.{}", part(header), part(claims));
        let signature =
            jsonwebtoken::crypto::sign(message.as_bytes(), &self.signing, Algorithm::RS256);
        format!("{message}.{}", signature.expect("a signature"))
    }

    /// Signs a token of this athlete and use (`access` to be accepted) with an expiry in Unix seconds.
    pub fn athlete_token(&self, athlete: AthleteId, token_use: &str, exp: i64) -> String {
        self.sign(&json!({
            "sub": athlete, "iss": ISSUER, "token_use": token_use, "client_id": "web", "exp": exp,
            "iat": exp - 86_400,
        }))
    }

    /// Returns a verifier that accepts tokens of this signer.
    pub fn verifier(&self, clock: Arc<dyn Clock>) -> Arc<Verifier> {
        verifier_for(&self.jwks(), clock)
    }
}

/// Returns a verifier that accepts tokens signed with the keys of a JWKS document ([`TokenSigner::jwks`]),
/// for example of another process.
pub fn verifier_for(jwks: &str, clock: Arc<dyn Clock>) -> Arc<Verifier> {
    let keys = KeySet::parse(jwks).expect("a key set");
    let settings = VerifierSettings {
        issuer: ISSUER.to_owned(),
        clients: Vec::new(),
        groups: BTreeMap::new(),
        max_life_s: 86_400,
    };
    Arc::new(Verifier::new(settings, KeySource::Fixed(keys), clock))
}
