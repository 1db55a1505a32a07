//! problem+json, extractors, request ids, limits, probes, metrics and graceful stop.
