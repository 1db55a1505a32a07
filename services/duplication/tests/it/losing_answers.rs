//! Strava answers badly, or not at all.

use serde_json::json;

use crate::world::World;

const UPLOAD: &str = "POST /uploads";

#[tokio::test]
async fn an_upload_whose_answer_was_lost_is_found_and_not_sent_twice() {
    for database in testkit::databases().await {
        let world = World::on(database).await;
        world.link("Milla", false).await;
        world.strava.fault(UPLOAD, "answer_lost").await;

        world.tell(&[&world.run("Run with Milla").await]).await;

        let copy = world.copy_that_is("done").await;
        assert_eq!(copy["reason"], "found-in-list");
        let copies = world.strava.copies().await;
        assert_eq!((copies.len(), world.strava.uploads().await), (1, 1));
        assert_eq!(copy["strava_activity"], copies[0]["id"]);
        world.end().await;
    }
}

#[tokio::test]
async fn an_upload_that_never_arrived_is_sent_again_only_after_two_looks() {
    let world = World::new().await;
    world.link("Milla", false).await;
    world.strava.fault(UPLOAD, "reset").await;

    world.tell(&[&world.run("Run with Milla").await]).await;

    world.copy_that_is("done").await;
    assert_eq!((world.strava.copies().await.len(), world.strava.uploads().await), (1, 2));
    // Each look reads until the list ends.
    assert!(world.strava.calls("GET /athlete/activities").await >= 2);
    world.end().await;
}

#[tokio::test]
async fn what_strava_surely_did_not_take_is_sent_again_without_a_look() {
    for kind in ["rate_limit", "unauthorized"] {
        let world = World::new().await;
        world.link("Milla", false).await;
        world.strava.fault(UPLOAD, kind).await;
        world.tell(&[&world.run("Run with Milla").await]).await;
        if kind == "rate_limit" {
            assert_eq!(world.copy_because("rate-limited").await["state"], "planned");
        } else {
            world.copy_that_is("done").await;
            assert_eq!(world.strava.uploads().await, 2);
        }
        assert_eq!(world.strava.calls("GET /athlete/activities").await, 0, "{kind}");
        world.end().await;
    }
}

#[tokio::test]
async fn an_answer_that_is_cut_off_is_no_answer() {
    let world = World::new().await;
    world.link("Milla", false).await;
    world.strava.fault(UPLOAD, "truncated").await;

    world.tell(&[&world.run("Run with Milla").await]).await;

    world.copy_that_is("done").await;
    assert_eq!((world.strava.copies().await.len(), world.strava.uploads().await), (1, 1));
    world.end().await;
}

#[tokio::test]
async fn polls_go_on_through_trouble_and_to_the_end() {
    let world = World::new().await;
    world.link("Milla", false).await;
    world.strava.post("uploads", json!({"polls": 1})).await;
    world.strava.fault("GET /uploads/{id}", "server_error").await;

    world.tell(&[&world.run("Run with Milla").await]).await;

    world.copy_that_is("done").await;
    assert_eq!(
        (world.strava.calls("GET /uploads/{id}").await, world.strava.uploads().await),
        (3, 1)
    );
    world.end().await;
}

#[tokio::test]
async fn a_copy_that_the_child_deletes_at_once_has_failed() {
    let world = World::new().await;
    world.link("Milla", false).await;
    world.strava.post("uploads", json!({"deleted": true})).await;

    world.tell(&[&world.run("Run with Milla").await]).await;

    assert_eq!(world.copy_that_is("failed").await["reason"], "deleted-at-strava");
    world.end().await;
}
