//! Entity tags (RFC 9110, 8.8.3) for conditional reads and for edits that must not get lost.

use actix_web::HttpRequest;
use actix_web::http::StatusCode;
use actix_web::http::header::{self, EntityTag, Header as _, IfMatch, IfNoneMatch};

use crate::Problem;

/// Returns the strong entity tag of a version.
pub fn version_etag(version: i64) -> EntityTag {
    EntityTag::new_strong(version.to_string())
}

/// Returns the strong entity tag of a representation that depends on its query as well as on its
/// version.
pub fn query_etag(version: i64, query: &str) -> EntityTag {
    // FNV-1a: a short, stable fingerprint; no secret is involved.
    let hash = query.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    EntityTag::new_strong(format!("{version}-{hash:x}"))
}

/// Returns true if `If-None-Match` names this tag (weak comparison): then answer 304 without a body.
pub fn is_not_modified(request: &HttpRequest, current: &EntityTag) -> bool {
    match IfNoneMatch::parse(request) {
        Ok(IfNoneMatch::Any) => true,
        Ok(IfNoneMatch::Items(tags)) => tags.iter().any(|tag| tag.weak_eq(current)),
        Err(_) => false,
    }
}

/// Refuses a write whose `If-Match` names other tags (strong comparison); one without the header
/// passes.
///
/// # Errors
///
/// `412 precondition-failed`.
pub fn check_if_match(request: &HttpRequest, current: &EntityTag) -> Result<(), Problem> {
    let matches = match IfMatch::parse(request) {
        Ok(IfMatch::Any) => true,
        Ok(IfMatch::Items(tags)) => tags.iter().any(|tag| tag.strong_eq(current)),
        Err(_) => false,
    };
    if matches || !request.headers().contains_key(header::IF_MATCH) {
        return Ok(());
    }
    Err(Problem::new(StatusCode::PRECONDITION_FAILED, "precondition-failed"))
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn if_none_match_is_compared_weakly() {
        for (header, expected) in [
            ("\"7\"", true),
            ("W/\"7\", \"8\"", true),
            ("\"6\"", false),
            ("*", true),
            ("nonsense", false),
        ] {
            let request = TestRequest::default()
                .insert_header((header::IF_NONE_MATCH, header))
                .to_http_request();
            assert_eq!(is_not_modified(&request, &version_etag(7)), expected, "{header}");
        }
        assert!(!is_not_modified(&TestRequest::default().to_http_request(), &version_etag(7)));
    }

    #[test]
    fn another_query_has_another_tag() {
        assert_ne!(query_etag(7, "sport=Run"), query_etag(7, "sport=Ride"));
        let tag = query_etag(7, "sport=Run");
        let request = TestRequest::default()
            .insert_header((header::IF_NONE_MATCH, tag.clone()))
            .to_http_request();
        assert!(is_not_modified(&request, &tag) && !is_not_modified(&request, &version_etag(7)));
    }

    #[test]
    fn an_edit_of_an_old_version_is_refused() {
        let request =
            TestRequest::default().insert_header((header::IF_MATCH, "\"6\"")).to_http_request();
        assert_eq!(check_if_match(&request, &version_etag(7)).unwrap_err().status(), 412);
        assert!(check_if_match(&request, &version_etag(6)).is_ok());
    }
}
