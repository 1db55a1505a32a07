//! Tokens checked against a key set: SignedIn, Require, and the service credential.
