//! problem+json, extractors, request ids, limits, probes, metrics and graceful stop.
#![warn(missing_docs)]

mod etag;
mod extract;
mod paging;
mod probes;
mod problem;
mod serve;
mod trace;

pub use etag::{etag, not_modified};
pub use extract::{Form, Json, Path, Query};
pub use paging::{Page, next_link};
pub use probes::{Probe, Probes, install_metrics};
pub use problem::{Field, Problem, ProblemDocument, TYPES};
pub use serve::{Door, JSON_LIMIT, bind, serve};
pub use trace::RequestId;
