//! After any history, the totals are what the facts come to.

use std::collections::{BTreeMap, HashMap};

use contracts::{Envelope, Topic};
use kernel::{ActivityId, AthleteId};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::Value;

use crate::test_app::{Activity, TestApp, new_activity, new_athlete};

const ATHLETES: usize = 3;
const ACTIVITIES: usize = 5;
const SPORTS: [&str; 4] = ["Run", "TrailRun", "Ride", "Underwater Hockey"];
/// Local starts with their offsets: around midnight, a new year and a change of clocks.
const STARTS: [(&str, &str); 6] = [
    ("2026-03-28T23:40:00+01:00", "Europe/Oslo"),
    ("2026-03-29T00:10:00+01:00", "Europe/Oslo"),
    ("2025-12-31T23:40:00-08:00", "America/Los_Angeles"),
    ("2026-01-01T00:20:00+13:00", "Pacific/Auckland"),
    ("2026-01-01T00:20:00+14:00", ""),
    ("2026-10-25T02:30:00+01:00", "Europe/Oslo"),
];

#[derive(Clone, Debug)]
struct Change {
    athlete: usize,
    activity: usize,
    revision: i64,
    /// None if it is removed.
    fact: Option<(usize, usize, i64, i64)>,
    bulk: bool,
    times: usize,
}

fn any_change() -> impl Strategy<Value = Change> {
    let fact = prop::option::weighted(
        0.8,
        (0..STARTS.len(), 0..SPORTS.len(), 0_i64..500_000, 0_i64..40_000),
    );
    (0..ATHLETES, 0..ACTIVITIES, 1_i64..9, fact, any::<bool>(), 1_usize..3).prop_map(
        |(athlete, activity, revision, fact, bulk, times)| Change {
            athlete,
            activity,
            revision,
            fact,
            bulk,
            times,
        },
    )
}

#[test]
fn totals_equal_a_recomputation_from_facts_after_any_history() {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    for database in runtime.block_on(testkit::databases()) {
        let cases = if database.engine() == "SQLite" { 24 } else { 12 };
        let app = runtime.block_on(TestApp::new(database));
        let mut runner =
            TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() });
        let outcome = runner.run(&prop::collection::vec(any_change(), 1..60), |history| {
            runtime.block_on(check(&app, history));
            Ok(())
        });
        outcome.unwrap_or_else(|error| panic!("{error}"));
        runtime.block_on(app.stop());
    }
}

async fn check(app: &TestApp, history: Vec<Change>) {
    let athletes: Vec<AthleteId> = (0..ATHLETES).map(|_| new_athlete()).collect();
    let activities: Vec<ActivityId> = (0..ATHLETES * ACTIVITIES).map(|_| new_activity()).collect();
    // Every message of one revision says the same.
    let mut changes: HashMap<(usize, usize, i64), Change> = HashMap::new();
    let (mut live, mut bulk): (Vec<Envelope>, Vec<Envelope>) = (Vec::new(), Vec::new());
    for change in history {
        let first_change = changes
            .entry((change.athlete, change.activity, change.revision))
            .or_insert(change.clone());
        let id = activities[change.athlete * ACTIVITIES + change.activity];
        for _ in 0..change.times {
            let event = event(athletes[change.athlete], id, first_change).into();
            if change.bulk { bulk.push(event) } else { live.push(event) }
        }
    }
    app.publish_all(Topic::ActivitiesBulk, bulk).await;
    app.publish_all(Topic::Activities, live).await;
    app.wait_until_handled().await;
    for (index, athlete) in athletes.iter().enumerate() {
        let answer = app.get_summary(*athlete, "?from=2025-01-01&to=2026-12-31&group=day").await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(days_of(&answer.json()), expected(&changes, index));
        assert_eq!(app.service.verify(*athlete).await.unwrap(), 0);
    }
}

fn event(athlete: AthleteId, id: ActivityId, change: &Change) -> Activity {
    let activity = Activity::new(athlete).with_id(id).revision(change.revision);
    let Some((start, sport, distance_dm, moving_s)) = change.fact else {
        return activity.removed();
    };
    let (local, zone) = STARTS[start];
    activity
        .starting_at(local, zone)
        .sport(SPORTS[sport])
        .distance_dm(distance_dm)
        .with_facts(|facts| facts.moving_time_s = moving_s)
}

type Days = BTreeMap<(String, String), (i64, i64, i64)>;

fn expected(changes: &HashMap<(usize, usize, i64), Change>, athlete: usize) -> Days {
    let mut newest: HashMap<usize, &Change> = HashMap::new();
    for change in changes.values().filter(|change| change.athlete == athlete) {
        let held = newest.entry(change.activity).or_insert(change);
        if change.revision > held.revision {
            *held = change;
        }
    }
    let mut days = Days::new();
    for (start, sport, distance_dm, moving_s) in newest.values().filter_map(|change| change.fact) {
        let day =
            days.entry((STARTS[start].0[..10].to_owned(), SPORTS[sport].to_owned())).or_default();
        *day = (day.0 + 1, day.1 + distance_dm, day.2 + moving_s);
    }
    days
}

fn days_of(answer: &Value) -> Days {
    let text = |item: &Value, field: &str| item[field].as_str().unwrap().to_owned();
    answer["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| {
            let decimetres = kernel::units::to_decimetres(item["distance_m"].as_f64().unwrap());
            let sums = (
                item["count"].as_i64().unwrap(),
                decimetres,
                item["moving_time_s"].as_i64().unwrap(),
            );
            ((text(item, "period"), text(item, "sport")), sums)
        })
        .collect()
}
