//! Extractors of the signed-in athlete and of a required permission.

use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;

use actix_web::dev::Payload;
use actix_web::http::header::HeaderValue;
use actix_web::http::{Method, StatusCode, header};
use actix_web::{FromRequest, HttpRequest, web};
use http_kit::{AllowedOrigins, CallerCheck, Problem};
use kernel::AthleteId;

use crate::{Permission, TokenRejection, Verifier};

/// Name of the cookie that carries the access token of a browser.
pub const SESSION_COOKIE: &str = "paceline_session";

/// The signed-in athlete. Needs `web::Data<Arc<Verifier>>`.
#[derive(Clone, Debug)]
pub struct SignedIn {
    athlete: AthleteId,
    permissions: Vec<Permission>,
}

impl SignedIn {
    /// Returns the id of the athlete.
    pub const fn athlete(&self) -> AthleteId {
        self.athlete
    }

    /// Returns true if the athlete has this permission.
    pub fn has_permission(&self, permission: Permission) -> bool {
        self.permissions.contains(&permission)
    }
}

type ExtractFuture<T> = Pin<Box<dyn Future<Output = Result<T, Problem>>>>;

impl FromRequest for SignedIn {
    type Error = Problem;
    type Future = ExtractFuture<Self>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let verifier = request.app_data::<web::Data<Arc<Verifier>>>().cloned();
        let token = presented_token(request);
        let check = CallerCheck::begin(request);
        Box::pin(async move {
            let _check = check;
            let verifier = verifier
                .ok_or_else(|| Problem::unauthenticated().detail("signing in is not configured"))?;
            let claims = verifier.verify(&token?).await.map_err(problem_of)?;
            Ok(Self { athlete: claims.sub, permissions: verifier.permissions(&claims.groups) })
        })
    }
}

fn problem_of(rejected: TokenRejection) -> Problem {
    match rejected {
        TokenRejection::KeysUnavailable(cause) => Problem::unavailable(cause),
        TokenRejection::RevocationsUnavailable(cause) => Problem::unavailable(cause),
        // RFC 6750: a refused token is distinguished from a missing one.
        other => Problem::unauthenticated().detail(other).header(
            header::WWW_AUTHENTICATE,
            HeaderValue::from_static("Bearer error=\"invalid_token\""),
        ),
    }
}

/// Returns the token of the header, or of the cookie if the request is safe from cross-site forgery.
fn presented_token(request: &HttpRequest) -> Result<String, Problem> {
    if let Some(token) = bearer_token(request) {
        return Ok(token.to_owned());
    }
    let Some(cookie) = request.cookie(SESSION_COOKIE) else {
        return Err(Problem::unauthenticated().detail("sign in first: POST /v1/session"));
    };
    let is_safe = [Method::GET, Method::HEAD, Method::OPTIONS].contains(request.method());
    if is_safe || is_same_origin(request) || is_allowed_origin(request) {
        return Ok(cookie.value().to_owned());
    }
    Err(Problem::new(StatusCode::FORBIDDEN, "cross-site-request")
        .detail("a request from another site needs the Authorization header"))
}

/// Returns true if the browser reports that the request comes from a page of the same origin.
fn is_same_origin(request: &HttpRequest) -> bool {
    let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
    if let Some(site) = header("sec-fetch-site") {
        return site == "same-origin";
    }
    let info = request.connection_info();
    header(header::ORIGIN.as_str())
        .is_some_and(|origin| origin == format!("{}://{}", info.scheme(), info.host()))
}

/// Returns true if the browser reports that the request comes from a page of an allowed origin.
fn is_allowed_origin(request: &HttpRequest) -> bool {
    let origin = request.headers().get(header::ORIGIN).and_then(|origin| origin.to_str().ok());
    let allowed = request.app_data::<AllowedOrigins>();
    origin.zip(allowed).is_some_and(|(origin, allowed)| allowed.contains(origin))
}

/// Returns the bearer token of the request, if any.
pub(crate) fn bearer_token(request: &HttpRequest) -> Option<&str> {
    let value = request.headers().get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim()).filter(|token| !token.is_empty())
}

/// A permission as a type, for [`Require`].
pub trait RequiredPermission: 'static {
    /// The permission.
    const PERMISSION: Permission;
}

/// Marker of [`Permission::Admin`].
#[derive(Debug)]
pub struct Admin;

impl RequiredPermission for Admin {
    const PERMISSION: Permission = Permission::Admin;
}

/// The signed-in athlete with a required permission; without it, the response is 403.
#[derive(Debug)]
pub struct Require<P: RequiredPermission>(SignedIn, PhantomData<P>);

impl<P: RequiredPermission> Require<P> {
    /// Returns the id of the athlete.
    pub const fn athlete(&self) -> AthleteId {
        self.0.athlete()
    }
}

impl<P: RequiredPermission> FromRequest for Require<P> {
    type Error = Problem;
    type Future = ExtractFuture<Self>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let signed_in = SignedIn::from_request(request, payload);
        Box::pin(async move {
            let signed_in = signed_in.await?;
            if signed_in.has_permission(P::PERMISSION) {
                return Ok(Self(signed_in, PhantomData));
            }
            Err(Problem::forbidden()
                .detail(format!("this needs the permission {:?}", P::PERMISSION).to_lowercase()))
        })
    }
}
