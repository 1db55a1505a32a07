//! W3C Trace Context: the `traceparent` of headers, outbox rows and envelopes.

use std::collections::HashMap;

use opentelemetry::Context;
use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::TraceContextExt;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tracing_opentelemetry::OpenTelemetrySpanExt;

const TRACEPARENT: &str = "traceparent";

/// Returns the `traceparent` of the current span; empty outside of any.
pub fn current_traceparent() -> String {
    let mut fields = HashMap::new();
    let context = tracing::Span::current().context();
    TraceContextPropagator::new().inject_context(&context, &mut fields);
    fields.remove(TRACEPARENT).unwrap_or_default()
}

/// Makes the span a child of the one named by `traceparent`; an invalid one is ignored.
pub fn set_parent(span: &tracing::Span, traceparent: &str) {
    let parent = parse_parent(traceparent);
    if parent.span().span_context().is_valid() {
        // A span that is not recorded has no parent to set; that is no fault.
        let _ = span.set_parent(parent);
    }
}

/// Writes the `traceparent` of the current span into the headers of a request.
pub fn inject_traceparent(headers: &mut reqwest::header::HeaderMap) {
    if let Ok(value) = reqwest::header::HeaderValue::from_str(&current_traceparent())
        && !value.is_empty()
    {
        headers.insert(TRACEPARENT, value);
    }
}

fn parse_parent(traceparent: &str) -> Context {
    let fields = HashMap::from([(TRACEPARENT.to_owned(), traceparent.to_owned())]);
    TraceContextPropagator::new().extract_with_context(&Context::new(), &fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_traceparent_is_read_and_an_invalid_one_is_not() {
        let is_valid = |traceparent| parse_parent(traceparent).span().span_context().is_valid();
        assert!(is_valid("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"));
        for invalid in [
            "",
            "00-0-0-0",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x",
        ] {
            assert!(!is_valid(invalid), "{invalid}");
        }
    }
}
