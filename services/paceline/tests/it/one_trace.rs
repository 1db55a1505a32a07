//! One trace runs from the webhook to the copy.

use contracts::wire::envelope::Payload;
use contracts::{Envelope, Topic};
use strava_sim::{CHILD_ID, GUARDIAN_ID};

use crate::test_app::{Setup, TestApp, envelopes};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_trace_runs_from_the_webhook_to_the_copy() {
    let mut app = TestApp::start(Setup::default()).await;
    app.linked_guardian_and_child().await;
    let activity = app.record(GUARDIAN_ID, "Run with Milla").await;
    app.assert_copies(CHILD_ID, &["Run with Milla".to_owned()]).await;
    app.stop().await;
    let records = app.records().await;

    let hint = envelopes(&records, Topic::StravaEvents).into_iter().find(
        |envelope| matches!(&envelope.payload, Payload::Hint(hint) if hint.object_id == activity),
    );
    let hint = hint.unwrap();
    let changed = envelopes(&records, Topic::Activities).into_iter().filter(
        |envelope| matches!(&envelope.payload, Payload::ActivityChanged(change) if change.strava_activity == activity),
    );
    let changed: Vec<_> = changed.collect();
    let copies = envelopes(&records, Topic::Copies);

    let trace = trace_of(&hint);
    assert!(!changed.is_empty() && !copies.is_empty());
    for envelope in changed.iter().chain(&copies) {
        assert_eq!(trace_of(envelope), trace, "{:?}", envelope.payload);
    }
    let spans: std::collections::BTreeSet<_> =
        [&hint, &changed[0], &copies[0]].map(|envelope| envelope.traceparent.clone()).into();
    assert_eq!(spans.len(), 3, "each step is a span of its own: {spans:?}");
}

/// `00-<trace>-<span>-<flags>`
fn trace_of(envelope: &Envelope) -> String {
    let parts: Vec<_> = envelope.traceparent.split('-').collect();
    assert_eq!(
        parts.len(),
        4,
        "{:?} carries no trace: {:?}",
        envelope.payload,
        envelope.traceparent
    );
    assert_eq!(parts[1].len(), 32);
    assert!(parts[1].bytes().any(|digit| digit != b'0'));
    parts[1].to_owned()
}
