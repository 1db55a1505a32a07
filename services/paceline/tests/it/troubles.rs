//! What trouble with Strava leads to: each kind is told apart, and everything comes right when it is over.

use contracts::Topic;
use event_bus::PublisherKind;
use serde_json::{Value, json};
use strava_sim::{CHILD_ID, GUARDIAN_ID};
use testkit::eventually;

use crate::world::{PATIENCE, Person, Setup, World};

async fn connected() -> (World, Person) {
    let world = World::start(Setup::default()).await;
    let guardian = world.person("Ana", GUARDIAN_ID).await;
    guardian.connect(&world).await;
    guardian.counts_the_truth(&world).await;
    (world, guardian)
}

/// Waits until the journal tells this reason.
async fn journal_tells(person: &Person, reason: &str) -> Value {
    eventually(PATIENCE, &format!("the journal tells {reason}"), async || {
        let journal = person.get("/v1/me/journal").await;
        let lines = journal["items"].as_array().unwrap();
        lines.iter().find(|line| line["reason"] == reason).cloned().ok_or(journal.clone())
    })
    .await
}

/// So much later, in the next life of the program.
async fn later(world: &mut World, seconds: i64) {
    world.stop().await;
    world.later(seconds);
    world.up(&[]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_token_is_refreshed_once_and_the_call_is_made_again() {
    let (mut world, guardian) = connected().await;
    world.sim_post("counters/reset", &json!({})).await;
    world.sim_post("tokens/expire", &json!({"athlete": GUARDIAN_ID})).await;

    world.record(GUARDIAN_ID, "Run").await;

    guardian.counts_the_truth(&world).await;
    let counters = world.sim_get("counters").await;
    assert_eq!((&counters["refreshes"], &counters["new_access_tokens"]), (&json!(1), &json!(1)));
    assert_eq!(counters["statuses"]["401"], 1, "{counters}");
    assert_eq!(guardian.connection().await["state"], "connected");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_missing_scope_is_no_dead_token() {
    let (mut world, guardian) = connected().await;
    world.sim_post("counters/reset", &json!({})).await;
    let lacking =
        json!({"endpoint": "GET /activities/*", "kind": "scope_missing", "athlete": GUARDIAN_ID});
    world.sim_post("faults", &lacking).await;

    world.record(GUARDIAN_ID, "Run").await;

    journal_tells(&guardian, "scope-missing").await;
    let counters = world.sim_get("counters").await;
    assert_eq!(counters["refreshes"], 0, "a refresh does not bring a scope: {counters}");
    let connection = guardian.connection().await;
    assert_ne!(connection["state"], "disconnected", "{connection}");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_scope_connecting_ends_in_scope_and_refused_in_denied() {
    let mut world = World::start(Setup::default()).await;
    let guardian = world.person("Ana", GUARDIAN_ID).await;

    world.sim_post("consent", &json!({"mode": "refuse"})).await;
    assert_eq!(guardian.follow_consent().await.as_deref(), Ok("denied"));
    world
        .sim_post("consent", &json!({"mode": "grant", "athlete": GUARDIAN_ID, "scopes": ["read"]}))
        .await;
    assert_eq!(guardian.follow_consent().await.as_deref(), Ok("scope"));
    let lost = json!({"endpoint": "* /oauth/token", "kind": "server_error", "count": 1});
    world.sim_post("faults", &lost).await;
    assert_eq!(guardian.try_to_connect(&world).await.as_deref(), Ok("error"));

    guardian.connect(&world).await;
    guardian.counts_the_truth(&world).await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_inactive_application_pauses_everything_and_says_so() {
    let (mut world, guardian) = connected().await;
    world.sim_post("apps", &json!({"id": 1, "active": false})).await;

    world.record(GUARDIAN_ID, "Run").await;

    journal_tells(&guardian, "app-inactive").await;
    eventually(PATIENCE, "the connection says it", async || {
        let connection = guardian.connection().await;
        if connection["application_inactive"] == true { Ok(()) } else { Err(connection) }
    })
    .await;
    assert_eq!(guardian.connection().await["state"], "connected");
    world.sim_post("apps", &json!({"id": 1, "active": true})).await;
    later(&mut world, 1_800).await;
    guardian.counts_the_truth(&world).await;
    assert_eq!(guardian.connection().await["application_inactive"], false);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_429_waits_for_the_window() {
    let (mut world, guardian) = connected().await;
    let before = guardian.count().await;
    let limited = json!({"endpoint": "GET /activities/*", "kind": "rate_limit", "count": 1});
    world.sim_post("faults", &limited).await;

    world.record(GUARDIAN_ID, "Run").await;

    let line = journal_tells(&guardian, "rate-limited").await;
    assert_eq!(line["state"], "waiting", "{line}");
    assert!(line["next_try_at"].is_string(), "{line}");
    assert_eq!(guardian.count().await, before);
    later(&mut world, 900).await;
    guardian.counts_the_truth(&world).await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn errors_html_and_cut_json_are_tried_again_with_back_off() {
    let (mut world, guardian) = connected().await;
    let of = |kind: &str| json!({"endpoint": "GET /activities/{id}", "kind": kind, "count": 1});
    world.sim_post("faults", &json!([of("server_error"), of("truncated"), of("reset")])).await;

    world.record(GUARDIAN_ID, "Run").await;

    guardian.counts_the_truth(&world).await;
    let counters = world.sim_get("counters").await;
    assert_eq!(counters["faults"], 3, "{counters}");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_that_are_not_ready_come_later_and_so_does_the_copy() {
    let mut world = World::start(Setup::default()).await;
    let [guardian, child] = world.linked_family().await;
    world.sim_post("webhooks", &json!({"streams_late_ms": 30_000})).await;

    world.record(GUARDIAN_ID, "Run with Milla").await;

    guardian.counts_the_truth(&world).await;
    assert_eq!(world.copies(CHILD_ID).await, [""; 0]);
    later(&mut world, 600).await;
    world.has_copies(CHILD_ID, &["Run with Milla".to_owned()]).await;
    world.agree(&[&guardian, &child]).await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_no_handler_can_take_is_parked_and_the_next_is_handled() {
    let (mut world, guardian) = connected().await;
    world.stop().await;
    let publisher = world.log().await.publisher(PublisherKind::Relay);
    publisher.publish(Topic::Activities, &guardian.athlete, b"no envelope".to_vec()).await.unwrap();
    drop(publisher);
    world.up(&[]).await;

    world.record(GUARDIAN_ID, "Run").await;

    guardian.counts_the_truth(&world).await;
    world.stop().await;
    let mut listing = world.run_beside("parked", &["list"], &[]);
    assert!(listing.wait_for_exit(PATIENCE).await.success(), "{}", listing.output());
    eventually(PATIENCE, "stats lists it with its reason", async || {
        let told = listing.output();
        let listed =
            told.lines().any(|line| line.starts_with("stats") && line.contains("activities/"));
        if listed { Ok(()) } else { Err(told) }
    })
    .await;
}
