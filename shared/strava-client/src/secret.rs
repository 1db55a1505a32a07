//! Tokens and the application's own secret: they print as nothing.

use kernel::ApplicationId;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

/// Declares a token that never prints.
macro_rules! token {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Deserialize)]
        #[serde(transparent)]
        pub struct $name(SecretString);

        impl $name {
            /// The token in this text.
            pub fn new(token: impl Into<String>) -> Self {
                Self(SecretString::from(token.into()))
            }

            /// The token itself: only for the header that carries it and the seal that hides it.
            pub fn expose(&self) -> &str {
                self.0.expose_secret()
            }
        }
    };
}

token! {
    /// What calls are made with; it lives six hours.
    AccessToken
}
token! {
    /// What the next access token is asked for with; the answer may replace it.
    RefreshToken
}

/// The application's id and secret.
#[derive(Clone, Debug)]
pub struct AppCredentials {
    /// The client id.
    pub client_id: ApplicationId,
    /// The client secret.
    pub client_secret: SecretString,
}
