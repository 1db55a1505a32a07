//! Takeout: the copy of an athlete's data that the athlete asks for.
//!
//! ingest publishes [`ExportRequested`](contracts::exports::ExportRequested), again until every service has answered.
//! Each service writes its part, tables as JSON and CSV, into the object store under
//! `athletes/<athlete>/exports/<id>/<service>/`, and answers with what is there. ingest joins the parts.
#![warn(missing_docs)]

mod data;
mod handler;
mod part;
mod paths;
mod table;

pub use crate::data::TakeoutData;
pub use crate::handler::ExportHandler;
pub use crate::part::Part;
pub use crate::paths::{export_prefix, exports_prefix, file_path};
pub use crate::table::{Columns, Table};
