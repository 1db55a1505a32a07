//! The claims of an access token.

use kernel::AthleteId;
use serde::{Deserialize, Serialize};

/// The claims that are read, by Cognito's names.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Claims {
    /// Id of the athlete.
    pub sub: AthleteId,
    /// Issuer.
    pub iss: String,
    /// `access` for access tokens.
    #[serde(default)]
    pub token_use: String,
    /// Client that the token was issued to.
    #[serde(default)]
    pub client_id: String,
    /// Expiry, in Unix seconds.
    pub exp: i64,
    /// Beginning of its validity, in Unix seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nbf: Option<i64>,
    /// Time of issue, in Unix seconds.
    #[serde(default)]
    pub iat: i64,
    /// Groups of the athlete.
    #[serde(default, rename = "cognito:groups")]
    pub groups: Vec<String>,
}

/// A permission that a group grants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Permission {
    /// Use the platform.
    User,
    /// Administer users and jobs (never athletes' data).
    Admin,
}
