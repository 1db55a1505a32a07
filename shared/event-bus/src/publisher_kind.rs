//! Kinds of publishers.

/// The purpose of a publisher, which decides its latency and timeout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PublisherKind {
    /// For a webhook: sends at once and gives up after 1.2 s.
    Intake,
    /// For an outbox relay: batches, compresses, and waits up to 30 s.
    Relay,
}
