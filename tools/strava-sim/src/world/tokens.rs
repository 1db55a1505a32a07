//! Grants, authorization codes and tokens.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::apps::Scopes;

/// Lifetime of an access token in seconds.
const ACCESS_TOKEN_LIFETIME_S: i64 = 21_600;
/// Remaining lifetime in seconds above which a refresh answers with the same access token.
const REUSE_ABOVE_S: i64 = 3_600;

/// Application and athlete.
type GrantKey = (i64, i64);

/// An access token and a refresh token.
#[derive(Clone, Debug)]
pub(crate) struct TokenPair {
    pub(crate) access: String,
    pub(crate) refresh: String,
}

/// The access an athlete gave an application.
#[derive(Clone, Debug)]
pub(crate) struct Grant {
    pub(crate) scopes: Scopes,
    tokens: TokenPair,
}

/// The access behind an access token or an authorization code.
#[derive(Clone, Debug)]
pub(crate) struct Authorization {
    pub(crate) app: i64,
    pub(crate) athlete: i64,
    pub(crate) scopes: Scopes,
    pub(crate) expires_s: i64,
}

/// The tokens a token endpoint answers with.
#[derive(Clone, Debug)]
pub(crate) struct IssuedTokens {
    pub(crate) tokens: TokenPair,
    pub(crate) expires_s: i64,
    pub(crate) scopes: Scopes,
    pub(crate) athlete: i64,
}

/// The condition under which a refresh answers with a new refresh token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RefreshTokenRotation {
    /// With every refresh.
    Always,
    /// Never.
    Never,
    /// Together with a new access token.
    #[default]
    WithAccessToken,
}

/// The grants of all applications, with their codes and tokens.
#[derive(Debug, Default)]
pub(crate) struct Tokens {
    pub(crate) grants: HashMap<GrantKey, Grant>,
    pub(crate) access: HashMap<String, Authorization>,
    pub(crate) refresh: HashMap<String, GrantKey>,
    pub(crate) codes: HashMap<String, Authorization>,
    pub(crate) rotation: RefreshTokenRotation,
}

impl Tokens {
    /// Stores a new grant; an earlier one's refresh token ends, its access token lives on until it expires.
    pub(crate) fn add_grant(
        &mut self,
        code: &Authorization,
        now_s: i64,
        tokens: TokenPair,
    ) -> IssuedTokens {
        let key = (code.app, code.athlete);
        let scopes = code.scopes.clone();
        let expires_s = now_s + ACCESS_TOKEN_LIFETIME_S;
        self.access.insert(tokens.access.clone(), Authorization { expires_s, ..code.clone() });
        self.refresh.insert(tokens.refresh.clone(), key);
        let grant = Grant { scopes: scopes.clone(), tokens: tokens.clone() };
        if let Some(old) = self.grants.insert(key, grant) {
            self.refresh.remove(&old.tokens.refresh);
        }
        IssuedTokens { tokens, expires_s, scopes, athlete: code.athlete }
    }

    /// Refreshes a grant; the access token stays the same while it has more than an hour left.
    pub(crate) fn refresh(
        &mut self,
        app: i64,
        token: &str,
        now_s: i64,
        fresh: TokenPair,
    ) -> Option<IssuedTokens> {
        let key = self.refresh.get(token).copied().filter(|key| key.0 == app)?;
        let grant = self.grants.get_mut(&key)?;
        let athlete = key.1;
        let scopes = grant.scopes.clone();
        let mut expires_s =
            self.access.get(&grant.tokens.access).map_or(0, |token| token.expires_s);
        let renew = expires_s - now_s <= REUSE_ABOVE_S;
        if renew {
            expires_s = now_s + ACCESS_TOKEN_LIFETIME_S;
            let record = Authorization { app, athlete, scopes: scopes.clone(), expires_s };
            self.access.insert(fresh.access.clone(), record);
            grant.tokens.access = fresh.access;
        }
        let rotate = match self.rotation {
            RefreshTokenRotation::Always => true,
            RefreshTokenRotation::Never => false,
            RefreshTokenRotation::WithAccessToken => renew,
        };
        if rotate {
            self.refresh.remove(token);
            self.refresh.insert(fresh.refresh.clone(), key);
            grant.tokens.refresh = fresh.refresh;
        }
        Some(IssuedTokens { tokens: grant.tokens.clone(), expires_s, scopes, athlete })
    }

    /// Ends the access of an application to an athlete; false if there was no grant.
    pub(crate) fn revoke(&mut self, app: i64, athlete: i64) -> bool {
        self.access.retain(|_, token| (token.app, token.athlete) != (app, athlete));
        self.codes.retain(|_, code| (code.app, code.athlete) != (app, athlete));
        match self.grants.remove(&(app, athlete)) {
            Some(grant) => {
                self.refresh.remove(&grant.tokens.refresh);
                true
            }
            None => false,
        }
    }

    /// The athlete whose access or refresh token of the application this is.
    pub(crate) fn find_owner(&self, app: i64, token: &str) -> Option<i64> {
        let by_access = self.access.get(token).map(|token| (token.app, token.athlete));
        let (owner_app, athlete) = by_access.or_else(|| self.refresh.get(token).copied())?;
        (owner_app == app).then_some(athlete)
    }
}
