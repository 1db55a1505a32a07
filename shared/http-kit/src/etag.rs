//! Entity tags: the version of what was read, so that nothing is sent twice and no edit is lost.

use actix_web::HttpRequest;
use actix_web::http::StatusCode;
use actix_web::http::header::{self, EntityTag, Header, IfMatch, IfNoneMatch};

use crate::Problem;

/// The strong tag of a version, as it stands in the `ETag` header.
pub fn etag(version: i64) -> String {
    entity_tag(version).to_string()
}

/// The strong tag of a version.
pub fn entity_tag(version: i64) -> EntityTag {
    EntityTag::new_strong(version.to_string())
}

/// Whether the caller has this version already: then answer 304 with the tag and no body.
pub fn not_modified(request: &HttpRequest, version: i64) -> bool {
    if !request.headers().contains_key(header::IF_NONE_MATCH) {
        return false;
    }
    match IfNoneMatch::parse(request) {
        Ok(IfNoneMatch::Any) => true,
        Ok(IfNoneMatch::Items(tags)) => tags.iter().any(|tag| tag.weak_eq(&entity_tag(version))),
        Err(_) => false,
    }
}

/// Refuses a write whose `If-Match` names another version; one without the header passes.
pub fn if_match(request: &HttpRequest, version: i64) -> Result<(), Problem> {
    if !request.headers().contains_key(header::IF_MATCH) {
        return Ok(());
    }
    let matches = match IfMatch::parse(request) {
        Ok(IfMatch::Any) => true,
        Ok(IfMatch::Items(tags)) => tags.iter().any(|tag| tag.strong_eq(&entity_tag(version))),
        Err(_) => false,
    };
    if matches {
        Ok(())
    } else {
        Err(Problem::new(StatusCode::PRECONDITION_FAILED, "precondition-failed"))
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn a_caller_who_has_this_version_needs_no_body() {
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
            assert_eq!(not_modified(&request, 7), expected, "{header}");
        }
        assert!(!not_modified(&TestRequest::default().to_http_request(), 7));
    }

    #[test]
    fn an_edit_of_an_old_version_is_refused() {
        let request =
            TestRequest::default().insert_header((header::IF_MATCH, "\"6\"")).to_http_request();
        assert_eq!(if_match(&request, 7).unwrap_err().status(), 412);
        assert!(if_match(&request, 6).is_ok());
    }
}
