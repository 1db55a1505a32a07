//! problem+json, extractors, request ids, limits, probes, metrics and graceful stop: what every door has in common.
#![warn(missing_docs)]

mod allowed;
mod door;
mod edge;
mod etag;
mod extract;
mod headers;
mod metrics;
mod page;
mod probes;
mod problem;
pub mod problems;

pub use allowed::Allowed;
pub use door::{Door, Serving, bind, defaults, serve};
pub use edge::{RequestId, edge};
pub use etag::{Tag, etag, etag_with, if_match, not_modified};
pub use extract::{BodyLimit, Form, Json, Path, Query};
pub use metrics::{Metrics, MetricsError};
pub use page::{Cursor, Page, PageQuery};
pub use probes::{Ops, Probe, Version};
pub use problem::{FieldError, Problem, ProblemDocument};
