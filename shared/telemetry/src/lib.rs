//! Logs, traces, and trace context in and out of HTTP and events.
