//! Exports: an athlete asks, every service writes its part, the parts are joined, and in the end they are deleted.

mod archive;
mod delete_export;
mod join_parts;
mod record_part;
mod request_export;
mod request_message;
mod run_export;

pub(crate) use archive::archive_path;
pub(crate) use delete_export::{delete_own_export, run_delete};
pub(crate) use record_part::record_part;
pub(crate) use request_export::{RequestExportError, request_export};
pub(crate) use run_export::run_export;
