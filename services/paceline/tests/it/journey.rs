//! The main job from end to end, on both logs and both kinds of database.

use serde_json::json;
use strava_sim::{CHILD_ID, GUARDIAN_ID};

use crate::world::{Databases, Setup, Topics, World};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_whole_journey_runs_on_the_built_in_log() {
    let mut world = World::start(Setup::default()).await;

    journey(&world).await;

    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_whole_journey_runs_on_kafka_and_mariadb() {
    let (topics, databases) = (Topics::new(), Databases::new().await);
    let setup = Setup::default().on(&topics).set("PACELINE_DATABASE__URL", databases.url());
    let mut world = World::start(setup).await;

    journey(&world).await;

    world.stop().await;
    topics.remove().await;
    databases.remove().await;
}

/// Connect, history, webhook, totals, copy, edits, delete.
async fn journey(world: &World) {
    let [guardian, child] = world.linked_family().await;
    assert_eq!(world.copies(CHILD_ID).await, [""; 0], "a connect makes no copies");

    let with_child = world.record(GUARDIAN_ID, "Run without Milla").await;
    let alone = world.record(GUARDIAN_ID, "Run with Camilla").await;
    world.has_copies(CHILD_ID, &["Run without Milla".to_owned()]).await;
    world.agree(&[&guardian, &child]).await;

    world
        .sim_edit(alone, &json!({"distance": 12_345.6, "sport_type": "Ride", "name": "Ride"}))
        .await;
    world.agree(&[&guardian]).await;
    let rides = guardian.get("/v1/me/stats/summary?sport=Ride").await;
    assert_eq!(rides["total"]["distance_m"], 12_345.6);

    world.sim_post(&format!("activities/{alone}/hide"), &json!({})).await;
    world.sim_delete(with_child).await;
    world.agree(&[&guardian, &child]).await;
    assert_eq!(world.copies(CHILD_ID).await.len(), 1, "the copy is the child's own");

    let copies = guardian.get("/v1/copies").await;
    assert_eq!(copies["items"][0]["state"], "done");
    assert_eq!(copies["items"].as_array().unwrap().len(), 1);
    assert_eq!(world.readiness().await.0, 200);
}
