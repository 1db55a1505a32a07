//! The metrics of the whole program: described before anything runs, and those that are its own.

use std::path::Path;

use http_kit::Collector;
use telemetry::Metric;

use crate::compose::{SERVICES, ServiceNames};
use crate::doctor;

const FREE_BYTES: Metric = Metric::gauge(
    "data_dir_free_bytes",
    "Bytes that can still be written to the file system of the data directory.",
);

/// Describes the metrics of the named services and of what they share, and begins them at zero.
pub(crate) fn register(names: &ServiceNames) {
    let shared = [FREE_BYTES]
        .into_iter()
        .chain(http_kit::METRICS)
        .chain(event_bus::METRICS)
        .chain(outbox::METRICS)
        .chain(jobs::METRICS);
    let running = SERVICES.iter().filter(|entry| names.contains(entry.name));
    for metric in shared.chain(running.flat_map(|entry| (entry.metrics)())) {
        metric.register();
    }
}

/// The gauge of the space left for the data directory.
pub(crate) fn space_collector(data: &Path) -> Collector {
    let data = data.to_owned();
    Collector::new("data directory", move || {
        let free = doctor::free_bytes(&data);
        std::future::ready(free.map(|bytes| metrics::gauge!(FREE_BYTES.name).set(bytes as f64)))
    })
}
