//! Changes that no webhook reported.

use std::sync::Arc;
use std::time::Duration;

use contracts::activities::ActivityChanged;
use contracts::{Cause, Topic};
use event_bus::{HandleError, Handler, Received, Subscription};
use kernel::AthleteId;
use lifecycle::Tasks;
use serde_json::json;
use strava_sim::{CHILD_ID, GUARDIAN_ID};
use testkit::TestDatabase;
use tokio::sync::Semaphore;

use crate::test_app::{TestApp, last_athlete, settings, strava_options};
use service_kit::Service as _;

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_counts_what_no_webhook_reported_and_then_fetches_details() {
    let app = TestApp::new().await;
    let athlete = app.connect(GUARDIAN_ID).await;
    let id = app.create_activity(athlete, json!({"silent": true, "name": "Unheard of"})).await;

    let answer = app.refresh().await;

    assert_eq!(
        (answer.status, answer.json()),
        (200, json!({"status": "success", "message": "Data refreshed successfully"}))
    );
    let published = app.current_activities(athlete).await.remove(&id).unwrap();
    assert_eq!((published.topic, published.envelope.cause), (Topic::Activities, Cause::Sweep));
    app.wait_until("its streams are fetched", async || {
        app.current_activities(athlete).await[&id].activity.streams.is_some()
    })
    .await;
    assert_eq!(app.current_activities(athlete).await[&id].envelope.cause, Cause::Sweep);
    app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_poll_finds_edits_and_deletes_and_erases_no_details() {
    let app = TestApp::new().await;
    let athlete = app.connect(GUARDIAN_ID).await;
    let edited = app.create_activity(athlete, json!({})).await;
    let deleted = app.create_activity(athlete, json!({"start_date": "2026-01-01T10:00:00Z"})).await;
    app.wait_until("both are published", async || {
        let known = app.current_activities(athlete).await;
        known.contains_key(&edited) && known.contains_key(&deleted)
    })
    .await;
    app.wait_until_idle().await;
    app.edit_activity(edited, json!({"distance": 12_345.0, "silent": true})).await;
    app.delete_activity(deleted, true).await;

    assert_eq!(app.refresh().await.status, 200);
    app.wait_until_idle().await;

    let known = app.current_activities(athlete).await;
    assert!(!known.contains_key(&deleted));
    let published = &known[&edited].activity;
    assert_eq!(published.facts.as_ref().unwrap().distance_dm, 123_450);
    assert!(published.facts.as_ref().unwrap().has_details && published.streams.is_some());
    app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_poll_that_finds_nothing_new_publishes_nothing() {
    let app = TestApp::new().await;
    let athlete = app.connect(GUARDIAN_ID).await;
    let before = app.published_activities(athlete).await.len();

    assert_eq!(app.refresh().await.status, 200);
    app.wait_until_idle().await;

    assert_eq!(app.published_activities(athlete).await.len(), before);
    app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_without_the_key_is_refused_as_the_predecessor_did() {
    let app = TestApp::new().await;
    let refusal =
        json!({"detail": {"message": "Invalid or missing API key", "category": "security"}});
    let url = format!("{}/strava/refresh-data", app.base);

    let without = app.send(app.http.post(&url)).await;
    let wrong = app.send(app.http.post(&url).header("x-api-key", "guess")).await;

    assert_eq!((without.status, without.json()), (401, refusal.clone()));
    assert_eq!((wrong.status, wrong.json()), (401, refusal));
    app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_that_fails_names_an_error_id_and_nothing_else() {
    let app = TestApp::new().await;

    let nobody = app.refresh().await;
    app.connect(GUARDIAN_ID).await;
    app.add_fault(json!({"endpoint": "GET /athlete/activities", "kind": "server_error"})).await;
    let unreadable = app.refresh().await;

    for answer in [nobody, unreadable] {
        assert_eq!(answer.status, 500);
        let detail = answer.json()["detail"].as_str().unwrap().to_owned();
        let id = detail
            .strip_prefix("Failed to refresh Strava data (Error ID: ")
            .unwrap()
            .strip_suffix(')')
            .unwrap();
        assert!(id.len() == 8 && id.bytes().all(|digit| digit.is_ascii_hexdigit()), "{detail}");
    }
    app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_reconciliation_finds_the_delete_of_an_old_activity() {
    let settings = ingest::Settings { tick_s: 1, page: 5, head_page: 5, ..settings() };
    let app = TestApp::with(TestDatabase::sqlite(), strava_options(5), settings).await;
    let athlete = app.connect(GUARDIAN_ID).await;
    let known = app.current_activities(athlete).await;
    assert!(known.len() > 10);
    let start = |it: &i64| known[it].activity.facts.as_ref().unwrap().start_at_us;
    let oldest = *known.keys().min_by_key(|it| start(it)).unwrap();
    app.delete_activity(oldest, true).await;

    for _ in 0..(known.len() / 4 + 2) {
        app.advance_clock(24 * 3_600 + 60).await;
        let reconciled = format!(
            "SELECT COUNT(*) FROM connection WHERE reconciled_at_us > {}",
            app.now().as_micros() - 60_000_000
        );
        app.wait_until("the page is reconciled", async || app.query_number(&reconciled).await == 1)
            .await;
        app.wait_until_idle().await;
    }

    assert!(!app.current_activities(athlete).await.contains_key(&oldest));
    app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_an_absence_every_athlete_is_polled() {
    let settings = ingest::Settings { tick_s: 1, ..settings() };
    let app = TestApp::with(TestDatabase::sqlite(), strava_options(5), settings).await;
    let athlete = app.connect(GUARDIAN_ID).await;
    let id = app.create_activity(athlete, json!({"silent": true})).await;

    app.advance_clock(43 * 3_600).await;

    app.wait_for_activity(athlete, id).await;
    app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_waits_for_no_backfill_of_another_athlete() {
    let published = AthleteId::from_uuid(uuid::Uuid::from_u128(7));
    let settings = ingest::Settings {
        published_athlete: Some(published),
        refresh_patience_s: 4,
        page: 5,
        ..settings()
    };
    let bulk_workers = settings.bulk_workers;
    let app = TestApp::with(TestDatabase::sqlite(), strava_options(300), settings).await;
    let athlete = app.connect_as(published, GUARDIAN_ID).await;
    app.wait_for_backfill(athlete).await;
    for strava_id in [CHILD_ID, last_athlete(&app).await] {
        let slow = json!({
            "endpoint": "GET /athlete/activities", "kind": "slow", "delay_ms": 2_000, "athlete": strava_id,
        });
        app.add_fault(slow).await;
        app.start_connect(strava_id).await;
    }
    let query = format!(
        "SELECT COUNT(*) FROM job WHERE kind = 'backfill' AND lease_until_us > {}",
        app.now().as_micros()
    );
    let reading = async || app.query_number(&query).await == bulk_workers as i64;
    app.wait_until("every bulk worker is busy", reading).await;
    let id = app.create_activity(athlete, json!({"silent": true})).await;

    let answer = app.refresh().await;

    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(app.current_activities(athlete).await.contains_key(&id));
    assert!(reading().await, "the backfills are still running");
    app.clear_faults().await;
    app.shut_down().await;
}

/// A stand-in for stats that settles a record only when permitted.
struct CountingHandler(Arc<Semaphore>);

impl Handler for CountingHandler {
    type Event = ActivityChanged;

    async fn handle(&self, _: &Received<ActivityChanged>) -> Result<(), HandleError> {
        drop(self.0.acquire().await);
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_answers_when_what_it_found_is_counted_and_not_before() {
    let app = TestApp::new().await;
    let athlete = app.connect(GUARDIAN_ID).await;
    let stats = Tasks::new();
    let (counted, backfilled) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(1)));
    for (group, topic, go) in
        [("stats", Topic::Activities, &counted), ("stats.bulk", Topic::ActivitiesBulk, &backfilled)]
    {
        let subscription =
            Subscription::new(group, outbox::ParkedEvents::new(app.service.database().clone()))
                .on(topic, CountingHandler(Arc::clone(go)));
        let (bus, soft, hard) = (app.bus.clone(), stats.soft(), stats.hard());
        stats.spawn(group, async move { subscription.run(&bus, soft, hard).await });
    }
    let reads =
        async || app.bus.lag_of_groups(&["stats", "stats.bulk"]).await.is_ok_and(|n| n == 0);
    app.wait_until("stats has counted the backfill", reads).await;
    let id = app.create_activity(athlete, json!({"silent": true})).await;

    let mut refresh = Box::pin(app.refresh());
    let published = app.wait_until("it is on the log", async || {
        app.current_activities(athlete).await.contains_key(&id)
    });
    tokio::select! {
        answer = &mut refresh => panic!("answered before it was published: {answer:?}"),
        () = published => {}
    }
    let early = tokio::time::timeout(Duration::from_secs(1), &mut refresh).await;
    assert!(early.is_err(), "answered before it was counted: {early:?}");

    counted.add_permits(1);
    assert_eq!(refresh.await.status, 200);
    assert_eq!(stats.join(Duration::from_secs(20)).await, lifecycle::JoinOutcome::Clean);
    app.shut_down().await;
}
