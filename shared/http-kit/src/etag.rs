//! Conditional requests: a strong ETag is the version of what is shown.

use actix_web::HttpRequest;
use actix_web::http::header;

/// The strong ETag of this version of a thing (`parts` tells apart what shares the version).
pub fn etag(version: i64, parts: &str) -> String {
    // FNV-1a: a short, stable fingerprint of the query; no secret is involved.
    let hash = parts.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("\"{version}-{hash:x}\"")
}

/// Whether the caller already has what this ETag names.
pub fn not_modified(request: &HttpRequest, etag: &str) -> bool {
    request
        .headers()
        .get_all(header::IF_NONE_MATCH)
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|candidate| candidate.trim().trim_start_matches("W/"))
        .any(|candidate| candidate == "*" || candidate == etag)
}
