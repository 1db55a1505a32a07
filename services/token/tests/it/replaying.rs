//! Services that lost their state ask for ours.

use std::time::Duration;

use contracts::replays::{ReplayDone, ReplayRequested};
use contracts::{Envelope, Event, Topic};

use crate::test_app::{CHILD, GUARDIAN, TestApp, new_athlete, published_erases};
use service_kit::Service as _;

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_publishes_every_connection_with_its_revision_and_its_end() {
    for database in testkit::databases().await {
        let app = TestApp::new(database).await;
        app.connect(new_athlete(), GUARDIAN).await;
        app.connect(new_athlete(), CHILD).await;
        let request = |of: &str| ReplayRequested {
            id: "0190163d-8694-739b-aea5-966c26f8ad91".to_owned(),
            service: "stats".to_owned(),
            of: of.to_owned(),
            answer_on: "athletes".to_owned(),
            athlete: String::new(),
        };
        app.publish_event(Topic::Replays, request("activities")).await;
        app.publish_event(Topic::Replays, request("athletes")).await;

        testkit::eventually(
            Duration::from_secs(10),
            "every partition hears that it is done",
            async || {
                let records = app.bus.read_all(Topic::Athletes).await.unwrap();
                let done = records
                    .iter()
                    .map(|record| Envelope::decode(&record.value).unwrap())
                    .filter(|envelope| ReplayDone::from_payload(envelope.payload.clone()).is_ok())
                    .count();
                if done == 3 { Ok(()) } else { Err(done) }
            },
        )
        .await;
        let published = app.published_connections().await;
        let (again, first): (Vec<_>, Vec<_>) =
            published.into_iter().partition(|(envelope, ..)| envelope.replay);
        let key = |(envelope, revision, connection): &(
            Envelope,
            i64,
            contracts::athletes::Connection,
        )| { (envelope.athlete, *revision, connection.clone()) };
        assert_eq!((again.len(), first.len()), (2, 2));
        for event in &first {
            assert!(again.iter().any(|other| key(other) == key(event)));
        }
        app.shut_down().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_repeats_the_erasure_of_what_is_disconnected() {
    let app = TestApp::new(testkit::TestDatabase::sqlite()).await;
    let athlete = new_athlete();
    let generation = app.connect(athlete, GUARDIAN).await;
    app.connect(new_athlete(), CHILD).await;
    let id = app.fetch_connection(athlete).await["id"].as_str().unwrap().to_owned();
    let path = format!("/v1/me/connections/{id}");
    assert_eq!(app.call_as("DELETE", &path, athlete).await.status, 204);
    let request = ReplayRequested {
        id: "0190163d-8694-739b-aea5-966c26f8ad92".to_owned(),
        service: "stats".to_owned(),
        of: "athletes".to_owned(),
        answer_on: "athletes".to_owned(),
        athlete: String::new(),
    };
    app.publish_event(Topic::Replays, request).await;

    let erases = testkit::eventually(Duration::from_secs(10), "it is repeated", async || {
        let erases = published_erases(&app.bus).await;
        if erases.len() == 2 { Ok(erases) } else { Err(erases.len()) }
    })
    .await;
    let seen: Vec<_> = erases
        .iter()
        .map(|(envelope, erase)| (envelope.athlete, erase.through_generation, envelope.replay))
        .collect();
    let through = generation.get();
    assert_eq!(seen, [(Some(athlete), through, false), (Some(athlete), through, true)]);
    app.shut_down().await;
}

#[test]
fn the_description_names_every_public_route() {
    let description = serde_json::to_value(token::Service::openapi()).unwrap();
    let paths = description["paths"].as_object().unwrap();
    let named: Vec<&String> = paths.keys().collect();
    assert_eq!(
        named,
        [
            "/strava/authorize",
            "/strava/callback",
            "/v1/admin/receipts/{athlete}",
            "/v1/admin/seats",
            "/v1/admin/seats/{connection}",
            "/v1/me",
            "/v1/me/connections",
            "/v1/me/connections/{connection}",
            "/v1/me/receipts"
        ]
    );
}
