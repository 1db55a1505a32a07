//! Applications, grants and tokens.

use std::collections::{BTreeSet, HashMap};
use std::fmt;

use serde::Serialize;

use crate::options::Limits;

/// All scopes that exist.
pub(crate) const SCOPES: [&str; 7] = [
    "read",
    "read_all",
    "profile:read_all",
    "profile:write",
    "activity:read",
    "activity:read_all",
    "activity:write",
];

/// A set of scopes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Scopes(BTreeSet<&'static str>);

impl Scopes {
    /// Reads `read,activity:read_all`; spaces separate too. The wrong name comes back as the error.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut out = BTreeSet::new();
        for name in text.split([',', ' ']).filter(|name| !name.is_empty()) {
            let known =
                SCOPES.iter().find(|scope| **scope == name).ok_or_else(|| name.to_owned())?;
            out.insert(*known);
        }
        Ok(Self(out))
    }

    pub(crate) fn has(&self, scope: &str) -> bool {
        self.0.contains(scope)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &'static str> {
        SCOPES.iter().copied().filter(|scope| self.0.contains(scope))
    }

    /// Those of `self` that `wanted` names too, with `read`, which Strava always adds.
    pub(crate) fn granted(&self, wanted: Option<&Self>) -> Self {
        let mut out: BTreeSet<&'static str> = match wanted {
            Some(wanted) => self.0.intersection(&wanted.0).copied().collect(),
            None => self.0.clone(),
        };
        out.insert("read");
        Self(out)
    }

    pub(crate) fn reads_activities(&self) -> bool {
        self.has("activity:read") || self.has("activity:read_all")
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.iter().collect();
        out.write_str(&names.join(","))
    }
}

/// An application.
#[derive(Clone, Debug)]
pub(crate) struct App {
    pub(crate) id: i64,
    pub(crate) secret: String,
    pub(crate) name: String,
    pub(crate) callback_domain: String,
    pub(crate) capacity: usize,
    pub(crate) active: bool,
    pub(crate) limits: Limits,
}

/// What an athlete allowed an application.
#[derive(Clone, Debug)]
pub(crate) struct Grant {
    pub(crate) scopes: Scopes,
    pub(crate) access: String,
    pub(crate) refresh: String,
}

/// An access token.
#[derive(Clone, Debug)]
pub(crate) struct AccessToken {
    pub(crate) app: i64,
    pub(crate) athlete: i64,
    pub(crate) scopes: Scopes,
    pub(crate) expires_s: i64,
}

/// An authorization code.
#[derive(Clone, Debug)]
pub(crate) struct Code {
    pub(crate) app: i64,
    pub(crate) athlete: i64,
    pub(crate) scopes: Scopes,
    pub(crate) expires_s: i64,
}

/// The one push subscription of an application.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Subscription {
    pub(crate) id: i64,
    pub(crate) resource_state: u8,
    pub(crate) application_id: i64,
    pub(crate) callback_url: String,
    pub(crate) created_at: String,
    pub(crate) updated_at: String,
}

/// What a token endpoint answers.
#[derive(Clone, Debug)]
pub(crate) struct Issued {
    pub(crate) access: String,
    pub(crate) refresh: String,
    pub(crate) expires_s: i64,
    pub(crate) scopes: Scopes,
    pub(crate) athlete: i64,
}

/// When a refresh answers with a new refresh token.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, serde::Deserialize, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Rotation {
    /// With every refresh.
    Always,
    /// Never.
    Never,
    /// Together with a new access token.
    #[default]
    WithAccessToken,
}

/// Everything that ends when access ends.
#[derive(Debug, Default)]
pub(crate) struct Tokens {
    pub(crate) grants: HashMap<(i64, i64), Grant>,
    pub(crate) access: HashMap<String, AccessToken>,
    pub(crate) refresh: HashMap<String, (i64, i64)>,
    pub(crate) codes: HashMap<String, Code>,
    pub(crate) rotation: Rotation,
}

/// Life of an access token in seconds.
const LIFE_S: i64 = 21_600;
/// With more than this left, a refresh answers with the same access token.
const KEEP_S: i64 = 3_600;

impl Tokens {
    /// A new grant; an earlier one's refresh token dies, its access token lives on until it expires.
    pub(crate) fn grant(&mut self, code: &Code, now_s: i64, fresh: [String; 2]) -> Issued {
        let key = (code.app, code.athlete);
        if let Some(old) = self.grants.remove(&key) {
            self.refresh.remove(&old.refresh);
        }
        let [access, refresh] = fresh;
        self.access.insert(
            access.clone(),
            AccessToken {
                app: code.app,
                athlete: code.athlete,
                scopes: code.scopes.clone(),
                expires_s: now_s + LIFE_S,
            },
        );
        self.refresh.insert(refresh.clone(), key);
        let scopes = code.scopes.clone();
        self.grants.insert(
            key,
            Grant { scopes: scopes.clone(), access: access.clone(), refresh: refresh.clone() },
        );
        Issued { access, refresh, expires_s: now_s + LIFE_S, scopes, athlete: code.athlete }
    }

    /// A refresh: the same access token while it has more than an hour left.
    pub(crate) fn refresh(
        &mut self,
        app: i64,
        token: &str,
        now_s: i64,
        fresh: [String; 2],
    ) -> Option<Issued> {
        let key = self.refresh.get(token).copied().filter(|key| key.0 == app)?;
        let grant = self.grants.get_mut(&key)?;
        let [new_access, new_refresh] = fresh;
        let expires_s = self.access.get(&grant.access).map_or(0, |token| token.expires_s);
        let renew = expires_s - now_s <= KEEP_S;
        if renew {
            grant.access = new_access;
            let scopes = grant.scopes.clone();
            let record = AccessToken { app, athlete: key.1, scopes, expires_s: now_s + LIFE_S };
            self.access.insert(grant.access.clone(), record);
        }
        let rotate = match self.rotation {
            Rotation::Always => true,
            Rotation::Never => false,
            Rotation::WithAccessToken => renew,
        };
        if rotate {
            self.refresh.remove(token);
            grant.refresh = new_refresh;
            self.refresh.insert(grant.refresh.clone(), key);
        }
        Some(Issued {
            access: grant.access.clone(),
            refresh: grant.refresh.clone(),
            expires_s: if renew { now_s + LIFE_S } else { expires_s },
            scopes: grant.scopes.clone(),
            athlete: key.1,
        })
    }

    /// Ends everything between an application and an athlete; false when there was nothing.
    pub(crate) fn end(&mut self, app: i64, athlete: i64) -> bool {
        self.access.retain(|_, token| (token.app, token.athlete) != (app, athlete));
        self.codes.retain(|_, code| (code.app, code.athlete) != (app, athlete));
        match self.grants.remove(&(app, athlete)) {
            Some(grant) => {
                self.refresh.remove(&grant.refresh);
                true
            }
            None => false,
        }
    }

    /// Whose access or refresh token this is.
    pub(crate) fn owner(&self, app: i64, token: &str) -> Option<i64> {
        let by_access = self.access.get(token).map(|found| (found.app, found.athlete));
        by_access
            .or_else(|| self.refresh.get(token).copied())
            .filter(|(of, _)| *of == app)
            .map(|(_, athlete)| athlete)
    }
}
