//! Checks an access token: signature, issuer, use, client, end.

use std::collections::BTreeMap;
use std::sync::Arc;

use jsonwebtoken::{Algorithm, Validation, decode, decode_header};
use kernel::Clock;

use crate::jwks::{FetchError, KeySource, Keys};
use crate::{Claims, Permission};

/// How far the clocks of issuer and verifier may differ, in seconds.
const LEEWAY_S: i64 = 60;

/// Whom the verifier believes.
#[derive(Clone, Debug)]
pub struct VerifierSettings {
    /// The `iss` a token must name.
    pub issuer: String,
    /// The `client_id`s a token may name; empty: any.
    pub clients: Vec<String>,
    /// Which group means which permission (`Admin` → admin, `User` → user).
    pub groups: BTreeMap<String, Permission>,
}

/// Checks access tokens.
pub struct Verifier {
    settings: VerifierSettings,
    keys: Keys,
    clock: Arc<dyn Clock>,
}

impl std::fmt::Debug for Verifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Verifier").field("settings", &self.settings).finish_non_exhaustive()
    }
}

/// Why a token is not believed.
#[derive(Debug, thiserror::Error)]
pub enum TokenRejection {
    /// Not a token, or signed by nobody we know.
    #[error("the token is not valid")]
    Invalid(#[source] jsonwebtoken::errors::Error),
    /// Signed in another way than RS256, or not at all.
    #[error("the token is not signed with RS256")]
    UnsupportedAlgorithm,
    /// Its key is not in the issuer's key set.
    #[error("the token's key is not known")]
    UnknownKey,
    /// Past its end.
    #[error("the token has expired")]
    Expired,
    /// Not an access token.
    #[error("the token is not an access token")]
    NotAccessToken,
    /// Issued to another client.
    #[error("the token was issued to another client")]
    WrongClient,
    /// The key set cannot be fetched.
    #[error("the key set cannot be fetched")]
    KeysUnavailable(#[source] FetchError),
}

impl Verifier {
    /// Believes this issuer, whose keys come from there.
    pub fn new(settings: VerifierSettings, source: KeySource, clock: Arc<dyn Clock>) -> Self {
        Self { settings, keys: Keys::new(source, clock.clone()), clock }
    }

    /// What the token says, if it can be believed.
    pub async fn verify(&self, token: &str) -> Result<Claims, TokenRejection> {
        let header = decode_header(token).map_err(|error| match error.kind() {
            jsonwebtoken::errors::ErrorKind::Json(_) => TokenRejection::UnsupportedAlgorithm,
            _ => TokenRejection::Invalid(error),
        })?;
        if header.alg != Algorithm::RS256 {
            return Err(TokenRejection::UnsupportedAlgorithm);
        }
        let id = header.kid.ok_or(TokenRejection::UnknownKey)?;
        let key = self
            .keys
            .find(&id)
            .await
            .map_err(TokenRejection::KeysUnavailable)?
            .ok_or(TokenRejection::UnknownKey)?;
        let claims = decode::<Claims>(token, &key, &self.validation())
            .map_err(TokenRejection::Invalid)?
            .claims;
        // The end is checked against our own clock, which tests and simulators move.
        if claims.exp.saturating_add(LEEWAY_S) < self.clock.now().as_secs() {
            return Err(TokenRejection::Expired);
        }
        if claims.token_use != "access" {
            return Err(TokenRejection::NotAccessToken);
        }
        if !self.settings.clients.is_empty() && !self.settings.clients.contains(&claims.client_id) {
            return Err(TokenRejection::WrongClient);
        }
        Ok(claims)
    }

    fn validation(&self) -> Validation {
        let mut validation = Validation::new(Algorithm::RS256);
        validation.validate_exp = false;
        validation.validate_aud = false;
        validation.set_issuer(&[&self.settings.issuer]);
        validation.set_required_spec_claims(&["exp", "iss", "sub"]);
        validation
    }

    /// What members of these groups may do.
    pub fn permissions(&self, groups: &[String]) -> Vec<Permission> {
        groups.iter().filter_map(|group| self.settings.groups.get(group).copied()).collect()
    }
}
