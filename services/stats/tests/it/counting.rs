//! Revisions decide, never the order of delivery.

use serde_json::json;

use crate::world::{Activity, World, new_activity, new_athlete};

#[tokio::test]
async fn create_edit_edit_delete_in_every_order_and_twice_each_come_to_the_same() {
    for database in testkit::databases().await {
        let world = World::new(database).await;
        let mut told = 0;
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
            told += events.len();
            world.publish_all(contracts::Topic::Activities, events).await;
            world.settled().await;
            assert_eq!(world.total(whole).await["count"], 0, "{order:?}");
            let total = world.total(without_delete).await;
            assert_eq!(
                (&total["count"], &total["distance_m"]),
                (&json!(1), &json!(12_000.0)),
                "{order:?}"
            );
            for athlete in [whole, without_delete] {
                assert_eq!(world.service.verify(athlete).await.unwrap(), 0, "{order:?}");
            }
        }
        assert_eq!(told, 24 * 14);
        world.end().await;
    }
}

fn event(athlete: kernel::AthleteId, id: kernel::ActivityId, step: usize) -> Activity {
    let activity = Activity::of(athlete).id(id).revision(step as i64 + 1);
    match step {
        0 => activity,
        1 => activity.at("2026-10-02T07:00:00+02:00", "Europe/Oslo"),
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
        let world = World::new(database).await;
        let (athlete, id) = (new_athlete(), new_activity());
        world.tell(Activity::of(athlete).id(id).revision(9).removed()).await;
        world.tell(Activity::of(athlete).id(id).revision(8)).await;
        assert_eq!(world.total(athlete).await["count"], 0);
        world.end().await;
    }
}

#[tokio::test]
async fn an_activity_seen_again_after_its_removal_counts_again() {
    for database in testkit::databases().await {
        let world = World::new(database).await;
        let (athlete, id) = (new_athlete(), new_activity());
        for revived in [
            Activity::of(athlete).revision(1),
            Activity::of(athlete).revision(2).removed(),
            Activity::of(athlete).revision(3),
        ] {
            world.tell(revived.id(id)).await;
        }
        assert_eq!(world.total(athlete).await["count"], 1);
        world.end().await;
    }
}

#[tokio::test]
async fn an_edit_that_moves_day_and_sport_leaves_nothing_where_it_was() {
    for database in testkit::databases().await {
        let world = World::new(database).await;
        let athlete = new_athlete();
        let moved = Activity::of(athlete);
        world.tell(Activity::of(athlete).distance_dm(1)).await;
        world.tell(moved.clone()).await;
        world
            .tell(moved.revision(2).at("2026-11-19T09:00:00+01:00", "Europe/Oslo").sport("Hike"))
            .await;
        let answer = world.ask(athlete, "?from=2026-11-01&to=2026-11-30&group=day").await.json();
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
        world.end().await;
    }
}

#[tokio::test]
async fn what_changes_nothing_does_not_raise_the_version() {
    let world = World::new(testkit::TestDatabase::sqlite()).await;
    let athlete = new_athlete();
    let run = Activity::of(athlete).revision(5);
    world.tell(run.clone()).await;
    assert_eq!(world.version(athlete).await, 1);
    world.tell(run.clone()).await;
    world.tell(run.clone().revision(4).distance_dm(1)).await;
    assert_eq!(world.version(athlete).await, 1);
    world.tell(run.revision(6).distance_dm(1)).await;
    assert_eq!(world.version(athlete).await, 2);
    world.end().await;
}

#[tokio::test]
async fn what_cannot_be_counted_is_parked_and_the_next_is_counted() {
    for database in testkit::databases().await {
        let world = World::new(database).await;
        let athlete = new_athlete();
        world
            .tell(Activity::of(athlete).with(|facts| facts.local_date = "tomorrow".to_owned()))
            .await;
        world.tell(Activity::of(athlete)).await;
        assert_eq!(world.total(athlete).await["count"], 1);
        let parked = outbox::ParkedEvents::new(world.service.database()).list(10).await.unwrap();
        assert_eq!(parked.len(), 1);
        assert!(parked[0].reason.contains("local_date"), "{}", parked[0].reason);
        world.end().await;
    }
}

#[tokio::test]
async fn a_rebuild_makes_right_what_somebody_broke() {
    for database in testkit::databases().await {
        let world = World::new(database).await;
        let athlete = new_athlete();
        world.tell(Activity::of(athlete)).await;
        world.tell(Activity::of(athlete).sport("Swim")).await;
        world.execute("UPDATE daily_total SET distance_dm = 5 WHERE sport = 'Swim'").await;
        assert_eq!(world.service.verify(athlete).await.unwrap(), 1);
        assert_eq!(world.service.rebuild(athlete).await.unwrap(), 1);
        assert_eq!(world.service.verify(athlete).await.unwrap(), 0);
        assert_eq!(world.total(athlete).await["distance_m"], 20_000.0);
        world.end().await;
    }
}

#[tokio::test]
async fn what_is_counted_live_is_told_to_the_journal_and_history_is_not() {
    let world = World::new(testkit::TestDatabase::sqlite()).await;
    let athlete = new_athlete();
    let run = Activity::of(athlete);
    world.publish(contracts::Topic::ActivitiesBulk, Activity::of(athlete)).await;
    world.tell(run.clone()).await;
    world.tell(run.clone()).await;
    world.tell(run.clone().revision(2).removed()).await;
    let told = async || {
        let records = world.bus.read_all(contracts::Topic::Journal).await.unwrap();
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
    world.eventually("two lines", async || told().await.len() >= 2).await;
    let line = |step: &str| (run.id.to_string(), step.to_owned(), "done".to_owned());
    assert_eq!(told().await, [line("counted"), line("uncounted")]);
    world.end().await;
}
