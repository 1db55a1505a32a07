//! What no webhook told.

use std::sync::Arc;
use std::time::Duration;

use contracts::activities::ActivityChanged;
use contracts::{Cause, Topic};
use event_bus::{HandleError, Handler, Received, Subscription};
use kernel::AthleteId;
use lifecycle::Tasks;
use serde_json::json;
use strava_sim::{CHILD_ID, GUARDIAN_ID};
use testkit::TestDatabase;
use tokio::sync::Semaphore;

use crate::world::{World, last, settings, strava};

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_counts_what_no_webhook_told_and_then_fetches_the_rest() {
    let world = World::new().await;
    let person = world.connect(GUARDIAN_ID).await;
    let id = world.create(person, json!({"silent": true, "name": "Unheard of"})).await;

    let answer = world.refresh().await;

    assert_eq!(
        (answer.status, answer.json()),
        (200, json!({"status": "success", "message": "Data refreshed successfully"}))
    );
    let told = world.known(person).await.remove(&id).unwrap();
    assert_eq!((told.topic, told.envelope.cause), (Topic::Activities, Cause::Sweep));
    world
        .eventually("streams come by a look of its own", async || {
            world.known(person).await[&id].activity.streams.is_some()
        })
        .await;
    assert_eq!(world.known(person).await[&id].envelope.cause, Cause::Sweep);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_page_finds_edits_and_deletes_and_erases_no_details() {
    let world = World::new().await;
    let person = world.connect(GUARDIAN_ID).await;
    let edited = world.create(person, json!({})).await;
    let deleted = world.create(person, json!({"start_date": "2026-01-01T10:00:00Z"})).await;
    world
        .eventually("both are told", async || {
            let known = world.known(person).await;
            known.contains_key(&edited) && known.contains_key(&deleted)
        })
        .await;
    world.quiet().await;
    world.edit(edited, json!({"distance": 12_345.0, "silent": true})).await;
    world.delete(deleted, true).await;

    assert_eq!(world.refresh().await.status, 200);
    world.quiet().await;

    let known = world.known(person).await;
    assert!(!known.contains_key(&deleted));
    let told = &known[&edited].activity;
    assert_eq!(told.facts.as_ref().unwrap().distance_dm, 123_450);
    assert!(told.facts.as_ref().unwrap().has_details && told.streams.is_some());
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_page_that_shows_nothing_new_tells_nothing() {
    let world = World::new().await;
    let person = world.connect(GUARDIAN_ID).await;
    let before = world.messages(person).await.len();

    assert_eq!(world.refresh().await.status, 200);
    world.quiet().await;

    assert_eq!(world.messages(person).await.len(), before);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_without_the_key_is_refused_as_the_predecessor_did() {
    let world = World::new().await;
    let refusal =
        json!({"detail": {"message": "Invalid or missing API key", "category": "security"}});
    let url = format!("{}/strava/refresh-data", world.base);

    let without = world.send(world.http.post(&url)).await;
    let wrong = world.send(world.http.post(&url).header("x-api-key", "guess")).await;

    assert_eq!((without.status, without.json()), (401, refusal.clone()));
    assert_eq!((wrong.status, wrong.json()), (401, refusal));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_that_fails_names_an_error_id_and_nothing_else() {
    let world = World::new().await;

    let nobody = world.refresh().await;
    world.connect(GUARDIAN_ID).await;
    world.fault(json!({"endpoint": "GET /athlete/activities", "kind": "server_error"})).await;
    let unreadable = world.refresh().await;

    for answer in [nobody, unreadable] {
        assert_eq!(answer.status, 500);
        let detail = answer.json()["detail"].as_str().unwrap().to_owned();
        let id = detail
            .strip_prefix("Failed to refresh Strava data (Error ID: ")
            .unwrap()
            .strip_suffix(')')
            .unwrap();
        assert!(id.len() == 8 && id.bytes().all(|digit| digit.is_ascii_hexdigit()), "{detail}");
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_goes_round_finds_a_delete_long_ago() {
    let settings = ingest::Settings { tick_s: 1, page: 5, head_page: 5, ..settings() };
    let world = World::with(TestDatabase::sqlite(), strava(5), settings).await;
    let person = world.connect(GUARDIAN_ID).await;
    let known = world.known(person).await;
    assert!(known.len() > 10);
    let start = |it: &i64| known[it].activity.facts.as_ref().unwrap().start_at_us;
    let oldest = *known.keys().min_by_key(|it| start(it)).unwrap();
    world.delete(oldest, true).await;

    for _ in 0..(known.len() / 4 + 2) {
        world.pass(24 * 3_600 + 60).await;
        let turned = format!(
            "SELECT COUNT(*) FROM connection WHERE turned_at_us > {}",
            world.now().as_micros() - 60_000_000
        );
        world.eventually("the page has turned", async || world.number(&turned).await == 1).await;
        world.quiet().await;
    }

    assert!(!world.known(person).await.contains_key(&oldest));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_an_absence_everyones_head_page_is_looked_at() {
    let settings = ingest::Settings { tick_s: 1, ..settings() };
    let world = World::with(TestDatabase::sqlite(), strava(5), settings).await;
    let person = world.connect(GUARDIAN_ID).await;
    let id = world.create(person, json!({"silent": true})).await;

    world.pass(43 * 3_600).await;

    world.eventually("it is found", async || world.known(person).await.contains_key(&id)).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_waits_for_no_history_of_somebody_else() {
    let published = AthleteId::from_uuid(uuid::Uuid::from_u128(7));
    let settings = ingest::Settings {
        published_athlete: Some(published),
        refresh_patience_s: 4,
        page: 5,
        ..settings()
    };
    let histories = settings.bulk_workers;
    let world = World::with(TestDatabase::sqlite(), strava(300), settings).await;
    let person = world.connect_as(published, GUARDIAN_ID).await;
    world.imported(person).await;
    for somebody in [CHILD_ID, last(&world).await] {
        let slow = json!({
            "endpoint": "GET /athlete/activities", "kind": "slow", "delay_ms": 2_000, "athlete": somebody,
        });
        world.fault(slow).await;
        world.connect_only(somebody).await;
    }
    let query = format!(
        "SELECT COUNT(*) FROM job WHERE kind = 'backfill' AND lease_until_us > {}",
        world.now().as_micros()
    );
    let reading = async || world.number(&query).await == histories as i64;
    world.eventually("every worker of histories is busy", reading).await;
    let id = world.create(person, json!({"silent": true})).await;

    let answer = world.refresh().await;

    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(world.known(person).await.contains_key(&id));
    assert!(reading().await, "the histories are still being read");
    world.no_faults().await;
    world.end().await;
}

/// stats as the log knows it: it settles a live activity only once it is let go.
struct Counting(Arc<Semaphore>);

impl Handler for Counting {
    type Event = ActivityChanged;

    async fn handle(&self, _: &Received<ActivityChanged>) -> Result<(), HandleError> {
        drop(self.0.acquire().await);
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_answers_when_what_it_found_is_counted_and_not_before() {
    let world = World::new().await;
    let person = world.connect(GUARDIAN_ID).await;
    let stats = Tasks::new();
    let (counted, history) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(1)));
    for (group, topic, go) in
        [("stats", Topic::Activities, &counted), ("stats.bulk", Topic::ActivitiesBulk, &history)]
    {
        let subscription = Subscription::new(group, world.service.parked().clone())
            .on(topic, Counting(Arc::clone(go)));
        let (bus, soft, hard) = (world.bus.clone(), stats.soft(), stats.hard());
        stats.spawn(group, async move { subscription.run(&bus, soft, hard).await });
    }
    let reads =
        async || world.bus.lag_of_groups(&["stats", "stats.bulk"]).await.is_ok_and(|n| n == 0);
    world.eventually("stats has counted the past", reads).await;
    let id = world.create(person, json!({"silent": true})).await;

    let mut refresh = Box::pin(world.refresh());
    let published =
        world.eventually("it is on the log", async || world.known(person).await.contains_key(&id));
    tokio::select! {
        answer = &mut refresh => panic!("answered before it was published: {answer:?}"),
        () = published => {}
    }
    let early = tokio::time::timeout(Duration::from_secs(1), &mut refresh).await;
    assert!(early.is_err(), "answered before it was counted: {early:?}");

    counted.add_permits(1);
    assert_eq!(refresh.await.status, 200);
    assert_eq!(stats.join(Duration::from_secs(20)).await, lifecycle::JoinOutcome::Clean);
    world.end().await;
}
