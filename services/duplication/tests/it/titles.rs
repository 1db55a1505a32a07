//! Which of the guardian's titles a child may read, and which are not even kept.

use serde_json::{Value, json};

use crate::world::{Run, World};

async fn shown_to_child(world: &World, path: &str) -> Value {
    world.call("GET", path, world.child, None).await.json()["items"].clone()
}

#[tokio::test]
async fn a_child_sees_nothing_of_an_activity_that_is_only_the_guardians() {
    let world = World::new().await;
    world.link("Milla", false).await;
    let private = Run { visibility: "only_me", ..world.run("Birthday present for Milla").await };
    world.tell(&[&private]).await;

    let copy = world.copy_because("private").await;
    assert_eq!(copy["name"], "Birthday present for Milla", "the guardian sees why it was skipped");
    assert_eq!(shown_to_child(&world, "/v1/copies").await, json!([]));
    let path = format!("/v1/copies/{}", copy["id"].as_str().unwrap());
    assert_eq!(world.call("GET", &path, world.child, None).await.status, 404);

    let opened = Run { visibility: "everyone", ..private.revised(2) };
    world.tell(&[&opened]).await;
    world.copy_that_is("done").await;
    assert_eq!(shown_to_child(&world, "/v1/copies").await[0]["name"], "Birthday present for Milla");
    world.end().await;
}

#[tokio::test]
async fn a_title_that_no_longer_names_the_child_is_neither_shown_nor_kept() {
    for database in testkit::databases().await {
        let world = World::on(database).await;
        world.link("Milla", false).await;
        let run = world.run("Run with Milla").await.without_streams();
        world.tell(&[&run]).await;
        assert_eq!(shown_to_child(&world, "/v1/copies").await[0]["name"], "Run with Milla");

        for (revision, name) in [(2, "Sentinel at the clinic"), (3, "Sentinel again")] {
            world.tell(&[&run.named(name).revised(revision)]).await;
        }

        let copy = world.copy_because("no-longer-matches").await;
        assert_eq!(
            (copy["name"].as_str(), copy["source_changed_at"].is_string()),
            (Some("Run with Milla"), true)
        );
        assert_eq!(shown_to_child(&world, "/v1/copies").await, json!([]));
        assert!(!world.dump().await.contains("Sentinel"));

        let named = world.run("Hills with Milla").await;
        world.tell(&[&Run { activity: run.activity, revision: 4, ..named }]).await;
        let copy = world.copy_that_is("done").await;
        assert_eq!(
            (copy["name"].as_str(), copy.get("source_changed_at")),
            (Some("Hills with Milla"), None)
        );
        world.end().await;
    }
}

#[tokio::test]
async fn what_is_renamed_after_the_link_ended_is_neither_shown_nor_kept() {
    let world = World::new().await;
    let link = world.link("Milla", false).await;
    let run = world.run("Run with Milla").await.without_streams();
    world.tell(&[&run]).await;
    let ended = world.call("DELETE", &format!("/v1/links/{link}"), world.guardian, None).await;
    assert_eq!(ended.status, 204);

    for (revision, name) in [(2, "Sentinel alone"), (3, "Sentinel with Milla")] {
        world.tell(&[&run.named(name).revised(revision)]).await;
    }

    let copy = world.copy_because("link-ended").await;
    assert_eq!(
        (copy["name"].as_str(), copy["source_changed_at"].is_string()),
        (Some("Run with Milla"), true)
    );
    assert_eq!(shown_to_child(&world, "/v1/copies").await, json!([]));
    assert!(!world.dump().await.contains("Sentinel"));
    world.end().await;
}

#[tokio::test]
async fn what_a_child_does_not_see_takes_no_place_on_its_pages() {
    let world = World::new().await;
    world.link("Milla", false).await;
    for (name, visibility) in [
        ("First with Milla", "everyone"),
        ("Hidden with Milla", "only_me"),
        ("Hidden again with Milla", "only_me"),
        ("Last with Milla", "everyone"),
    ] {
        let run = Run { visibility, ..world.run(name).await.without_streams() };
        world.tell(&[&run]).await;
    }

    let mut path = "/v1/copies?limit=1".to_owned();
    let mut read = Vec::new();
    loop {
        let page = world.call("GET", &path, world.child, None).await;
        let names = page.json()["items"].as_array().unwrap().clone();
        read.push(names.iter().map(|copy| copy["name"].clone()).collect::<Vec<_>>());
        if page.header("link").is_empty() {
            break;
        }
        path = page.header("link").trim_start_matches('<').split('>').next().unwrap().to_owned();
    }

    assert_eq!(read, [[json!("Last with Milla")], [json!("First with Milla")]]);
    world.end().await;
}
