//! `GET /.well-known/jwks.json`: the keys that verify sessions.

use actix_web::HttpResponse;
use actix_web::http::header;
use actix_web::web::Data;

use super::HttpState;

/// The public keys of local sessions (JWKS, RFC 7517).
#[utoipa::path(get, path = "/.well-known/jwks.json", tag = "identity", responses((status = 200, description = "The key set")))]
pub(crate) async fn jwks(state: Data<HttpState>) -> HttpResponse {
    HttpResponse::Ok()
        .content_type("application/jwk-set+json")
        .insert_header((header::CACHE_CONTROL, "public, max-age=300"))
        .body(state.ctx.keys.jwks().to_owned())
}
