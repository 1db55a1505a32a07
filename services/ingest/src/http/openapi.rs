//! OpenAPI description of the routes.

use utoipa::OpenApi;

use super::{export, me, refresh, retention, webhook};

#[derive(Debug, OpenApi)]
#[openapi(paths(
    webhook::validate,
    webhook::receive_event,
    refresh::refresh_data,
    me::list_activities,
    me::show_activity,
    me::read_journal,
    me::list_imports,
    retention::show,
    export::request,
    export::show,
    export::download,
    export::delete,
))]
struct Document;

/// Returns the document.
pub(crate) fn document() -> utoipa::openapi::OpenApi {
    Document::openapi()
}
