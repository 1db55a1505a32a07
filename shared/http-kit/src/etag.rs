//! Entity tags (RFC 9110, 8.8.3) for conditional reads and for edits that must not get lost.

use actix_web::HttpRequest;
use actix_web::http::StatusCode;
use actix_web::http::header::{self, EntityTag, Header as _, IfMatch, IfNoneMatch};

use kernel::AthleteId;

use crate::Problem;

/// Returns the strong entity tag of a version of what this athlete reads: another one's has another tag.
pub fn version_etag(reader: AthleteId, version: i64) -> EntityTag {
    query_etag(reader, version, "")
}

/// Returns the strong entity tag of a representation that depends on its query as well as on its
/// reader and version.
pub fn query_etag(reader: AthleteId, version: i64, query: &str) -> EntityTag {
    let reader = reader.to_string();
    // FNV-1a: a short, stable fingerprint; no secret is involved.
    let bytes = reader.bytes().chain(*b"?").chain(query.bytes());
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
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

    fn reader(number: u128) -> AthleteId {
        AthleteId::from_uuid(uuid::Uuid::from_u128(number))
    }

    fn request(name: header::HeaderName, value: &str) -> HttpRequest {
        TestRequest::default().insert_header((name, value)).to_http_request()
    }

    #[test]
    fn if_none_match_is_compared_weakly() {
        let (current, old) = (version_etag(reader(1), 7), version_etag(reader(1), 6));
        for (header, expected) in [
            (current.to_string(), true),
            (format!("W/{current}, \"8\""), true),
            (old.to_string(), false),
            ("*".to_owned(), true),
            ("nonsense".to_owned(), false),
        ] {
            let request = request(header::IF_NONE_MATCH, &header);
            assert_eq!(is_not_modified(&request, &current), expected, "{header}");
        }
        assert!(!is_not_modified(&TestRequest::default().to_http_request(), &current));
    }

    #[test]
    fn another_query_has_another_tag() {
        let tag = query_etag(reader(1), 7, "sport=Run");
        assert_ne!(tag, query_etag(reader(1), 7, "sport=Ride"));
        let request = request(header::IF_NONE_MATCH, &tag.to_string());
        assert!(is_not_modified(&request, &tag));
        assert!(!is_not_modified(&request, &version_etag(reader(1), 7)));
    }

    #[test]
    fn the_same_version_of_another_athlete_has_another_tag() {
        let tag = version_etag(reader(1), 7);
        assert!(!is_not_modified(
            &request(header::IF_NONE_MATCH, &tag.to_string()),
            &version_etag(reader(2), 7)
        ));
        assert_ne!(query_etag(reader(1), 7, "page=2"), query_etag(reader(2), 7, "page=2"));
    }

    #[test]
    fn an_edit_of_an_old_version_is_refused() {
        let old = version_etag(reader(1), 6);
        let request = request(header::IF_MATCH, &old.to_string());
        let refused = check_if_match(&request, &version_etag(reader(1), 7)).unwrap_err();
        assert_eq!(refused.status(), 412);
        assert!(check_if_match(&request, &old).is_ok());
    }
}
