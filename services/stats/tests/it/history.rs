//! Whatever happened, the totals are what the facts come to.

use std::collections::{BTreeMap, HashMap};

use contracts::{Envelope, Topic};
use kernel::{ActivityId, AthleteId};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::Value;

use crate::world::{Activity, World, new_activity, new_athlete};

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
struct Said {
    athlete: usize,
    activity: usize,
    revision: i64,
    /// Nothing: it is removed.
    fact: Option<(usize, usize, i64, i64)>,
    bulk: bool,
    times: usize,
}

fn said() -> impl Strategy<Value = Said> {
    let fact = prop::option::weighted(
        0.8,
        (0..STARTS.len(), 0..SPORTS.len(), 0_i64..500_000, 0_i64..40_000),
    );
    (0..ATHLETES, 0..ACTIVITIES, 1_i64..9, fact, any::<bool>(), 1_usize..3).prop_map(
        |(athlete, activity, revision, fact, bulk, times)| Said {
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
        let world = runtime.block_on(World::new(database));
        let mut runner =
            TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() });
        let outcome = runner.run(&prop::collection::vec(said(), 1..60), |history| {
            runtime.block_on(check(&world, history));
            Ok(())
        });
        outcome.unwrap_or_else(|error| panic!("{error}"));
        runtime.block_on(world.end());
    }
}

async fn check(world: &World, history: Vec<Said>) {
    let athletes: Vec<AthleteId> = (0..ATHLETES).map(|_| new_athlete()).collect();
    let activities: Vec<ActivityId> = (0..ATHLETES * ACTIVITIES).map(|_| new_activity()).collect();
    // One revision says one thing.
    let mut says: HashMap<(usize, usize, i64), Said> = HashMap::new();
    let (mut live, mut bulk): (Vec<Envelope>, Vec<Envelope>) = (Vec::new(), Vec::new());
    for said in history {
        let said_first =
            says.entry((said.athlete, said.activity, said.revision)).or_insert(said.clone());
        let id = activities[said.athlete * ACTIVITIES + said.activity];
        for _ in 0..said.times {
            let event = event(athletes[said.athlete], id, said_first).into();
            if said.bulk { bulk.push(event) } else { live.push(event) }
        }
    }
    world.publish_all(Topic::ActivitiesBulk, bulk).await;
    world.publish_all(Topic::Activities, live).await;
    world.settled().await;
    for (index, athlete) in athletes.iter().enumerate() {
        let answer = world.ask(*athlete, "?from=2025-01-01&to=2026-12-31&group=day").await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(told(&answer.json()), expected(&says, index));
        assert_eq!(world.service.verify(*athlete).await.unwrap(), 0);
    }
}

fn event(athlete: AthleteId, id: ActivityId, said: &Said) -> Activity {
    let activity = Activity::of(athlete).id(id).revision(said.revision);
    let Some((start, sport, distance_dm, moving_s)) = said.fact else { return activity.removed() };
    let (local, zone) = STARTS[start];
    activity
        .at(local, zone)
        .sport(SPORTS[sport])
        .distance_dm(distance_dm)
        .with(|facts| facts.moving_time_s = moving_s)
}

type Days = BTreeMap<(String, String), (i64, i64, i64)>;

fn expected(says: &HashMap<(usize, usize, i64), Said>, athlete: usize) -> Days {
    let mut newest: HashMap<usize, &Said> = HashMap::new();
    for said in says.values().filter(|said| said.athlete == athlete) {
        let held = newest.entry(said.activity).or_insert(said);
        if said.revision > held.revision {
            *held = said;
        }
    }
    let mut days = Days::new();
    for (start, sport, distance_dm, moving_s) in newest.values().filter_map(|said| said.fact) {
        let day =
            days.entry((STARTS[start].0[..10].to_owned(), SPORTS[sport].to_owned())).or_default();
        *day = (day.0 + 1, day.1 + distance_dm, day.2 + moving_s);
    }
    days
}

fn told(answer: &Value) -> Days {
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
