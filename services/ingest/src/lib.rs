//! Webhook intake, observations, activities, streams, the journal.
