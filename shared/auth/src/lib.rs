//! Authentication: access tokens checked against a key set, permissions, and the credential of
//! internal calls.
#![warn(missing_docs)]

mod claims;
mod credential;
mod extract;
mod jwks;
mod revocations;
mod verifier;

pub use claims::{Claims, Permission};
pub use credential::{InternalCaller, ServiceCredential};
pub use extract::{Admin, Require, RequiredPermission, SESSION_COOKIE, SignedIn};
pub use jwks::{FetchError, KeySet, KeySource};
pub use revocations::{NotBefore, SessionRevocations};
pub use verifier::{TokenRejection, Verifier, VerifierSettings};
