//! Data an athlete withdraws is erased, also in flight.

use std::time::Duration;

use contracts::athletes::{
    AthleteChanged, Connection, ConnectionState, Erase, Gone, athlete_changed::Change,
};
use contracts::{Envelope, Topic, wire::envelope::Payload};
use kernel::AthleteId;
use serde_json::json;

use crate::test_app::{
    APPLICATION, Activity, TestApp, envelope, new_activity, new_athlete, origin,
};

fn changed(athlete: AthleteId, revision: i64, change: Change) -> Envelope {
    envelope(Some(athlete), Vec::new(), AthleteChanged { revision, change: Some(change) })
}

fn erase(athlete: AthleteId, through_generation: i64) -> Envelope {
    changed(athlete, 10, Change::Erase(Erase { application: APPLICATION, through_generation }))
}

fn connection(athlete: AthleteId, revision: i64, state: ConnectionState) -> Envelope {
    let generation = 1;
    let now = Connection {
        application: APPLICATION,
        generation,
        state: state.into(),
        ..Connection::default()
    };
    changed(athlete, revision, Change::Connection(now))
}

async fn publish_athlete_change(app: &TestApp, event: Envelope) {
    app.publish(Topic::Athletes, event).await;
    app.wait_until_handled().await;
}

/// Publishes an erase and waits for the answer to its first pass.
async fn publish_erase(app: &TestApp, athlete: AthleteId, event: Envelope) {
    let before = answers(app, athlete).await.len();
    publish_athlete_change(app, event).await;
    app.eventually("an answer", async || answers(app, athlete).await.len() > before).await;
}

async fn answers(app: &TestApp, athlete: AthleteId) -> Vec<contracts::erasures::Erased> {
    let records = app.bus.read_all(Topic::Erasures).await.unwrap();
    records
        .iter()
        .map(|record| Envelope::decode(&record.value).unwrap())
        .filter(|envelope| envelope.athlete == Some(athlete))
        .map(|envelope| match envelope.payload {
            Payload::Erased(erased) => erased,
            other => panic!("{other:?}"),
        })
        .collect()
}

#[tokio::test]
async fn an_erase_takes_what_stems_from_the_connection_and_nothing_else() {
    for database in testkit::databases().await {
        let app = TestApp::new(database).await;
        let athlete = new_athlete();
        let withdrawn = new_activity();
        app.publish_live(Activity::new(athlete).with_id(withdrawn).generation(1)).await;
        app.publish_live(Activity::new(athlete).generation(2).distance_dm(7)).await;
        publish_erase(&app, athlete, erase(athlete, 1)).await;
        let total = app.total(athlete).await;
        assert_eq!((&total["count"], &total["distance_m"]), (&json!(1), &json!(0.7)));
        assert_eq!(app.service.verify(athlete).await.unwrap(), 0);
        // Only the id and the revision are left of it.
        assert_eq!(
            app.rows("fact WHERE name = '' AND removed AND distance_dm = 0 AND origins = ''").await,
            1 + 2
        );
        // What was in flight changes nothing, with whatever revision.
        app.publish_live(Activity::new(athlete).with_id(withdrawn).generation(1).revision(99))
            .await;
        app.publish_live(Activity::new(athlete).generation(1)).await;
        assert_eq!(app.total(athlete).await["count"], 1);
        // The next connection may tell of the same activity.
        app.publish_live(Activity::new(athlete).with_id(withdrawn).generation(2).revision(100))
            .await;
        assert_eq!(app.total(athlete).await["count"], 2);
        app.stop().await;
    }
}

#[tokio::test]
async fn every_erase_is_answered_twice_also_the_repeated_one() {
    for database in testkit::databases().await {
        let app = TestApp::new(database).await;
        let athlete = new_athlete();
        app.publish_live(Activity::new(athlete)).await;
        publish_erase(&app, athlete, erase(athlete, 1)).await;
        // Asked for again before its second pass, it goes on; asked for afterwards, it is done again.
        for round in 0..2 {
            app.clock.advance(Duration::from_mins(10));
            publish_athlete_change(&app, erase(athlete, 1)).await;
            app.eventually("the next answer", async || {
                answers(&app, athlete).await.len() == 2 + round
            })
            .await;
        }
        let answers = answers(&app, athlete).await;
        let summaries: Vec<_> = answers
            .iter()
            .map(|erased| (erased.through_generation, erased.rows, erased.r#final))
            .collect();
        assert_eq!(summaries, [(1, 1, false), (1, 1, true), (1, 0, false)]);
        assert!(answers.iter().all(|erased| erased.service == "stats"));
        app.stop().await;
    }
}

#[tokio::test]
async fn live_work_passes_between_the_batches_of_a_long_erasure() {
    let app = TestApp::new(testkit::TestDatabase::sqlite()).await;
    let athlete = new_athlete();
    let old: Vec<Envelope> =
        (0..1_000).map(|_| Activity::new(athlete).generation(1).into()).collect();
    app.publish_all(Topic::Activities, old).await;
    app.wait_until_handled().await;
    app.publish(Topic::Athletes, erase(athlete, 1)).await;
    app.publish_live(Activity::new(athlete).generation(2).distance_dm(7)).await;
    app.eventually("an answer", async || answers(&app, athlete).await.len() == 1).await;
    let total = app.total(athlete).await;
    assert_eq!((&total["count"], &total["distance_m"]), (&json!(1), &json!(0.7)));
    assert_eq!(answers(&app, athlete).await[0].rows, 1_000);
    assert_eq!(app.service.verify(athlete).await.unwrap(), 0);
    app.stop().await;
}

#[tokio::test]
async fn who_is_gone_is_gone_with_everything_for_good() {
    for database in testkit::databases().await {
        let app = TestApp::new(database).await;
        let athlete = new_athlete();
        app.publish_live(Activity::new(athlete).generation(1)).await;
        app.publish_live(Activity::new(athlete).generation(5)).await;
        publish_erase(&app, athlete, changed(athlete, 3, Change::Gone(Gone {}))).await;
        app.publish_live(Activity::new(athlete).generation(6).revision(50)).await;
        assert_eq!(app.total(athlete).await["count"], 0);
        app.eventually("an answer", async || answers(&app, athlete).await.len() == 1).await;
        assert_eq!(answers(&app, athlete).await[0].rows, 2);
        app.stop().await;
    }
}

#[tokio::test]
async fn an_activity_drawn_from_two_connections_goes_with_either() {
    let app = TestApp::new(testkit::TestDatabase::sqlite()).await;
    let athlete = new_athlete();
    let mut both: Envelope = Activity::new(athlete).into();
    both.origins = vec![
        contracts::Origin { application: kernel::ApplicationId::new(3), ..origin(4) },
        origin(2),
    ];
    app.publish_live(both).await;
    assert_eq!(app.total(athlete).await["count"], 1);
    publish_erase(&app, athlete, erase(athlete, 1)).await;
    assert_eq!(app.total(athlete).await["count"], 1);
    publish_erase(&app, athlete, erase(athlete, 2)).await;
    assert_eq!(app.total(athlete).await["count"], 0);
    app.stop().await;
}

#[tokio::test]
async fn a_lost_connection_is_not_shown_in_public_until_it_is_back() {
    let athlete = new_athlete();
    let app = TestApp::publishing(testkit::TestDatabase::sqlite(), Some(athlete)).await;
    publish_athlete_change(&app, connection(athlete, 1, ConnectionState::Connected)).await;
    app.publish_live(Activity::new(athlete)).await;
    assert_eq!(app.get("/strava/stats/ytd").await.status, 200);
    publish_athlete_change(&app, connection(athlete, 3, ConnectionState::ReconnectNeeded)).await;
    assert_eq!(app.get("/strava/stats/ytd").await.status, 404);
    // An older word changes nothing; the athlete still sees what is theirs.
    publish_athlete_change(&app, connection(athlete, 2, ConnectionState::Connected)).await;
    assert_eq!(app.get("/strava/stats/ytd").await.status, 404);
    assert_eq!(app.total(athlete).await["count"], 1);
    publish_athlete_change(&app, connection(athlete, 4, ConnectionState::Connected)).await;
    assert_eq!(app.get("/strava/stats/ytd").await.status, 200);
    app.stop().await;
}
