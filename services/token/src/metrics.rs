//! The metrics of the token service.

use telemetry::Metric;

/// The metrics that the token service keeps; their labels are the codes of states, reasons and purposes.
pub(crate) const METRICS: [Metric; 9] = [
    Metric::counter(
        "token_leases_total",
        "Answers to requests for leases, by purpose: granted, later, or the reason of a refusal.",
    )
    .with(&[
        ("purpose", &["login", "live", "copy", "reconcile", "backfill"]),
        (
            "answer",
            &["granted", "later", "disconnected", "reconnect-needed", "scope-missing", "app-inactive"],
        ),
    ]),
    Metric::counter("token_refreshes_total", "Tokens that were refreshed."),
    Metric::counter("token_unreadable_total", "Stored tokens that no key opened when they were needed."),
    Metric::counter(
        "token_connections_ended_total",
        "Connections that ended, by reason. Many at once point to a restored backup or a wrong client id.",
    )
    .with(&[(
        "reason",
        &["withdrawn", "asked", "refresh-refused", "refresh-lost", "scope-missing"],
    )]),
    Metric::gauge(
        "token_connections_lost_together",
        "Connections whose grace is over and which are kept, because so many were lost at once.",
    ),
    Metric::gauge(
        "token_erasures_open",
        "Erasures that not every service has answered yet.",
    ),
    Metric::gauge("token_connections", "Connections by state.")
        .with(&[("state", &["connected", "reconnect-needed", "disconnected"])]),
    Metric::gauge(
        "token_budget_left_calls",
        "Calls that Strava still admits in the current window: its limit less calls made and calls promised.",
    )
    .with(BUDGET_LABELS),
    Metric::gauge("token_budget_limit_calls", "Calls that Strava admits in a whole window.")
        .with(BUDGET_LABELS),
];

const BUDGET_LABELS: &[(&str, &[&str])] =
    &[("window", &["15min", "day"]), ("bucket", &["overall", "read"])];
