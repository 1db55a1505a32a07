//! The metrics of consumer groups.

use contracts::Topic;
use metrics::{counter, gauge};
use telemetry::Metric;

/// The metrics that consumer groups keep.
pub const METRICS: [Metric; 4] = [
    Metric::gauge("bus_lag", "Records of a topic that a group has not settled yet.").open(),
    Metric::counter(
        "bus_settled_total",
        "Records that a group is done with: handled, skipped because they are of no concern to it, or parked.",
    )
    .open(),
    Metric::counter(
        "bus_retried_total",
        "Attempts that are repeated: a dependency is away, the handler failed, or the record is to be parked.",
    )
    .open(),
    Metric::histogram("bus_handle_seconds", "Duration of attempts to handle a record."),
];

/// Begins the series of a group at zero.
pub(super) fn register(group: &'static str, topics: &[Topic]) {
    for topic in topics.iter().map(|topic| topic.name()) {
        gauge!("bus_lag", "group" => group, "topic" => topic).increment(0.0);
        for outcome in ["handled", "skipped", "parked"] {
            counter!("bus_settled_total", "group" => group, "topic" => topic, "outcome" => outcome)
                .increment(0);
        }
        for why in ["away", "failed", "park"] {
            counter!("bus_retried_total", "group" => group, "topic" => topic, "why" => why)
                .increment(0);
        }
    }
}
