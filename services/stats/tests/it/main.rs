//! The service as others meet it: the log on one side, HTTP on the other.
#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod counting;
mod description;
mod erasure;
mod history;
mod local_days;
mod predecessors;
mod replay;
mod sessions;
mod store_faults;
mod summary;
mod test_app;
mod wiped;
