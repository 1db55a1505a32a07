//! The newest answer wins, whatever the order of events.

use contracts::wire::envelope::Payload;
use contracts::{Envelope, Topic};
use serde_json::json;
use strava_sim::GUARDIAN_ID;

use crate::test_app::{TestApp, settings, strava_options};

fn permutations(items: &[usize]) -> Vec<Vec<usize>> {
    if items.is_empty() {
        return vec![Vec::new()];
    }
    let mut all = Vec::new();
    for (at, first) in items.iter().enumerate() {
        let rest: Vec<_> = items
            .iter()
            .enumerate()
            .filter(|(other, _)| *other != at)
            .map(|(_, item)| *item)
            .collect();
        for mut tail in permutations(&rest) {
            tail.insert(0, *first);
            all.push(tail);
        }
    }
    all
}

const ASPECTS: [&str; 4] = ["create", "update", "update", "delete"];

#[tokio::test(flavor = "multi_thread")]
async fn events_in_any_order_and_repeated_end_in_the_same_state() {
    for database in testkit::databases().await {
        every_order(TestApp::with(database, strava_options(20), settings()).await).await;
    }
}

async fn every_order(app: TestApp) {
    let athlete = app.connect(GUARDIAN_ID).await;
    let before = app.current_activities(athlete).await.len();

    for order in permutations(&[0, 1, 2, 3]) {
        let id = app.create_activity(athlete, json!({"name": "First", "silent": true})).await;
        for (at, event) in order.iter().enumerate() {
            // The activity changes independently of the events.
            match at {
                1 => app.edit_activity(id, json!({"name": "Second", "silent": true})).await,
                2 => app.edit_activity(id, json!({"name": "Third", "silent": true})).await,
                3 => app.delete_activity(id, true).await,
                _ => {}
            }
            for _ in 0..2 {
                assert_eq!(app.send_hint(athlete, id, ASPECTS[*event]).await.status, 200);
            }
            app.wait_until_idle().await;
        }
        let known = app.current_activities(athlete).await;
        assert!(!known.contains_key(&id), "after {order:?}: {:?}", known.get(&id));
    }

    assert_eq!(app.current_activities(athlete).await.len(), before);
    app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_edits_in_any_order_end_with_the_last_title() {
    let app = TestApp::new().await;
    let athlete = app.connect(GUARDIAN_ID).await;
    let id = app.create_activity(athlete, json!({"name": "First", "silent": true})).await;
    app.edit_activity(id, json!({"name": "Last", "silent": true})).await;

    for aspect in ["update", "create", "update", "create"] {
        app.send_hint(athlete, id, aspect).await;
    }
    app.wait_until_idle().await;

    assert_eq!(app.current_activities(athlete).await[&id].name(), "Last");
    app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delete_that_overtakes_its_create_still_deletes() {
    let app = TestApp::new().await;
    let athlete = app.connect(GUARDIAN_ID).await;
    let id = app.create_activity(athlete, json!({"silent": true})).await;
    app.delete_activity(id, true).await;

    app.send_hint(athlete, id, "delete").await;
    app.wait_until_idle().await;
    app.send_hint(athlete, id, "create").await;
    app.wait_until_idle().await;

    let published: Vec<_> = app
        .published_activities(athlete)
        .await
        .into_iter()
        .filter(|published| published.activity.strava_activity == id)
        .collect();
    assert!(
        !published.is_empty() && published.iter().all(|published| published.activity.removed),
        "{published:?}"
    );
    app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_later_answer_revives_a_removed_activity_under_the_same_id() {
    let app = TestApp::new().await;
    let athlete = app.connect(GUARDIAN_ID).await;
    let id = app.create_activity(athlete, json!({"silent": true})).await;
    app.add_fault(json!({"endpoint": "GET /activities/{id}", "kind": "not_found", "count": 1}))
        .await;
    app.send_hint(athlete, id, "delete").await;
    app.wait_until_idle().await;
    let removed = app.published_activities(athlete).await.pop().unwrap();
    assert!(removed.activity.removed);

    app.advance_clock(5 * 60 + 1).await;
    app.wait_for_activity(athlete, id).await;

    let revived = app.current_activities(athlete).await.remove(&id).unwrap();
    assert_eq!(revived.activity.activity, removed.activity.activity);
    assert!(revived.activity.revision > removed.activity.revision);
    app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unreadable_activity_is_retried_after_5_15_and_45_minutes() {
    let app = TestApp::new().await;
    let athlete = app.connect(GUARDIAN_ID).await;
    app.send_hint(athlete, 424_242, "create").await;
    app.wait_until_idle().await;

    for minutes in [5, 15, 45] {
        let calls = app.call_count("GET /activities/{id}").await;
        app.advance_clock(minutes * 60 - 30).await;
        app.wait_until_idle().await;
        assert_eq!(app.call_count("GET /activities/{id}").await, calls, "before {minutes} minutes");
        app.advance_clock(31).await;
        app.wait_until("it is tried", async || {
            app.call_count("GET /activities/{id}").await == calls + 1
        })
        .await;
        app.wait_until_idle().await;
    }

    assert_eq!(
        app.query_number("SELECT COUNT(*) FROM job WHERE kind = 'fetch_activity' AND state = 0")
            .await,
        0
    );
    assert!(
        !app.published_activities(athlete)
            .await
            .iter()
            .any(|published| published.activity.strava_activity == 424_242)
    );
    app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_old_answer_does_not_overwrite_a_newer_one() {
    let app = TestApp::new().await;
    let athlete = app.connect(GUARDIAN_ID).await;
    let id = app.create_activity(athlete, json!({"name": "Old"})).await;
    app.wait_for_activity(athlete, id).await;
    app.wait_until_idle().await;
    app.edit_activity(id, json!({"name": "Older still", "silent": true})).await;
    app
        .add_fault(json!({"endpoint": "GET /athlete/activities", "kind": "slow", "delay_ms": 1500, "count": 1}))
        .await;

    let (slow, ()) = tokio::join!(app.refresh(), async {
        tokio::time::sleep(std::time::Duration::from_millis(400)).await;
        app.edit_activity(id, json!({"name": "New"})).await;
        app.wait_until("the edit is published", async || {
            app.current_activities(athlete).await[&id].name() == "New"
        })
        .await;
    });
    app.wait_until_idle().await;

    assert_eq!(slow.status, 200, "{slow:?}");
    assert_eq!(app.current_activities(athlete).await[&id].name(), "New");
    app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hint_of_an_unknown_owner_enqueues_nothing() {
    let app = TestApp::new().await;
    let athlete = app.connect(GUARDIAN_ID).await;
    let stranger = crate::test_app::TestAthlete { strava_id: 99, ..athlete };

    assert_eq!(app.send_hint(stranger, 1, "create").await.status, 200);
    app.wait_until_idle().await;

    assert_eq!(app.query_number("SELECT COUNT(*) FROM job WHERE kind = 'fetch_activity'").await, 0);
    app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hint_older_than_the_stored_answer_is_ignored() {
    let app = TestApp::new().await;
    let athlete = app.connect(GUARDIAN_ID).await;
    let id = app.create_activity(athlete, json!({})).await;
    app.wait_for_activity(athlete, id).await;
    app.wait_until_idle().await;
    let calls = app.call_count("GET /activities/{id}").await;
    let event = json!({
        "object_type": "activity", "object_id": id, "aspect_type": "create", "owner_id": athlete.strava_id,
        "subscription_id": app.subscription_id().await, "event_time": app.now().as_secs() - 60,
    });

    let path = format!("/webhook/{}", crate::test_app::SECRET);
    assert_eq!(app.post(&path, event.to_string()).await.status, 200);
    app.wait_until_idle().await;

    assert_eq!(app.call_count("GET /activities/{id}").await, calls);
    app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hints_on_the_log_carry_no_free_text() {
    let app = TestApp::new().await;
    let athlete = app.connect(GUARDIAN_ID).await;
    let id = app.create_activity(athlete, json!({"silent": true})).await;

    app.edit_activity(id, json!({"name": "A very private title"})).await;
    app.wait_for_activity(athlete, id).await;

    let hints = app.bus.read_all(Topic::StravaEvents).await.unwrap();
    assert!(!hints.is_empty());
    for record in hints {
        let envelope = Envelope::decode(&record.value).unwrap();
        assert!(matches!(envelope.payload, Payload::Hint(_)));
        assert!(!String::from_utf8_lossy(&record.value).contains("private title"));
    }
    app.shut_down().await;
}
