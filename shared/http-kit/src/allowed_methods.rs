//! Which methods each address understands, for the `Allow` header of a 405.

use std::collections::BTreeMap;
use std::sync::Arc;

use actix_web::http::header::HeaderValue;
use utoipa::openapi::{OpenApi, PathItem};

/// The methods of each route, read from the API's own description. Register it with `app_data`.
#[derive(Clone, Debug, Default)]
pub struct AllowedMethods(Arc<BTreeMap<String, HeaderValue>>);

impl AllowedMethods {
    /// The methods as described there.
    pub fn from_openapi(api: &OpenApi) -> Self {
        let routes = api.paths.paths.iter();
        Self(Arc::new(
            routes.filter_map(|(path, item)| Some((path.clone(), methods(item)?))).collect(),
        ))
    }

    pub(crate) fn for_route(&self, pattern: &str) -> Option<&HeaderValue> {
        self.0.get(pattern)
    }
}

fn methods(item: &PathItem) -> Option<HeaderValue> {
    let known = [
        (item.get.is_some(), "GET, HEAD"),
        (item.post.is_some(), "POST"),
        (item.put.is_some(), "PUT"),
        (item.patch.is_some(), "PATCH"),
        (item.delete.is_some(), "DELETE"),
    ];
    let names: Vec<_> =
        known.into_iter().filter(|(there, _)| *there).map(|(_, name)| name).collect();
    HeaderValue::from_str(&names.join(", ")).ok()
}
