//! The shared credential of calls between services, compared in constant time.

use std::future::{Ready, ready};
use std::sync::Arc;

use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderValue};
use actix_web::{FromRequest, HttpRequest, web};
use http_kit::Problem;
use secrecy::{ExposeSecret, SecretString};

/// The bearer token of internal calls.
#[derive(Clone, Debug)]
pub struct ServiceCredential(Arc<SecretString>);

impl ServiceCredential {
    /// A credential with this secret.
    pub fn new(secret: SecretString) -> Self {
        Self(Arc::new(secret))
    }

    /// Returns the secret, to send it.
    pub fn secret(&self) -> &SecretString {
        &self.0
    }

    /// Returns true if `presented` is the credential; an empty credential matches nothing.
    pub fn matches(&self, presented: &str) -> bool {
        let expected = self.0.expose_secret();
        !expected.is_empty()
            && aws_lc_rs::constant_time::verify_slices_are_equal(
                expected.as_bytes(),
                presented.as_bytes(),
            )
            .is_ok()
    }
}

/// Extractor that accepts only callers with the service credential. Needs `web::Data<ServiceCredential>`.
#[derive(Clone, Copy, Debug)]
pub struct InternalCaller;

impl FromRequest for InternalCaller {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let credential = request.app_data::<web::Data<ServiceCredential>>();
        let presented = crate::extract::bearer_token(request);
        ready(match (credential, presented) {
            (Some(credential), Some(presented)) if credential.matches(presented) => Ok(Self),
            _ => Err(Problem::new(StatusCode::UNAUTHORIZED, "service-credential-required")
                .header(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))),
        })
    }
}
