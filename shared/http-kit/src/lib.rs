//! The HTTP parts that all services share: problem+json, extractors, request ids, limits, probes,
//! metrics and a server with a graceful stop.
#![warn(missing_docs)]

mod allowed_origins;
mod caller_check;
mod client_address;
mod collector;
mod described_routes;
mod etag;
mod extract;
mod headers;
mod metrics;
mod middleware;
mod ops;
mod page;
mod path_prefix;
mod problem;
mod problem_titles;
mod server;

pub use allowed_origins::AllowedOrigins;
pub use caller_check::CallerCheck;
pub use client_address::{ClientAddress, TrustedProxies};
pub use collector::Collector;
pub use described_routes::DescribedRoutes;
pub use etag::{check_if_match, is_not_modified, query_etag, version_etag};
pub use extract::{Body, BodyLimit, BodyTimeout, Json, Path, Query, parse_json};
pub use metrics::{METRICS, Metrics, MetricsError};
pub use middleware::RequestId;
pub use ops::{OpsEndpoints, Probe, Version};
pub use page::{Cursor, Page, PageQuery};
pub use path_prefix::PathPrefix;
pub use problem::{FieldError, Problem, ProblemDocument};
pub use server::{HttpServer, RunningServer};
