//! Applications, their scopes and push subscriptions.

use std::collections::BTreeSet;
use std::fmt;

use serde::Serialize;

use super::activity::ReadAccess;
use crate::options::Limits;

/// The scopes Strava knows.
const SCOPES: [&str; 7] = [
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
    /// Parses names such as `read,activity:read_all`, separated by commas or spaces; an unknown name is the error.
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

    /// Returns the scopes that the consent accepts (all without one), with `read`, which Strava always adds.
    pub(crate) fn granted(&self, accepted: Option<&Self>) -> Self {
        let mut out: BTreeSet<&'static str> = match accepted {
            Some(accepted) => self.0.intersection(&accepted.0).copied().collect(),
            None => self.0.clone(),
        };
        out.insert("read");
        Self(out)
    }

    /// The access to activities, if any.
    pub(crate) fn activity_access(&self) -> Option<ReadAccess> {
        if self.has("activity:read_all") {
            Some(ReadAccess::All)
        } else {
            self.has("activity:read").then_some(ReadAccess::Limited)
        }
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
    /// Maximum number of connected athletes.
    pub(crate) capacity: usize,
    pub(crate) active: bool,
    pub(crate) limits: Limits,
}

impl App {
    /// An application with default settings.
    pub(crate) fn new(id: i64, name: String, limits: Limits) -> Self {
        Self {
            id,
            secret: "sim-secret".to_owned(),
            name,
            callback_domain: "localhost".to_owned(),
            capacity: 9_999,
            active: true,
            limits,
        }
    }
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
