//! `GET /.well-known/jwks.json`: the keys that sessions are checked with.

use actix_web::HttpResponse;
use actix_web::http::header;
use actix_web::web::Data;

use super::Doors;

/// The public keys of local sessions (JWKS, RFC 7517).
#[utoipa::path(get, path = "/.well-known/jwks.json", tag = "identity", responses((status = 200, description = "The key set")))]
pub(crate) async fn jwks(doors: Data<Doors>) -> HttpResponse {
    HttpResponse::Ok()
        .content_type("application/jwk-set+json")
        .insert_header((header::CACHE_CONTROL, "public, max-age=300"))
        .body(doors.core.keys.jwks().to_owned())
}
