//! Pagination: an opaque cursor, a limit, and a `Link` to the next page (RFC 8288).

use actix_web::HttpRequest;
use actix_web::http::header::HeaderValue;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Problem;

/// The position after the last item of a page; opaque to callers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
pub struct Cursor(String);

impl Cursor {
    /// Encodes a position.
    pub fn encode<T: Serialize>(position: &T) -> Result<Self, Problem> {
        serde_json::to_vec(position)
            .map(|bytes| Self(URL_SAFE_NO_PAD.encode(bytes)))
            .map_err(Problem::internal)
    }

    /// Decodes the position.
    ///
    /// # Errors
    ///
    /// `422 invalid-request` if the cursor was not made by [`Cursor::encode`] of this type.
    pub fn decode<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        let bytes = URL_SAFE_NO_PAD.decode(&self.0).ok();
        bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()).ok_or_else(|| {
            Problem::invalid().field("cursor", "must be the `next` of an earlier page")
        })
    }
}

/// The query parameters of a list.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct PageQuery {
    /// The `next` of the page before; absent for the first page.
    pub cursor: Option<Cursor>,
    /// Maximum number of items, 1 to 200.
    pub limit: Option<u32>,
}

impl PageQuery {
    /// Maximum number of items on a page.
    pub const MAX_LIMIT: u32 = 200;

    /// Returns the requested number of items, 50 by default.
    ///
    /// # Errors
    ///
    /// `422 invalid-request` outside of 1 to [`Self::MAX_LIMIT`].
    pub fn limit(&self) -> Result<u32, Problem> {
        match self.limit.unwrap_or(50) {
            limit @ 1..=Self::MAX_LIMIT => Ok(limit),
            _ => {
                Err(Problem::invalid()
                    .field("limit", format_args!("must be 1 to {}", Self::MAX_LIMIT)))
            }
        }
    }
}

/// One page of a list.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Page<T> {
    /// The items.
    pub items: Vec<T>,
    /// The cursor of the next page; absent on the last one.
    pub next: Option<Cursor>,
}

impl<T> Page<T> {
    /// Returns the `Link` header to the next page of this request, if there is one.
    pub fn next_link(&self, request: &HttpRequest) -> Option<(&'static str, HeaderValue)> {
        let next = self.next.as_ref()?;
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        let other_params = url::form_urlencoded::parse(request.query_string().as_bytes())
            .filter(|(name, _)| name != "cursor");
        query.extend_pairs(other_params).append_pair("cursor", &next.0);
        let link = format!("<{}?{}>; rel=\"next\"", request.path(), query.finish());
        Some(("link", HeaderValue::from_str(&link).ok()?))
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn a_cursor_decodes_to_its_position_and_a_foreign_one_is_refused() {
        let cursor = Cursor::encode(&(1_700_000_000_i64, "x")).unwrap();
        assert_eq!(cursor.decode::<(i64, String)>().unwrap(), (1_700_000_000, "x".to_owned()));

        let foreign = Cursor("bm9uc2Vuc2U".to_owned()).decode::<(i64, String)>().unwrap_err();
        assert_eq!(
            (foreign.status().as_u16(), foreign.fields()[0].field.as_str()),
            (422, "cursor")
        );
    }

    #[test]
    fn the_link_keeps_the_rest_of_the_query() {
        let request =
            TestRequest::with_uri("/v1/things?sport=Run&cursor=old&limit=2").to_http_request();
        let page = Page { items: vec![1], next: Some(Cursor("new".to_owned())) };
        let (_, link) = page.next_link(&request).unwrap();
        assert_eq!(link, "</v1/things?sport=Run&limit=2&cursor=new>; rel=\"next\"");
    }

    #[test]
    fn a_limit_out_of_range_is_refused() {
        for limit in [0, 201] {
            let query = PageQuery { cursor: None, limit: Some(limit) };
            assert_eq!(query.limit().unwrap_err().fields()[0].field, "limit");
        }
        assert_eq!(PageQuery::default().limit().unwrap(), 50);
    }
}
