//! Reading an athlete's past.

use contracts::{Cause, Topic};
use serde_json::json;
use strava_sim::GUARDIAN_ID;
use testkit::TestDatabase;

use crate::world::{World, last, settings, strava};

const LIST: &str = "GET /athlete/activities";

#[tokio::test(flavor = "multi_thread")]
async fn a_history_is_told_whole_in_bulk_after_as_many_calls_as_it_has_pages_and_one() {
    for database in [TestDatabase::sqlite(), TestDatabase::mariadb().await] {
        let world = World::with(database, strava(450), settings()).await;
        let somebody = last(&world).await;

        let person = world.connect(somebody).await;

        let known = world.known(person).await;
        assert_eq!(known.len(), 450);
        assert!(known.values().all(|told| told.topic == Topic::ActivitiesBulk));
        assert!(known.values().all(|told| told.envelope.cause == Cause::Backfill));
        assert!(known.values().all(|told| told.activity.streams.is_none()));
        assert_eq!(world.calls(LIST).await, 450_u64.div_ceil(200) + 1);
        let imports = world.ask(person, "/v1/me/imports").await.json();
        assert_eq!(
            (imports["items"][0]["state"].as_str(), imports["items"][0]["calls"].as_i64()),
            (Some("done"), Some(4))
        );
        world.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_history_goes_on_where_it_was_interrupted() {
    let world = World::with(TestDatabase::sqlite(), strava(450), settings()).await;
    let somebody = last(&world).await;
    world.fault(json!({"endpoint": LIST, "kind": "server_error", "skip": 1, "count": 1})).await;

    let person = world.connect_only(somebody).await;
    world.imported(person).await;
    world.quiet().await;

    assert_eq!(world.known(person).await.len(), 450);
    assert_eq!(world.calls(LIST).await, 450_u64.div_ceil(200) + 1 + 1);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_history_does_not_delay_what_happens_now() {
    let settings = ingest::Settings { page: 10, ..settings() };
    let world = World::with(TestDatabase::sqlite(), strava(450), settings).await;
    let somebody = last(&world).await;
    world.fault(json!({"endpoint": LIST, "kind": "slow", "delay_ms": 300})).await;
    let person = world.connect_only(somebody).await;
    let importing =
        async || world.number("SELECT COUNT(*) FROM import WHERE state = 'running'").await == 1;
    world.eventually("the past is being read", importing).await;

    let began = std::time::Instant::now();
    let id = world.create(person, json!({"name": "Just now"})).await;
    world
        .eventually("it is told live", async || {
            let known = world.known(person).await;
            known.get(&id).is_some_and(|told| told.topic == Topic::Activities)
        })
        .await;

    assert!(began.elapsed() < std::time::Duration::from_secs(2), "{:?}", began.elapsed());
    assert!(importing().await, "the past is still being read");
    world.no_faults().await;
    world.imported(person).await;
    world.quiet().await;
    assert_eq!(world.known(person).await.len(), 451);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_connection_ends_the_reading_of_its_past() {
    let settings = ingest::Settings { page: 10, ..settings() };
    let world = World::with(TestDatabase::sqlite(), strava(450), settings).await;
    let somebody = last(&world).await;
    world.fault(json!({"endpoint": LIST, "kind": "slow", "delay_ms": 200})).await;
    let person = world.connect_only(somebody).await;
    let running =
        async || world.number("SELECT COUNT(*) FROM import WHERE state = 'running'").await == 1;
    world.eventually("the past is being read", running).await;

    world.say(person, 1, 2, contracts::athletes::ConnectionState::Disconnected).await;
    world.quiet().await;
    tokio::time::sleep(std::time::Duration::from_millis(600)).await;
    let calls = world.calls(LIST).await;
    tokio::time::sleep(std::time::Duration::from_millis(600)).await;

    assert_eq!(world.calls(LIST).await, calls);
    assert_eq!(world.number("SELECT COUNT(*) FROM job").await, 0);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_recorded_files_of_the_guardian_are_all_known_with_their_own_days() {
    let world = World::new().await;
    let person = world.connect(GUARDIAN_ID).await;
    let truth = world.sim_get(&format!("/_sim/athletes/{GUARDIAN_ID}/activities")).await;
    let truth = truth
        .as_array()
        .cloned()
        .unwrap_or_else(|| truth["activities"].as_array().unwrap().clone());

    let known = world.known(person).await;

    assert_eq!(known.len(), truth.len());
    for it in truth {
        let facts = known[&it["id"].as_i64().unwrap()].activity.facts.clone().unwrap();
        assert_eq!(facts.local_date, it["start_date_local"].as_str().unwrap()[..10], "{it}");
        let metres = it["distance_m"].as_f64().unwrap();
        assert_eq!(facts.distance_dm, (metres * 10.0).round() as i64, "{it}");
    }
    world.end().await;
}
