//! Verification of access tokens: signature, issuer, use, client, expiry.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, Validation, decode, decode_header};
use kernel::Clock;

use crate::SessionRevocations;
use crate::jwks::{FetchError, KeyCache, KeySource, PublicKey};
use crate::{Claims, Permission};

/// Tolerated difference between the clocks of issuer and verifier, in seconds.
const LEEWAY_S: i64 = 60;

/// The accepted issuer, clients and groups.
#[derive(Clone, Debug)]
pub struct VerifierSettings {
    /// Required `iss`.
    pub issuer: String,
    /// Accepted `client_id`s; empty: any.
    pub clients: Vec<String>,
    /// Permission that each group grants (`Admin` → admin, `User` → user).
    pub groups: BTreeMap<String, Permission>,
    /// Maximum time from `iat` to `exp`, in seconds.
    pub max_life_s: i64,
}

/// Verifies access tokens.
#[derive(Clone)]
pub struct Verifier {
    settings: VerifierSettings,
    keys: Arc<KeyCache>,
    revocations: Option<Arc<dyn SessionRevocations>>,
    clock: Arc<dyn Clock>,
}

impl std::fmt::Debug for Verifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Verifier").field("settings", &self.settings).finish_non_exhaustive()
    }
}

/// A token was rejected.
#[derive(Debug, thiserror::Error)]
pub enum TokenRejection {
    /// Not a token, or an invalid signature or claim.
    #[error("the token is not valid")]
    Invalid(#[source] jsonwebtoken::errors::Error),
    /// Not signed with RS256.
    #[error("the token is not signed with RS256")]
    UnsupportedAlgorithm,
    /// The key is not in the issuer's key set.
    #[error("the token's key is not known")]
    UnknownKey,
    /// Its header demands an extension that is not known (`crit`, RFC 7515 §4.1.11).
    #[error("the token demands an extension that is not supported")]
    UnsupportedExtension,
    /// Not valid yet.
    #[error("the token is not valid yet")]
    NotYetValid,
    /// Expired.
    #[error("the token has expired")]
    Expired,
    /// Valid for longer than is accepted, or without a time of issue.
    #[error("the token is valid for too long")]
    TooLong,
    /// Issued after its key was rotated: only who took the key still signs with it.
    #[error("the token was issued after its key was rotated")]
    IssuedAfterRotation,
    /// Not an access token.
    #[error("the token is not an access token")]
    NotAccessToken,
    /// Issued to another client.
    #[error("the token was issued to another client")]
    WrongClient,
    /// The session was ended before it expired.
    #[error("the session was ended")]
    Revoked,
    /// Nobody can say whether the session was ended.
    #[error("the revoked sessions cannot be read")]
    RevocationsUnavailable(#[source] anyhow::Error),
    /// The key set cannot be fetched.
    #[error("the key set cannot be fetched")]
    KeysUnavailable(#[source] FetchError),
}

impl Verifier {
    /// A verifier that takes the keys from `source`.
    pub fn new(settings: VerifierSettings, source: KeySource, clock: Arc<dyn Clock>) -> Self {
        let keys = Arc::new(KeyCache::new(source, clock.clone()));
        Self { settings, keys, revocations: None, clock }
    }

    /// The same verifier, which refuses revoked sessions too.
    #[must_use]
    pub fn with_revocations(&self, revocations: Arc<dyn SessionRevocations>) -> Self {
        Self { revocations: Some(revocations), ..self.clone() }
    }

    /// Verifies a token and returns its claims.
    pub async fn verify(&self, token: &str) -> Result<Claims, TokenRejection> {
        let header = decode_header(token).map_err(|error| match error.kind() {
            jsonwebtoken::errors::ErrorKind::Json(_) => TokenRejection::UnsupportedAlgorithm,
            _ => TokenRejection::Invalid(error),
        })?;
        if header.alg != Algorithm::RS256 {
            return Err(TokenRejection::UnsupportedAlgorithm);
        }
        if has_critical_extensions(token) {
            return Err(TokenRejection::UnsupportedExtension);
        }
        let id = header.kid.ok_or(TokenRejection::UnknownKey)?;
        let key = self
            .keys
            .find(&id)
            .await
            .map_err(TokenRejection::KeysUnavailable)?
            .ok_or(TokenRejection::UnknownKey)?;
        let claims = decode::<Claims>(token, &key.key, &self.validation())
            .map_err(TokenRejection::Invalid)?
            .claims;
        // Times are checked against the injected clock, which tests and simulators move.
        let now = self.clock.now().as_secs();
        self.check_times(&key, &claims, now)?;
        if claims.token_use != "access" {
            return Err(TokenRejection::NotAccessToken);
        }
        if !self.settings.clients.is_empty() && !self.settings.clients.contains(&claims.client_id) {
            return Err(TokenRejection::WrongClient);
        }
        self.ensure_not_revoked(&claims).await?;
        Ok(claims)
    }

    fn check_times(
        &self,
        key: &PublicKey,
        claims: &Claims,
        now: i64,
    ) -> Result<(), TokenRejection> {
        if key.retires_at.is_some_and(|at| at <= now) {
            return Err(TokenRejection::UnknownKey);
        }
        if key.rotated_at.is_some_and(|at| at < claims.iat) {
            return Err(TokenRejection::IssuedAfterRotation);
        }
        if claims.exp.saturating_add(LEEWAY_S) < now {
            return Err(TokenRejection::Expired);
        }
        if claims.nbf.is_some_and(|nbf| nbf > now.saturating_add(LEEWAY_S)) {
            return Err(TokenRejection::NotYetValid);
        }
        if claims.exp.saturating_sub(claims.iat) > self.settings.max_life_s {
            return Err(TokenRejection::TooLong);
        }
        Ok(())
    }

    async fn ensure_not_revoked(&self, claims: &Claims) -> Result<(), TokenRejection> {
        let Some(revocations) = &self.revocations else { return Ok(()) };
        let not_before = revocations.not_before(claims.sub).await;
        match not_before.map_err(TokenRejection::RevocationsUnavailable)? {
            Some(not_before) if claims.iat < not_before.as_secs() => Err(TokenRejection::Revoked),
            _ => Ok(()),
        }
    }

    fn validation(&self) -> Validation {
        let mut validation = Validation::new(Algorithm::RS256);
        validation.validate_exp = false;
        validation.validate_aud = false;
        validation.set_issuer(&[&self.settings.issuer]);
        validation.set_required_spec_claims(&["exp", "iss", "sub"]);
        validation
    }

    /// Returns the permissions that these groups grant.
    pub fn permissions(&self, groups: &[String]) -> Vec<Permission> {
        groups.iter().filter_map(|group| self.settings.groups.get(group).copied()).collect()
    }
}

/// Returns true if the header of this token names critical extensions: `jsonwebtoken` skips what it does not know.
fn has_critical_extensions(token: &str) -> bool {
    let header = token.split('.').next().unwrap_or_default();
    let header: Option<serde_json::Value> =
        URL_SAFE_NO_PAD.decode(header).ok().and_then(|header| serde_json::from_slice(&header).ok());
    header.is_none_or(|header| header.get("crit").is_some())
}
