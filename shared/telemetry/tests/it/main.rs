//! Trace context across a program, without a collector and with few logs.

use telemetry::{Format, Settings, current_traceparent, inject_traceparent, set_parent};

fn trace_of(traceparent: &str) -> &str {
    let parts: Vec<&str> = traceparent.split('-').collect();
    assert_eq!((parts.len(), parts[0]), (4, "00"), "{traceparent:?}");
    assert!(parts[1].len() == 32 && parts[2].len() == 16, "{traceparent:?}");
    parts[1]
}

// Logs are set up once in a process, so this is one test.
#[test]
fn one_trace_runs_from_a_request_through_an_event_to_the_next_call() {
    let settings = Settings {
        format: Format::Json,
        filter: "error".to_owned(),
        otlp_endpoint: None,
        service: "test".to_owned(),
    };
    let guard = telemetry::init(&settings).unwrap();
    assert_eq!(current_traceparent(), "", "outside of any span there is no trace");

    let theirs = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let request = tracing::info_span!("request");
    set_parent(&request, theirs);
    let in_the_outbox =
        request.in_scope(|| tracing::info_span!("handler").in_scope(current_traceparent));
    assert_eq!(trace_of(&in_the_outbox), trace_of(theirs));
    assert_ne!(in_the_outbox, theirs, "the span is our own");

    let consumer = tracing::info_span!("consumer");
    set_parent(&consumer, &in_the_outbox);
    let mut headers = reqwest::header::HeaderMap::new();
    consumer.in_scope(|| inject_traceparent(&mut headers));
    assert_eq!(trace_of(headers["traceparent"].to_str().unwrap()), trace_of(theirs));

    let (one, other) = (tracing::info_span!("one"), tracing::info_span!("other"));
    let (one, other) = (one.in_scope(current_traceparent), other.in_scope(current_traceparent));
    assert_ne!(
        trace_of(&one),
        trace_of(&other),
        "each request without a parent has a trace of its own"
    );

    let again = telemetry::init(&settings).unwrap_err();
    assert_eq!(again.to_string(), "logs are already set up");
    let wrong = Settings { filter: "info,=".to_owned(), ..settings };
    assert!(telemetry::init(&wrong).unwrap_err().to_string().contains("info,="));
    guard.shutdown();
}
