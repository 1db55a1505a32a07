//! The routes as OpenAPI describes them.

use utoipa::OpenApi;

use super::{me, refresh, webhook};

#[derive(Debug, OpenApi)]
#[openapi(paths(
    webhook::validate,
    webhook::take,
    refresh::refresh_data,
    me::list_activities,
    me::show_activity,
    me::read_journal,
    me::list_imports,
))]
struct Document;

/// The document.
pub(crate) fn document() -> utoipa::openapi::OpenApi {
    Document::openapi()
}
