//! What of a service's database is watched from outside: parked records, and the age of the outbox.

use kernel::Timestamp;
use telemetry::Metric;

use crate::{Database, ParkedEvents, StoreError, sql};

/// The metrics that databases and relays keep.
pub const METRICS: [Metric; 4] = [
    Metric::counter("outbox_published_total", "Records that relays have published."),
    Metric::counter(
        "store_contended_total",
        "Transactions that are repeated after a deadlock, a lock time-out or a busy database.",
    ),
    Metric::gauge(
        "outbox_oldest_age_seconds",
        "Age of the oldest record in the outbox of a service that is not published yet; 0 if there is none.",
    )
    .open(),
    Metric::gauge("parked_records", "Records that a service has parked and nobody has replayed or dropped.")
        .open(),
];

/// Sets the gauges of a service's database.
///
/// # Errors
///
/// [`StoreError`] if the database cannot be read; the gauges keep their values.
pub async fn set_gauges(service: &'static str, database: &Database) -> Result<(), StoreError> {
    let oldest = database.oldest_unpublished().await?;
    let age = oldest.map_or(0.0, |at| database.clock().now().since(at).as_secs_f64());
    let parked = ParkedEvents::new(database.clone()).count().await?;
    metrics::gauge!("outbox_oldest_age_seconds", "service" => service).set(age);
    metrics::gauge!("parked_records", "service" => service).set(parked as f64);
    Ok(())
}

impl Database {
    /// The instant at which the oldest outbox row that is not published was written.
    async fn oldest_unpublished(&self) -> Result<Option<Timestamp>, StoreError> {
        let oldest = "SELECT MIN(written_at_us) FROM outbox WHERE published_at_us = 0";
        let at: Option<Option<i64>> = sql::fetch_scalar(self.readers(), oldest, []).await?;
        Ok(at.flatten().map(Timestamp::from_micros))
    }
}
