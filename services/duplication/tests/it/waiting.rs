//! What a copy waits for, and what ends the waiting.

use duplication::Settings;
use serde_json::json;
use testkit::TestDatabase;

use crate::world::{GRANTED, World, quick};

#[tokio::test]
async fn a_copy_waits_for_the_scope_and_goes_on_once_it_is_granted() {
    let world = World::new().await;
    world.connect(world.child, 2, &["read", "activity:read_all"]).await;
    world.link("Milla", false).await;
    world.tell(&[&world.run("Run with Milla").await]).await;
    let waiting = world.copy_because("scope-missing").await;
    assert_eq!((waiting["state"].as_str(), world.strava.uploads().await), (Some("planned"), 0));

    world.connect(world.child, 3, &GRANTED).await;

    world.copy_that_is("done").await;
    world.end().await;
}

#[tokio::test]
async fn ending_the_link_stops_a_queued_copy() {
    for database in testkit::databases().await {
        let world = World::on(database).await;
        world.connect(world.child, 2, &["read"]).await;
        let link = world.link("Milla", false).await;
        world.tell(&[&world.run("Run with Milla").await]).await;
        world.copy_because("scope-missing").await;

        assert_eq!(
            world.call("DELETE", &format!("/v1/links/{link}"), world.child, None).await.status,
            204
        );
        world.connect(world.child, 3, &GRANTED).await;

        assert_eq!(world.copy_that_is("skipped").await["reason"], "link-ended");
        world.tell(&[&world.run("Another with Milla").await]).await;
        assert_eq!((world.copies().await.len(), world.strava.uploads().await), (1, 0));
        world.end().await;
    }
}

#[tokio::test]
async fn a_refused_lease_is_asked_for_again_when_it_said() {
    let world = World::new().await;
    world.link("Milla", false).await;
    let at = kernel::Timestamp::from_secs(world.now().as_secs() + 2);
    world.leases.refuse(Some((429, json!({"retry_at": at.to_rfc3339()}))));
    world.tell(&[&world.run("Run with Milla").await]).await;
    world.copy_because("rate-limited").await;
    world.leases.refuse(None);

    world.copy_that_is("done").await;

    assert!(world.now() >= at, "not before it may");
    assert_eq!(world.strava.uploads().await, 1);
    world.end().await;
}

#[tokio::test]
async fn a_lease_that_never_comes_says_why() {
    let world = World::new().await;
    world.link("Milla", false).await;
    world
        .leases
        .refuse(Some((409, json!({"type": "https://paceline.dev/problems/reconnect-needed"}))));
    world.tell(&[&world.run("Run with Milla").await]).await;
    world.copy_because("reconnect-needed").await;

    world.leases.refuse(None);
    world.connect(world.child, 2, &GRANTED).await;

    world.copy_that_is("done").await;
    world.end().await;
}

#[tokio::test]
async fn streams_that_come_later_are_waited_for() {
    let world = World::new().await;
    world.link("Milla", false).await;
    let run = world.run("Run with Milla").await;
    world.tell(&[&run.without_streams()]).await;
    assert_eq!(world.copy_that_is("planned").await["reason"], "streams-pending");

    world.tell(&[&run.revised(2)]).await;

    world.copy_that_is("done").await;
    world.end().await;
}

#[tokio::test]
async fn a_streams_object_that_is_gone_was_superseded_and_is_waited_for() {
    let world = World::new().await;
    world.link("Milla", false).await;
    let run = world.run("Run with Milla").await;
    world.forget_object(&run.streams.as_ref().unwrap().key).await;
    world.tell(&[&run]).await;
    world.copy_because("streams-gone").await;

    let newer = world.run("Run with Milla").await;
    world.tell(&[&crate::world::Run { activity: run.activity, revision: 2, ..newer }]).await;

    world.copy_that_is("done").await;
    world.end().await;
}

#[tokio::test]
async fn a_source_deleted_before_sending_is_not_sent_and_one_deleted_later_is_only_noted() {
    let world = World::new().await;
    world.link("Milla", false).await;
    let run = world.run("Run with Milla").await;
    world.tell(&[&run.without_streams()]).await;
    let gone = crate::world::Run { removed: true, ..run.revised(2) };
    world.tell(&[&gone, &run.revised(1)]).await;
    assert_eq!(world.copy_that_is("skipped").await["reason"], "source-removed");
    assert_eq!(world.strava.uploads().await, 0);

    world.tell(&[&run.revised(3)]).await;
    world.copy_that_is("done").await;
    world.tell(&[&crate::world::Run { removed: true, ..run.revised(4) }]).await;

    let copy = world.copies().await.remove(0);
    assert_eq!(
        (copy["state"].as_str(), copy["source_removed_at"].is_string()),
        (Some("done"), true)
    );
    assert_eq!(world.strava.copies().await.len(), 1);
    world.end().await;
}

#[tokio::test]
async fn whoever_wakes_a_copy_early_does_not_hasten_the_second_sending() {
    let settings = Settings { look_again_s: 6, ..quick() };
    let world = World::with(TestDatabase::sqlite(), settings).await;
    world.link("Milla", false).await;
    world.strava.fault("POST /uploads", "reset").await;
    world.tell(&[&world.run("Run with Milla").await]).await;
    world.copy_that_is("sending").await;

    for generation in 2..6 {
        world.connect(world.child, generation, &GRANTED).await;
    }
    let sent_once = world.strava.uploads().await;
    world.copy_that_is("done").await;

    assert_eq!((sent_once, world.strava.uploads().await), (1, 2));
    world.end().await;
}
