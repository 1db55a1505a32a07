//! Revisions decide, never the order of delivery.

use serde_json::json;

use crate::test_app::{Activity, TestApp, new_activity, new_athlete};

#[tokio::test]
async fn changes_in_every_order_and_twice_each_come_to_the_same() {
    for database in testkit::databases().await {
        let app = TestApp::new(database).await;
        let mut published = 0;
        for order in permutations(&[0, 1, 2, 3]) {
            // Every event twice: once where it stands, once more at the end.
            let (whole, without_delete) = (new_athlete(), new_athlete());
            let (first, second) = (new_activity(), new_activity());
            let mut events = Vec::new();
            for step in order.iter().chain(&order) {
                events.push(event(whole, first, *step).into());
                if *step != 3 {
                    events.push(event(without_delete, second, *step).into());
                }
            }
            published += events.len();
            app.publish_all(contracts::Topic::Activities, events).await;
            app.wait_until_handled().await;
            assert_eq!(app.total(whole).await["count"], 0, "{order:?}");
            let total = app.total(without_delete).await;
            assert_eq!(
                (&total["count"], &total["distance_m"]),
                (&json!(1), &json!(12_000.0)),
                "{order:?}"
            );
            for athlete in [whole, without_delete] {
                assert_eq!(app.service.verify(athlete).await.unwrap(), 0, "{order:?}");
            }
        }
        assert_eq!(published, 24 * 14);
        app.stop().await;
    }
}

fn event(athlete: kernel::AthleteId, id: kernel::ActivityId, step: usize) -> Activity {
    let activity = Activity::new(athlete).with_id(id).revision(step as i64 + 1);
    match step {
        0 => activity,
        1 => activity.starting_at("2026-10-02T07:00:00+02:00", "Europe/Oslo"),
        2 => activity.sport("Ride").distance_dm(120_000),
        _ => activity.removed(),
    }
}

fn permutations(of: &[usize]) -> Vec<Vec<usize>> {
    if of.is_empty() {
        return vec![Vec::new()];
    }
    of.iter()
        .flat_map(|first| {
            let rest: Vec<usize> = of.iter().copied().filter(|other| other != first).collect();
            permutations(&rest).into_iter().map(move |mut tail| {
                tail.insert(0, *first);
                tail
            })
        })
        .collect()
}

#[tokio::test]
async fn a_delete_that_overtakes_its_create_still_deletes() {
    for database in testkit::databases().await {
        let app = TestApp::new(database).await;
        let (athlete, id) = (new_athlete(), new_activity());
        app.publish_live(Activity::new(athlete).with_id(id).revision(9).removed()).await;
        app.publish_live(Activity::new(athlete).with_id(id).revision(8)).await;
        assert_eq!(app.total(athlete).await["count"], 0);
        app.stop().await;
    }
}

#[tokio::test]
async fn an_activity_seen_again_after_its_removal_counts_again() {
    for database in testkit::databases().await {
        let app = TestApp::new(database).await;
        let (athlete, id) = (new_athlete(), new_activity());
        for revived in [
            Activity::new(athlete).revision(1),
            Activity::new(athlete).revision(2).removed(),
            Activity::new(athlete).revision(3),
        ] {
            app.publish_live(revived.with_id(id)).await;
        }
        assert_eq!(app.total(athlete).await["count"], 1);
        app.stop().await;
    }
}

#[tokio::test]
async fn an_edit_that_moves_day_and_sport_leaves_nothing_where_it_was() {
    for database in testkit::databases().await {
        let app = TestApp::new(database).await;
        let athlete = new_athlete();
        let moved = Activity::new(athlete);
        app.publish_live(Activity::new(athlete).distance_dm(1)).await;
        app.publish_live(moved.clone()).await;
        app.publish_live(
            moved.revision(2).starting_at("2026-11-19T09:00:00+01:00", "Europe/Oslo").sport("Hike"),
        )
        .await;
        let answer =
            app.get_summary(athlete, "?from=2026-11-01&to=2026-11-30&group=day").await.json();
        let items: Vec<_> = answer["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| (&item["period"], &item["sport"], &item["distance_m"]))
            .collect();
        assert_eq!(
            items,
            [
                (&json!("2026-11-19"), &json!("Hike"), &json!(10_000.0)),
                (&json!("2026-11-20"), &json!("Run"), &json!(0.1))
            ]
        );
        app.stop().await;
    }
}

#[tokio::test]
async fn what_changes_nothing_does_not_raise_the_version() {
    let app = TestApp::new(testkit::TestDatabase::sqlite()).await;
    let athlete = new_athlete();
    let run = Activity::new(athlete).revision(5);
    app.publish_live(run.clone()).await;
    assert_eq!(app.version(athlete).await, 1);
    app.publish_live(run.clone()).await;
    app.publish_live(run.clone().revision(4).distance_dm(1)).await;
    assert_eq!(app.version(athlete).await, 1);
    app.publish_live(run.revision(6).distance_dm(1)).await;
    assert_eq!(app.version(athlete).await, 2);
    app.stop().await;
}

#[tokio::test]
async fn what_cannot_be_counted_is_parked_and_the_next_is_counted() {
    for database in testkit::databases().await {
        let app = TestApp::new(database).await;
        let athlete = new_athlete();
        app.publish_live(
            Activity::new(athlete).with_facts(|facts| facts.local_date = "tomorrow".to_owned()),
        )
        .await;
        app.publish_live(Activity::new(athlete)).await;
        assert_eq!(app.total(athlete).await["count"], 1);
        let parked = outbox::ParkedEvents::new(app.service.database()).list(10).await.unwrap();
        assert_eq!(parked.len(), 1);
        assert!(parked[0].reason.contains("local_date"), "{}", parked[0].reason);
        app.stop().await;
    }
}

#[tokio::test]
async fn a_rebuild_makes_right_what_somebody_broke() {
    for database in testkit::databases().await {
        let app = TestApp::new(database).await;
        let athlete = new_athlete();
        app.publish_live(Activity::new(athlete)).await;
        app.publish_live(Activity::new(athlete).sport("Swim")).await;
        app.execute("UPDATE daily_total SET distance_dm = 5 WHERE sport = 'Swim'").await;
        assert_eq!(app.service.verify(athlete).await.unwrap(), 1);
        assert_eq!(app.service.rebuild(athlete).await.unwrap(), 1);
        assert_eq!(app.service.verify(athlete).await.unwrap(), 0);
        assert_eq!(app.total(athlete).await["distance_m"], 20_000.0);
        app.stop().await;
    }
}

#[tokio::test]
async fn the_journal_lists_what_is_counted_live_but_not_history() {
    let app = TestApp::new(testkit::TestDatabase::sqlite()).await;
    let athlete = new_athlete();
    let run = Activity::new(athlete);
    app.publish(contracts::Topic::ActivitiesBulk, Activity::new(athlete)).await;
    app.publish_live(run.clone()).await;
    app.publish_live(run.clone()).await;
    app.publish_live(run.clone().revision(2).removed()).await;
    let entries = async || {
        let records = app.bus.read_all(contracts::Topic::Journal).await.unwrap();
        let envelopes =
            records.iter().map(|record| contracts::Envelope::decode(&record.value).unwrap());
        envelopes
            .filter(|envelope| envelope.athlete == Some(athlete))
            .map(|envelope| match envelope.payload {
                contracts::wire::envelope::Payload::JournalEntry(entry) => {
                    (entry.activity, entry.step, entry.state)
                }
                other => panic!("{other:?}"),
            })
            .collect::<Vec<_>>()
    };
    app.eventually("two entries", async || entries().await.len() >= 2).await;
    let entry = |step: &str| (run.id.to_string(), step.to_owned(), "done".to_owned());
    assert_eq!(entries().await, [entry("counted"), entry("uncounted")]);
    app.stop().await;
}
