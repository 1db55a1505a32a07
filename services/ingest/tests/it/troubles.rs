//! Trouble with Strava: whose it is, and when it passes.

use serde_json::{Value, json};
use strava_sim::{CHILD_ID, GUARDIAN_ID};
use testkit::TestDatabase;

use crate::world::{Person, World, settings, strava};

async fn last_line(world: &World, person: Person) -> Value {
    world.ask(person, "/v1/me/journal").await.json()["items"][0].clone()
}

const ACTIVITY: &str = "GET /activities/{id}";

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_athlete_does_not_hold_up_another() {
    let world = World::new().await;
    let (failing, other) = (world.connect(GUARDIAN_ID).await, world.connect(CHILD_ID).await);
    world
        .fault(json!({"endpoint": ACTIVITY, "kind": "server_error", "athlete": GUARDIAN_ID}))
        .await;

    let mut stuck = Vec::new();
    for _ in 0..8 {
        stuck.push(world.create(failing, json!({})).await);
    }
    let id = world.create(other, json!({})).await;
    world
        .eventually("the other's is told", async || world.known(other).await.contains_key(&id))
        .await;

    assert!(!world.known(failing).await.contains_key(&stuck[0]));
    world.no_faults().await;
    world.pass(60).await;
    for id in stuck {
        world
            .eventually("it is told in the end", async || {
                world.known(failing).await.contains_key(&id)
            })
            .await;
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_that_are_not_ready_come_later() {
    let world = World::new().await;
    let person = world.connect(GUARDIAN_ID).await;
    world.sim_post("/_sim/webhooks", json!({"streams_late_ms": 10_000})).await;

    let id = world.create(person, json!({})).await;
    world.eventually("it is told", async || world.known(person).await.contains_key(&id)).await;
    world.quiet().await;
    let first = world.known(person).await.remove(&id).unwrap();
    assert!(first.activity.streams.is_none(), "it counts before its streams are there");
    assert_eq!(last_line(&world, person).await["reason"], "streams-not-ready");

    world.pass(16).await;
    world
        .eventually("the streams are told", async || {
            world.known(person).await[&id].activity.streams.is_some()
        })
        .await;
    assert_eq!(world.known(person).await[&id].envelope.cause, contracts::Cause::Live);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_manual_activity_has_no_streams_and_nobody_waits_for_them() {
    let world = World::new().await;
    let person = world.connect(GUARDIAN_ID).await;

    let id = world.create(person, json!({"manual": true})).await;
    world.eventually("it is told", async || world.known(person).await.contains_key(&id)).await;
    world.quiet().await;

    assert_eq!(world.calls("GET /activities/{id}/streams").await, 0);
    assert_eq!(
        world.number("SELECT COUNT(*) FROM job WHERE kind = 'activity' AND state = 0").await,
        0
    );
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_token_is_refreshed_once_and_the_call_made_again() {
    let world = World::new().await;
    let person = world.connect(GUARDIAN_ID).await;
    world.fault(json!({"endpoint": ACTIVITY, "kind": "unauthorized", "count": 1})).await;

    let id = world.create(person, json!({})).await;
    world.eventually("it is told", async || world.known(person).await.contains_key(&id)).await;

    let dead =
        world.leases.reports().into_iter().filter(|report| report["fault"] == "token-dead").count();
    assert_eq!((dead, world.calls(ACTIVITY).await), (1, 2));
    world.end().await;
}

/// What goes wrong, what the journal says, whether it is tried again, and whether that counts as an attempt.
const TABLE: [(&str, &str, &str); 8] = [
    ("rate_limit", "rate-limited", "waiting"),
    ("inactive", "app-inactive", "waiting"),
    ("scope_missing", "scope-missing", "failed"),
    ("server_error", "strava-unavailable", "waiting"),
    ("bad_gateway", "strava-unavailable", "waiting"),
    ("unavailable", "strava-unavailable", "waiting"),
    ("truncated", "strava-unavailable", "waiting"),
    ("reset", "strava-unavailable", "waiting"),
];

#[tokio::test(flavor = "multi_thread")]
async fn each_kind_of_trouble_is_told_apart_and_passes() {
    let world = World::new().await;
    let person = world.connect(GUARDIAN_ID).await;
    for (kind, reason, state) in TABLE {
        world.fault(json!({"endpoint": ACTIVITY, "kind": kind})).await;
        let id = world.create(person, json!({"silent": true})).await;
        world.hint(person, id, "create").await;
        world.quiet().await;

        let line = last_line(&world, person).await;
        assert_eq!(
            (line["reason"].as_str(), line["state"].as_str()),
            (Some(reason), Some(state)),
            "{kind}"
        );
        assert_eq!(line["next_try_at"].is_string(), state == "waiting", "{kind}: {line}");

        world.no_faults().await;
        if state == "failed" {
            world.hint(person, id, "update").await;
        } else {
            world.pass(15 * 60 + 1).await;
        }
        world.eventually(kind, async || world.known(person).await.contains_key(&id)).await;
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_used_up_budget_of_one_does_not_count_as_an_attempt() {
    let world = World::new().await;
    let person = world.connect(GUARDIAN_ID).await;
    world.fault(json!({"endpoint": ACTIVITY, "kind": "rate_limit"})).await;
    world.create(person, json!({})).await;
    let waiting = async || {
        world.number("SELECT COUNT(*) FROM job WHERE last_error = 'rate-limited'").await == 1
    };
    world.eventually("it waits", waiting).await;

    assert_eq!(world.number("SELECT attempts FROM job WHERE last_error = 'rate-limited'").await, 0);
    let due = world.number("SELECT due_us FROM job WHERE last_error = 'rate-limited'").await;
    assert_eq!(due % (15 * 60 * 1_000_000), 0, "at the end of a window");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_withdrawn_lease_drops_the_job_with_its_reason() {
    let world = World::with(TestDatabase::sqlite(), strava(5), settings()).await;
    let person = world.connect(GUARDIAN_ID).await;
    world.leases.refuse(person.athlete, "reconnect-needed");

    world.create(person, json!({})).await;
    world
        .eventually("the journal says why", async || {
            last_line(&world, person).await["reason"] == "reconnect-needed"
        })
        .await;
    world.quiet().await;

    assert_eq!(world.calls(ACTIVITY).await, 0);
    world.end().await;
}
