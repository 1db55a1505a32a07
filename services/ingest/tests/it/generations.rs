//! What an older connection said changes nothing any more.

use contracts::athletes::athlete_changed::Change;
use contracts::athletes::{ConnectionState, Erase, Gone};
use serde_json::json;
use strava_sim::GUARDIAN_ID;

use crate::world::World;

#[tokio::test(flavor = "multi_thread")]
async fn a_message_of_an_older_generation_changes_nothing() {
    let world = World::new().await;
    let person = world.connect_only(GUARDIAN_ID).await;
    world.imported(person).await;
    world.reconnect(person, 2, 20).await;
    world.quiet().await;
    let calls = world.calls("GET /athlete/activities").await;

    world.say(person, 1, 10, ConnectionState::Disconnected).await;
    world.reconnect(person, 1, 11).await;
    world.quiet().await;

    let current = format!(
        "SELECT generation * 10 + state FROM connection WHERE athlete = '{}'",
        person.athlete
    );
    assert_eq!(world.number(&current).await, 21);
    assert_eq!(world.calls("GET /athlete/activities").await, calls);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_through_a_connection_that_was_replaced_meanwhile_is_asked_for_again() {
    let world = World::new().await;
    let person = world.connect(GUARDIAN_ID).await;
    let id = world.create(person, json!({"silent": true})).await;
    world
        .fault(json!({"endpoint": "GET /activities/{id}", "kind": "slow", "delay_ms": 800, "count": 1}))
        .await;

    world.hint(person, id, "create").await;
    let asked = async || world.leases.asked().iter().any(|asked| asked["purpose"] == "live");
    world.eventually("the first lease is asked for", asked).await;
    world.reconnect(person, 2, 2).await;
    world.imported(person).await;
    world.quiet().await;

    let told = world.known(person).await.remove(&id).unwrap();
    let generations: Vec<_> =
        told.envelope.origins.iter().map(|origin| origin.generation.get()).collect();
    assert_eq!(generations, [2], "{told:?}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn reconnecting_counts_nothing_twice() {
    let world = World::new().await;
    let person = world.connect(GUARDIAN_ID).await;
    let before = world.known(person).await;

    world.reconnect(person, 2, 2).await;
    world.quiet().await;

    let after = world.known(person).await;
    assert_eq!(after.len(), before.len());
    for (strava, told) in &after {
        assert_eq!(
            told.activity.activity, before[strava].activity.activity,
            "its id outlives the reconnect"
        );
        assert!(told.activity.revision > before[strava].activity.revision);
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_a_fence_nothing_is_kept_and_nothing_comes_back() {
    let world = World::new().await;
    let person = world.connect(GUARDIAN_ID).await;
    let id = world.create(person, json!({"silent": true})).await;

    let erase = Change::Erase(Erase { application: 1, through_generation: 1 });
    world.change(person, 5, erase).await;
    world.quiet().await;
    let told = world.messages(person).await.len();
    world.hint(person, id, "create").await;
    world.reconnect(person, 1, 6).await;
    world.quiet().await;

    for table in ["observation", "activity", "journal"] {
        assert_eq!(world.number(&format!("SELECT COUNT(*) FROM {table}")).await, 0, "{table}");
    }
    assert_eq!(world.messages(person).await.len(), told);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_connection_after_an_erase_finds_the_same_ids_again() {
    let world = World::new().await;
    let person = world.connect(GUARDIAN_ID).await;
    let before = world.known(person).await;
    world.change(person, 5, Change::Erase(Erase { application: 1, through_generation: 1 })).await;
    world.quiet().await;

    world.reconnect(person, 2, 6).await;
    world.quiet().await;

    let after = world.known(person).await;
    assert_eq!(after.len(), before.len());
    for (strava, told) in after {
        assert_eq!(told.activity.activity, before[&strava].activity.activity);
        assert_eq!(told.envelope.origins.len(), 1);
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_somebody_who_is_gone_nothing_is_left_but_the_fence() {
    let world = World::new().await;
    let person = world.connect(GUARDIAN_ID).await;

    world.change(person, 9, Change::Gone(Gone {})).await;
    world.quiet().await;
    world.reconnect(person, 7, 10).await;
    world.quiet().await;

    for table in ["observation", "activity", "journal", "import", "connection"] {
        assert_eq!(world.number(&format!("SELECT COUNT(*) FROM {table}")).await, 0, "{table}");
    }
    assert_eq!(world.number("SELECT COUNT(*) FROM athlete WHERE gone = 1").await, 1);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_past_interrupted_by_a_withdrawal_goes_on_when_the_same_connection_is_back() {
    let settings = ingest::Settings { page: 5, ..crate::world::settings() };
    let world =
        World::with(testkit::TestDatabase::sqlite(), crate::world::strava(20), settings).await;
    let list = "GET /athlete/activities";
    world.fault(json!({"endpoint": list, "kind": "slow", "delay_ms": 300})).await;
    let person = world.connect_only(GUARDIAN_ID).await;
    world.eventually("a page is read", async || world.calls(list).await > 1).await;

    world.say(person, 1, 2, ConnectionState::ReconnectNeeded).await;
    world.quiet().await;
    world.no_faults().await;
    world.reconnect(person, 1, 3).await;
    world.imported(person).await;
    world.quiet().await;

    let truth = world.sim_get(&format!("/_sim/athletes/{GUARDIAN_ID}/activities")).await;
    let truth =
        truth.as_array().map_or_else(|| truth["activities"].as_array().unwrap().len(), Vec::len);
    assert_eq!(world.known(person).await.len(), truth);
    world.end().await;
}
