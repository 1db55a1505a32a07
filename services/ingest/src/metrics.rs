//! The metrics of ingest.

use telemetry::Metric;

/// The metrics that ingest keeps.
pub(crate) const METRICS: [Metric; 4] = [
    Metric::counter(
        "ingest_hints_total",
        "Hints by what became of them: wanted, old-news, unknown-owner, or not-ours.",
    )
    .with(&[("noted", &["wanted", "old-news", "unknown-owner", "not-ours"])]),
    Metric::counter(
        "ingest_log_away_total",
        "Events that the log did not take in time, so that the database did.",
    ),
    Metric::counter("ingest_revisions_total", "Revisions of activities, by cause.").with(&[(
        "cause",
        &["CAUSE_LIVE", "CAUSE_SWEEP", "CAUSE_BACKFILL", "CAUSE_IMPORT", "CAUSE_OPERATOR"],
    )]),
    Metric::gauge(
        "ingest_last_event_age_seconds",
        "Time since the last webhook event, or since the start if there was none; 0 without a public address.",
    ),
];
