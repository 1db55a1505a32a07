//! W3C Trace Context: what stands in a header, an outbox row or an envelope, and how it becomes a span's parent.

use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState};
use tracing_opentelemetry::OpenTelemetrySpanExt;

/// The `traceparent` of the current span; empty outside of any.
pub fn current_traceparent() -> String {
    let context = tracing::Span::current().context();
    let span = context.span();
    let context = span.span_context();
    if !context.is_valid() {
        return String::new();
    }
    format!("00-{}-{}-{:02x}", context.trace_id(), context.span_id(), context.trace_flags().to_u8())
}

/// Makes the span a child of the one that `traceparent` names; one that names none changes nothing.
pub fn set_parent(span: &tracing::Span, traceparent: &str) {
    if let Some(parent) = parse(traceparent) {
        // A span that is not recorded has no parent to set; that is no fault.
        let _ = span.set_parent(opentelemetry::Context::new().with_remote_span_context(parent));
    }
}

/// Writes the current span into the headers of a request.
pub fn inject_traceparent(headers: &mut reqwest::header::HeaderMap) {
    if let Ok(value) = reqwest::header::HeaderValue::from_str(&current_traceparent())
        && !value.is_empty()
    {
        headers.insert("traceparent", value);
    }
}

fn parse(traceparent: &str) -> Option<SpanContext> {
    let mut parts = traceparent.split('-');
    let version = parts.next().filter(|version| version.len() == 2 && *version != "ff")?;
    let trace = parts
        .next()
        .filter(|trace| trace.len() == 32)
        .and_then(|trace| TraceId::from_hex(trace).ok())?;
    let span = parts
        .next()
        .filter(|span| span.len() == 16)
        .and_then(|span| SpanId::from_hex(span).ok())?;
    let flags = parts.next().and_then(|flags| u8::from_str_radix(flags, 16).ok())?;
    if version == "00" && parts.next().is_some() {
        return None;
    }
    let context =
        SpanContext::new(trace, span, TraceFlags::new(flags), true, TraceState::default());
    context.is_valid().then_some(context)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_traceparent_is_read_and_nonsense_is_not() {
        assert!(parse("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01").is_some());
        for bad in [
            "",
            "00-0-0-0",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x",
        ] {
            assert!(parse(bad).is_none(), "{bad}");
        }
    }
}
