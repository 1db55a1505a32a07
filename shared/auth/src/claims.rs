//! What a checked token says.

use kernel::AthleteId;
use serde::{Deserialize, Serialize};

/// The claims of an access token that we read (Cognito's names).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Claims {
    /// Who: the athlete's id.
    pub sub: AthleteId,
    /// Who issued it.
    pub iss: String,
    /// `access` for access tokens.
    #[serde(default)]
    pub token_use: String,
    /// The client it was issued to.
    #[serde(default)]
    pub client_id: String,
    /// When it ends, Unix seconds.
    pub exp: i64,
    /// When it was issued.
    #[serde(default)]
    pub iat: i64,
    /// The groups the person belongs to.
    #[serde(default, rename = "cognito:groups")]
    pub groups: Vec<String>,
}

/// What a person may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Permission {
    /// Use the platform.
    User,
    /// Administer users and jobs (never athletes' data).
    Admin,
}
