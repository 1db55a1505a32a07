//! Replays: requested after an absence, and never copied twice.

use contracts::Topic;
use contracts::replays::{ReplayDone, ReplayRequested};
use contracts::wire::envelope::Payload;
use contracts::{Cause, Envelope, Event};
use kernel::{EventId, Ids, SystemIds};

use crate::test_app::{Run, TestApp};

#[tokio::test]
async fn a_replayed_activity_without_a_line_is_looked_for_before_it_is_sent() {
    let app = TestApp::start().await;
    app.create_link("Milla", false).await;
    let run = app.new_run("Run with Milla").await;
    app.publish_activities(&[&run]).await;
    let first = app.wait_for_state("done").await;
    // A restored backup: the ledger has forgotten, Strava has not.
    app.execute("DELETE FROM copy; DELETE FROM activity_revision; DELETE FROM job").await;

    app.publish_activities(&[&Run { replay: true, ..run.clone() }]).await;

    let second = app.wait_for_state("done").await;
    assert_eq!(second["reason"], "found-in-list");
    assert_eq!(second["strava_activity"], first["strava_activity"]);
    assert_eq!(app.strava.count_uploads().await, 1);
    app.stop().await;
}

#[tokio::test]
async fn a_replayed_activity_that_was_missed_is_copied() {
    let app = TestApp::start().await;
    app.create_link("Milla", false).await;
    let run = Run { replay: true, ..app.new_run("Run with Milla").await };

    app.publish_activities(&[&run, &run]).await;

    app.wait_for_state("done").await;
    assert_eq!((app.strava.list_copies().await.len(), app.strava.count_uploads().await), (1, 1));
    app.stop().await;
}

#[tokio::test]
async fn a_new_service_requests_athletes_and_is_in_sync_after_all_partitions() {
    let app = TestApp::start().await;
    let requests = testkit::eventually(
        std::time::Duration::from_secs(10),
        "a replay is requested",
        async || {
            let requests: Vec<_> =
                app.published(Topic::Replays).await.into_iter().filter_map(to_request).collect();
            if requests.is_empty() { Err(()) } else { Ok(requests) }
        },
    )
    .await;
    assert_eq!(requests.len(), 1, "without a link no activity can be missed");
    assert_eq!(requests[0].of, "athletes");

    let body = ReplayDone {
        id: requests[0].id.clone(),
        service: "duplication".to_owned(),
        of: "athletes".to_owned(),
    };
    let done = Envelope {
        event_id: EventId::from_uuid(SystemIds.uuid_v7(app.now())),
        occurred_at: app.now(),
        athlete: None,
        origins: Vec::new(),
        cause: Cause::Unspecified,
        replay: true,
        traceparent: String::new(),
        payload: body.into_payload(),
    };
    let publisher = app.bus.publisher(event_bus::PublisherKind::Relay);
    publisher.publish_to_every_partition(Topic::Athletes, done.encode()).await.unwrap();
    app.wait_until_handled().await;

    assert_eq!(
        app.query_number(
            "SELECT COUNT(*) FROM replay_state WHERE topic = 'athletes' AND replay_id = ''"
        )
        .await,
        1
    );
    app.stop().await;
}

fn to_request(envelope: Envelope) -> Option<ReplayRequested> {
    match envelope.payload {
        Payload::ReplayRequested(request) => Some(request),
        _ => None,
    }
}
