//! A service that missed something requests a replay.

use contracts::{
    Envelope, Topic, replays::ReplayDone, replays::ReplayRequested, wire::envelope::Payload,
};
use testkit::TestDatabase;

use crate::test_app::{TestApp, envelope};

/// Every replay request so far, oldest first.
pub(crate) async fn requested_replays(app: &TestApp) -> Vec<ReplayRequested> {
    let mut records = app.bus.read_all(Topic::Replays).await.unwrap();
    records.sort_by_key(|record| (record.timestamp, record.partition, record.offset));
    records
        .iter()
        .map(|record| match Envelope::decode(&record.value).unwrap().payload {
            Payload::ReplayRequested(request) => request,
            other => panic!("{other:?}"),
        })
        .collect()
}

pub(crate) fn replay_done(request: &ReplayRequested) -> Envelope {
    let body = ReplayDone {
        id: request.id.clone(),
        service: request.service.clone(),
        of: request.of.clone(),
    };
    envelope(None, Vec::new(), body)
}

pub(crate) async fn count_incomplete(app: &TestApp) -> i64 {
    app.rows("replay_state WHERE replay_id <> ''").await
}

#[tokio::test]
async fn a_new_service_is_complete_once_every_partition_has_answered() {
    for database in testkit::databases().await {
        let app = TestApp::new(database).await;
        app.eventually("two requests", async || requested_replays(&app).await.len() == 2).await;
        let requests = requested_replays(&app).await;
        let mut topics: Vec<_> = requests
            .iter()
            .map(|request| {
                (request.service.as_str(), request.of.as_str(), request.answer_on.as_str())
            })
            .collect();
        topics.sort_unstable();
        assert_eq!(
            topics,
            [("stats", "activities", "activities.bulk"), ("stats", "athletes", "athletes")]
        );
        for request in &requests {
            let topic: Topic = request.answer_on.parse().unwrap();
            // Somebody else's answer ends nothing, and neither does half of ours.
            let mut others = request.clone();
            others.service = "lake".to_owned();
            app.publish_everywhere(topic, replay_done(&others)).await;
            app.publish(topic, replay_done(request)).await;
        }
        app.wait_until_handled().await;
        assert_eq!(count_incomplete(&app).await, 2);
        for request in &requests {
            app.publish_everywhere(request.answer_on.parse().unwrap(), replay_done(request)).await;
        }
        app.wait_until_handled().await;
        assert_eq!(count_incomplete(&app).await, 0);
        app.stop().await;
    }
}

#[tokio::test]
async fn a_service_away_for_more_than_42_hours_requests_a_replay() {
    let app = TestApp::new(TestDatabase::sqlite()).await;
    app.eventually("two requests", async || requested_replays(&app).await.len() == 2).await;
    for request in requested_replays(&app).await {
        app.publish_everywhere(request.answer_on.parse().unwrap(), replay_done(&request)).await;
    }
    app.wait_until_handled().await;
    app.clock.advance(std::time::Duration::from_hours(43));
    app.eventually("two more requests", async || requested_replays(&app).await.len() == 4).await;
    app.stop().await;
}
