//! The methods of each route, for the `Allow` header of a 405.

use std::collections::BTreeMap;
use std::sync::Arc;

use actix_web::http::header::HeaderValue;
use utoipa::openapi::{OpenApi, PathItem};

/// The allowed methods of each route, read from the OpenAPI document. Register it with `app_data`.
#[derive(Clone, Debug, Default)]
pub struct AllowedMethods(Arc<BTreeMap<String, HeaderValue>>);

impl AllowedMethods {
    /// Reads the methods of every path of the document.
    pub fn from_openapi(api: &OpenApi) -> Self {
        let routes = api.paths.paths.iter();
        Self(Arc::new(
            routes.filter_map(|(path, item)| Some((path.clone(), allow_header(item)?))).collect(),
        ))
    }

    pub(crate) fn for_route(&self, pattern: &str) -> Option<&HeaderValue> {
        self.0.get(pattern)
    }
}

fn allow_header(item: &PathItem) -> Option<HeaderValue> {
    let operations = [
        (item.get.is_some(), "GET, HEAD"),
        (item.post.is_some(), "POST"),
        (item.put.is_some(), "PUT"),
        (item.patch.is_some(), "PATCH"),
        (item.delete.is_some(), "DELETE"),
    ];
    let names: Vec<_> =
        operations.into_iter().filter(|(defined, _)| *defined).map(|(_, name)| name).collect();
    HeaderValue::from_str(&names.join(", ")).ok()
}
