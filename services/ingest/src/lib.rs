//! Webhook intake, observations, activities, streams, the journal.

mod domain;
mod store;
