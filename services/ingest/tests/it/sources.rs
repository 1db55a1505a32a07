//! An activity that several sources know is one activity, and outlives each of them.

use contracts::athletes::athlete_changed::Change;
use contracts::athletes::{Connection, ConnectionState, Erase};
use serde_json::json;
use service_kit::Service as _;
use strava_sim::GUARDIAN_ID;

use crate::test_app::{TestApp, TestAthlete};

/// Content hash of a file.
const HASH: &str = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

async fn connect_second_application(app: &TestApp, athlete: TestAthlete) {
    let connection = Connection {
        application: 2,
        strava_athlete: athlete.strava_id,
        generation: 2,
        state: ConnectionState::Connected.into(),
        scopes: vec!["activity:read_all".to_owned()],
        connected_at_us: app.now().as_micros(),
        reason: String::new(),
    };
    app.publish_change(athlete, 20, Change::Connection(connection)).await;
    let done = "SELECT COUNT(*) FROM backfill WHERE state = 'done' AND application = 2";
    app.wait_until("the backfill is done", async || app.query_number(done).await == 1).await;
    app.wait_until_idle().await;
}

async fn erase(app: &TestApp, athlete: TestAthlete, application: i64, through_generation: i64) {
    let change = Change::Erase(Erase { application, through_generation });
    app.publish_change(athlete, 30 + application, change).await;
    app.wait_until_idle().await;
}

/// Stores what reading a file will store: an observation of an activity that Strava knows too.
async fn store_file_observation(app: &TestApp, athlete: TestAthlete, activity: i64) {
    let writer = app.service.database().writer();
    let observation = format!(
        "INSERT INTO observation (athlete, source, source_id, detail_ticket, detail_generation, \
         detail_answered_us, detail, hints, hints_answered, hinted_by_webhook, delete_hinted, \
         rechecks, stream_rechecks, unlisted) \
         SELECT athlete, 'file', '{HASH}', COALESCE(detail_ticket, summary_ticket), 0, 0, \
         COALESCE(detail, summary), 0, 0, 0, 0, 0, 0, 0 FROM observation \
         WHERE athlete = '{}' AND source_id = '{activity}'",
        athlete.id
    );
    let identity = format!(
        "INSERT INTO source_identity (athlete, source, source_id, activity) \
         SELECT athlete, 'file', '{HASH}', activity FROM source_identity \
         WHERE athlete = '{}' AND source_id = '{activity}'",
        athlete.id
    );
    for statement in [observation, identity] {
        assert_eq!(outbox::sql::execute(writer, &statement, []).await.unwrap(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_activity_known_through_two_applications_is_one_and_outlives_one_of_them() {
    let app = TestApp::new().await;
    let athlete = app.connect(GUARDIAN_ID).await;
    let before = app.current_activities(athlete).await;
    assert!(!before.is_empty());

    connect_second_application(&app, athlete).await;

    let both = app.current_activities(athlete).await;
    assert_eq!(both.len(), before.len());
    for (id, published) in &both {
        assert_eq!(published.activity.activity, before[id].activity.activity);
        assert_eq!(published.activity.sources.len(), 2, "{published:?}");
        assert_eq!(published.envelope.origins.len(), 2, "{published:?}");
    }

    erase(&app, athlete, 1, 1).await;

    let left = app.current_activities(athlete).await;
    assert_eq!(left.len(), before.len());
    for published in left.values() {
        assert_eq!(published.activity.source, "strava:2");
        let origins: Vec<_> =
            published.envelope.origins.iter().map(|origin| origin.application.get()).collect();
        assert_eq!(origins, [2]);
    }

    erase(&app, athlete, 2, 2).await;

    assert_eq!(app.query_number("SELECT COUNT(*) FROM observation").await, 0);
    assert_eq!(app.query_number("SELECT COUNT(*) FROM activity").await, 0);
    app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_file_says_stays_when_strava_is_disconnected() {
    let app = TestApp::new().await;
    let athlete = app.connect(GUARDIAN_ID).await;
    let activity = app.create_activity(athlete, json!({"name": "At Strava"})).await;
    app.wait_for_activity(athlete, activity).await;
    app.wait_until_idle().await;
    let id = app.current_activities(athlete).await[&activity].activity.activity.clone();
    store_file_observation(&app, athlete, activity).await;

    app.edit_activity(activity, json!({"name": "Renamed"})).await;
    app.wait_until("both sources are shown", async || {
        let shown = app.get_as(athlete, &format!("/v1/me/activities/{id}")).await.json();
        shown["name"] == "Renamed" && shown["sources"].as_array().unwrap().len() == 2
    })
    .await;
    erase(&app, athlete, 1, 1).await;

    let shown = app.get_as(athlete, &format!("/v1/me/activities/{id}")).await.json();
    assert_eq!((&shown["source"], &shown["source_id"]), (&json!("file"), &json!(HASH)));
    assert_eq!(shown["name"], "At Strava");
    assert!(shown.get("strava_id").is_none(), "{shown}");
    assert_eq!(app.query_number("SELECT COUNT(*) FROM activity").await, 1);
    let last = app.published_activities(athlete).await.pop().unwrap();
    assert_eq!((last.activity.source.as_str(), last.activity.strava_activity), ("file", 0));
    assert!(last.envelope.origins.is_empty() && !last.activity.removed, "{last:?}");
    app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn withdrawing_one_application_leaves_the_work_of_the_other() {
    let app = TestApp::new().await;
    let athlete = app.connect(GUARDIAN_ID).await;
    connect_second_application(&app, athlete).await;
    let job = format!(
        "INSERT INTO job (id, kind, subject, athlete, source, priority, state, due_us, \
         lease_until_us, epoch, wanted, attempts, newest_answer_us, last_error, payload) VALUES \
         ('00000000-0000-0000-0000-000000000001', 'fetch_activity', 'waits', '{}', 'strava:2', 10, \
         0, {}, 0, 0, 1, 0, 0, '', '{{}}')",
        athlete.id,
        i64::MAX
    );
    outbox::sql::execute(app.service.database().writer(), &job, []).await.unwrap();

    app.set_connection_state(athlete, 1, 25, ConnectionState::Disconnected).await;
    erase(&app, athlete, 1, 1).await;

    assert_eq!(app.query_number("SELECT COUNT(*) FROM job WHERE subject = 'waits'").await, 1);
    erase(&app, athlete, 2, 2).await;
    assert_eq!(app.query_number("SELECT COUNT(*) FROM job WHERE subject = 'waits'").await, 0);
    app.shut_down().await;
}
