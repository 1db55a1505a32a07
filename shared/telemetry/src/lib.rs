//! Logs, traces, and the propagation of trace context through HTTP and events: one trace runs from webhook to copy.
#![warn(missing_docs)]

mod client;
mod context;
mod init;
mod metrics;

pub use client::http_client;
pub use context::{current_traceparent, inject_traceparent, set_parent};
pub use init::{Format, Guard, InitError, Settings, init};
pub use metrics::Metric;
