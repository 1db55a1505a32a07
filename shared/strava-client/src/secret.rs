//! Tokens and application credentials that are redacted in debug output.

use kernel::ApplicationId;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

/// Declares a token type with redacted debug output.
macro_rules! token {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Deserialize)]
        #[serde(transparent)]
        pub struct $name(SecretString);

        impl $name {
            /// Wraps a token.
            pub fn new(token: impl Into<String>) -> Self {
                Self(SecretString::from(token.into()))
            }

            /// Returns the token, for the request header and for sealing only.
            pub fn expose(&self) -> &str {
                self.0.expose_secret()
            }
        }
    };
}

token! {
    /// An access token, valid for six hours.
    AccessToken
}
token! {
    /// A refresh token; a refresh may replace it.
    RefreshToken
}

/// Client id and secret of a Strava application.
#[derive(Clone, Debug)]
pub struct AppCredentials {
    /// The client id.
    pub client_id: ApplicationId,
    /// The client secret.
    pub client_secret: SecretString,
}
