//! Whatever the order: the newest truth wins.

use contracts::wire::envelope::Payload;
use contracts::{Envelope, Topic};
use serde_json::json;
use strava_sim::GUARDIAN_ID;

use crate::world::{World, settings, strava};

fn permutations(items: &[usize]) -> Vec<Vec<usize>> {
    if items.is_empty() {
        return vec![Vec::new()];
    }
    let mut all = Vec::new();
    for (at, first) in items.iter().enumerate() {
        let rest: Vec<_> = items
            .iter()
            .enumerate()
            .filter(|(other, _)| *other != at)
            .map(|(_, item)| *item)
            .collect();
        for mut tail in permutations(&rest) {
            tail.insert(0, *first);
            all.push(tail);
        }
    }
    all
}

const ASPECTS: [&str; 4] = ["create", "update", "update", "delete"];

#[tokio::test(flavor = "multi_thread")]
async fn created_edited_twice_and_deleted_ends_the_same_in_every_order_and_with_every_event_twice()
{
    for database in testkit::databases().await {
        every_order(World::with(database, strava(20), settings()).await).await;
    }
}

async fn every_order(world: World) {
    let person = world.connect(GUARDIAN_ID).await;
    let before = world.known(person).await.len();

    for order in permutations(&[0, 1, 2, 3]) {
        let id = world.create(person, json!({"name": "First", "silent": true})).await;
        for (at, event) in order.iter().enumerate() {
            // The truth goes its own way while events arrive in theirs.
            match at {
                1 => world.edit(id, json!({"name": "Second", "silent": true})).await,
                2 => world.edit(id, json!({"name": "Third", "silent": true})).await,
                3 => world.delete(id, true).await,
                _ => {}
            }
            for _ in 0..2 {
                assert_eq!(world.hint(person, id, ASPECTS[*event]).await.status, 200);
            }
            world.quiet().await;
        }
        let known = world.known(person).await;
        assert!(!known.contains_key(&id), "after {order:?}: {:?}", known.get(&id));
    }

    assert_eq!(world.known(person).await.len(), before);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_edits_seen_in_either_order_end_with_the_last_title() {
    let world = World::new().await;
    let person = world.connect(GUARDIAN_ID).await;
    let id = world.create(person, json!({"name": "First", "silent": true})).await;
    world.edit(id, json!({"name": "Last", "silent": true})).await;

    for aspect in ["update", "create", "update", "create"] {
        world.hint(person, id, aspect).await;
    }
    world.quiet().await;

    assert_eq!(world.known(person).await[&id].name(), "Last");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delete_that_overtakes_its_create_still_deletes() {
    let world = World::new().await;
    let person = world.connect(GUARDIAN_ID).await;
    let id = world.create(person, json!({"silent": true})).await;
    world.delete(id, true).await;

    world.hint(person, id, "delete").await;
    world.quiet().await;
    world.hint(person, id, "create").await;
    world.quiet().await;

    let told: Vec<_> = world
        .messages(person)
        .await
        .into_iter()
        .filter(|told| told.activity.strava_activity == id)
        .collect();
    assert!(!told.is_empty() && told.iter().all(|told| told.activity.removed), "{told:?}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_later_sighting_revives_what_was_removed_under_the_same_id() {
    let world = World::new().await;
    let person = world.connect(GUARDIAN_ID).await;
    let id = world.create(person, json!({"silent": true})).await;
    world.fault(json!({"endpoint": "GET /activities/{id}", "kind": "not_found", "count": 1})).await;
    world.hint(person, id, "delete").await;
    world.quiet().await;
    let removed = world.messages(person).await.pop().unwrap();
    assert!(removed.activity.removed);

    world.pass(5 * 60 + 1).await;
    world
        .eventually("it is there again", async || world.known(person).await.contains_key(&id))
        .await;

    let revived = world.known(person).await.remove(&id).unwrap();
    assert_eq!(revived.activity.activity, removed.activity.activity);
    assert!(revived.activity.revision > removed.activity.revision);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_never_seen_and_cannot_be_read_is_tried_after_5_15_and_45_minutes() {
    let world = World::new().await;
    let person = world.connect(GUARDIAN_ID).await;
    world.hint(person, 424_242, "create").await;
    world.quiet().await;

    for minutes in [5, 15, 45] {
        let calls = world.calls("GET /activities/{id}").await;
        world.pass(minutes * 60 - 30).await;
        world.quiet().await;
        assert_eq!(world.calls("GET /activities/{id}").await, calls, "before {minutes} minutes");
        world.pass(31).await;
        world
            .eventually("it is tried", async || {
                world.calls("GET /activities/{id}").await == calls + 1
            })
            .await;
        world.quiet().await;
    }

    assert_eq!(
        world.number("SELECT COUNT(*) FROM job WHERE kind = 'activity' AND state = 0").await,
        0
    );
    assert!(
        !world.messages(person).await.iter().any(|told| told.activity.strava_activity == 424_242)
    );
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_old_answer_does_not_overwrite_a_newer_one() {
    let world = World::new().await;
    let person = world.connect(GUARDIAN_ID).await;
    let id = world.create(person, json!({"name": "Old"})).await;
    world.eventually("it is told", async || world.known(person).await.contains_key(&id)).await;
    world.quiet().await;
    world.edit(id, json!({"name": "Older still", "silent": true})).await;
    world
        .fault(json!({"endpoint": "GET /athlete/activities", "kind": "slow", "delay_ms": 1500, "count": 1}))
        .await;

    let (slow, ()) = tokio::join!(world.refresh(), async {
        tokio::time::sleep(std::time::Duration::from_millis(400)).await;
        world.edit(id, json!({"name": "New"})).await;
        world
            .eventually("the edit is told", async || world.known(person).await[&id].name() == "New")
            .await;
    });
    world.quiet().await;

    assert_eq!(slow.status, 200, "{slow:?}");
    assert_eq!(world.known(person).await[&id].name(), "New");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_owner_is_dropped_and_nothing_is_wanted() {
    let world = World::new().await;
    let person = world.connect(GUARDIAN_ID).await;
    let stranger = crate::world::Person { strava: 99, ..person };

    assert_eq!(world.hint(stranger, 1, "create").await.status, 200);
    world.quiet().await;

    assert_eq!(world.number("SELECT COUNT(*) FROM job WHERE kind = 'activity'").await, 0);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hint_older_than_the_stored_answer_is_old_news() {
    let world = World::new().await;
    let person = world.connect(GUARDIAN_ID).await;
    let id = world.create(person, json!({})).await;
    world.eventually("it is told", async || world.known(person).await.contains_key(&id)).await;
    world.quiet().await;
    let calls = world.calls("GET /activities/{id}").await;
    let event = json!({
        "object_type": "activity", "object_id": id, "aspect_type": "create", "owner_id": person.strava,
        "subscription_id": world.subscription().await, "event_time": world.now().as_secs() - 60,
    });

    let path = format!("/webhook/{}", crate::world::SECRET);
    assert_eq!(world.post(&path, event.to_string()).await.status, 200);
    world.quiet().await;

    assert_eq!(world.calls("GET /activities/{id}").await, calls);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hints_on_the_log_carry_no_free_text() {
    let world = World::new().await;
    let person = world.connect(GUARDIAN_ID).await;
    let id = world.create(person, json!({"silent": true})).await;

    world.edit(id, json!({"name": "A very private title"})).await;
    world.eventually("it is told", async || world.known(person).await.contains_key(&id)).await;

    let hints = world.bus.read_all(Topic::StravaEvents).await.unwrap();
    assert!(!hints.is_empty());
    for record in hints {
        let envelope = Envelope::decode(&record.value).unwrap();
        assert!(matches!(envelope.payload, Payload::Hint(_)));
        assert!(!String::from_utf8_lossy(&record.value).contains("private title"));
    }
    world.end().await;
}
