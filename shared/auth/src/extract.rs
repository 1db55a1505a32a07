//! Who is signed in and what they may, as arguments of a handler.

use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;

use actix_web::dev::Payload;
use actix_web::http::header::HeaderValue;
use actix_web::http::{Method, StatusCode, header};
use actix_web::{FromRequest, HttpRequest, web};
use http_kit::Problem;
use kernel::AthleteId;

use crate::{Permission, TokenRejection, Verifier};

/// The cookie that carries a browser's session.
pub const SESSION_COOKIE: &str = "paceline_session";

/// Somebody is signed in. Needs `web::Data<Arc<Verifier>>`.
#[derive(Clone, Debug)]
pub struct SignedIn {
    athlete: AthleteId,
    permissions: Vec<Permission>,
}

impl SignedIn {
    /// Who.
    pub const fn athlete(&self) -> AthleteId {
        self.athlete
    }

    /// Whether they may.
    pub fn has_permission(&self, permission: Permission) -> bool {
        self.permissions.contains(&permission)
    }
}

type Extracted<T> = Pin<Box<dyn Future<Output = Result<T, Problem>>>>;

impl FromRequest for SignedIn {
    type Error = Problem;
    type Future = Extracted<Self>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let verifier = request.app_data::<web::Data<Arc<Verifier>>>().cloned();
        let token = presented(request);
        Box::pin(async move {
            let verifier = verifier
                .ok_or_else(|| Problem::unauthenticated().detail("nobody can sign in here"))?;
            let claims = verifier.verify(&token?).await.map_err(refusal)?;
            Ok(Self { athlete: claims.sub, permissions: verifier.permissions(&claims.groups) })
        })
    }
}

fn refusal(rejected: TokenRejection) -> Problem {
    match rejected {
        TokenRejection::KeysUnavailable(cause) => Problem::unavailable(cause),
        // RFC 6750: one that was presented and refused is told apart from none at all.
        other => Problem::unauthenticated().detail(other).header(
            header::WWW_AUTHENTICATE,
            HeaderValue::from_static("Bearer error=\"invalid_token\""),
        ),
    }
}

/// The token of the header, or of the cookie where that is safe.
fn presented(request: &HttpRequest) -> Result<String, Problem> {
    if let Some(token) = bearer(request) {
        return Ok(token.to_owned());
    }
    let Some(cookie) = request.cookie(SESSION_COOKIE) else {
        return Err(Problem::unauthenticated().detail("sign in first: POST /v1/session"));
    };
    let harmless = [Method::GET, Method::HEAD, Method::OPTIONS].contains(request.method());
    if harmless || same_origin(request) {
        return Ok(cookie.value().to_owned());
    }
    Err(Problem::new(StatusCode::FORBIDDEN, "cross-site-request")
        .detail("a cookie alone changes nothing from another site"))
}

/// Whether a browser says that the request comes from our own pages.
fn same_origin(request: &HttpRequest) -> bool {
    let text = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
    if let Some(site) = text("sec-fetch-site") {
        return site == "same-origin";
    }
    let info = request.connection_info();
    text(header::ORIGIN.as_str())
        .is_some_and(|origin| origin == format!("{}://{}", info.scheme(), info.host()))
}

/// The bearer token of the request, if any.
pub(crate) fn bearer(request: &HttpRequest) -> Option<&str> {
    let value = request.headers().get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim()).filter(|token| !token.is_empty())
}

/// A permission as a type, for `Require`.
pub trait RequiredPermission: 'static {
    /// The permission.
    const PERMISSION: Permission;
}

/// May administer.
#[derive(Debug)]
pub struct Admin;
/// May use the platform.
#[derive(Debug)]
pub struct User;

impl RequiredPermission for Admin {
    const PERMISSION: Permission = Permission::Admin;
}
impl RequiredPermission for User {
    const PERMISSION: Permission = Permission::User;
}

/// Somebody is signed in who may do this; others are told that they may not.
#[derive(Debug)]
pub struct Require<P: RequiredPermission>(SignedIn, PhantomData<P>);

impl<P: RequiredPermission> Require<P> {
    /// Who.
    pub const fn athlete(&self) -> AthleteId {
        self.0.athlete()
    }
}

impl<P: RequiredPermission> FromRequest for Require<P> {
    type Error = Problem;
    type Future = Extracted<Self>;

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
