//! The models of API responses, parsed leniently: absent, null and empty are all absent.

mod activity;
mod athlete;
pub(crate) mod lenient;
mod streams;
mod upload;

pub use activity::{DetailedActivity, SummaryActivity, Visibility};
pub use athlete::AthleteSummary;
pub use streams::{StreamSet, Streams};
pub use upload::{Upload, UploadOutcome, UploadStatus};
