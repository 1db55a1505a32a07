//! A day is the athlete's own day.

use serde_json::json;

use crate::world::{Activity, World, instant, new_athlete};

#[tokio::test]
async fn a_run_at_2340_counts_on_its_local_day_wherever_that_is() {
    let late = [
        ("2026-06-30T23:40:00+02:00", "Europe/Oslo"),
        ("2026-06-30T23:40:00-07:00", "America/Los_Angeles"),
        ("2026-06-30T23:40:00+14:00", "Pacific/Kiritimati"),
        ("2026-06-30T23:40:00-11:00", ""),
        // The day clocks go back, and the day they go forward.
        ("2026-10-25T23:40:00+01:00", "Europe/Oslo"),
        ("2026-03-29T23:40:00+02:00", "Europe/Oslo"),
        ("2026-03-08T23:40:00-07:00", "America/Los_Angeles"),
        ("2026-11-01T23:40:00-08:00", "America/Los_Angeles"),
    ];
    for database in testkit::databases().await {
        let world = World::new(database).await;
        for (local, zone) in late {
            let athlete = new_athlete();
            world.tell(Activity::of(athlete).at(local, zone)).await;
            let day = &local[..10];
            let answer =
                world.ask(athlete, &format!("?from={day}&to={day}&group=day")).await.json();
            assert_eq!(answer["items"][0]["period"], day, "{local} {zone}");
            assert_eq!(answer["total"]["count"], 1, "{local} {zone}");
            assert_eq!(world.total(athlete).await["count"], 1, "{local} {zone}");
        }
        world.end().await;
    }
}

#[tokio::test]
async fn the_year_turns_when_it_turns_where_the_athlete_is() {
    let athlete = new_athlete();
    let world = World::publishing(testkit::TestDatabase::sqlite(), Some(athlete)).await;
    // 2026 in UTC, 2025 where it was run.
    world
        .tell(
            Activity::of(athlete)
                .at("2025-12-31T23:40:00-08:00", "America/Los_Angeles")
                .distance_dm(10_000),
        )
        .await;
    world
        .tell(
            Activity::of(athlete)
                .at("2026-01-01T00:20:00-08:00", "America/Los_Angeles")
                .distance_dm(20_000),
        )
        .await;
    // Five hours into 2026 in UTC it is still 2025 there.
    world.clock.set(instant("2026-01-01T05:00:00Z"));
    assert_eq!(world.get("/strava/stats/ytd").await.json()["data"]["run"]["distance"], 1_000.0);
    // The same answer is not kept over midnight.
    world.clock.set(instant("2026-01-01T08:30:00Z"));
    assert_eq!(world.get("/strava/stats/ytd").await.json()["data"]["run"]["distance"], 2_000.0);
    let months = world.get("/strava/stats/monthly").await.json();
    assert_eq!(months["data"]["2025-12"]["distance"], 1_000.0);
    assert_eq!(months["data"]["2026-01"]["distance"], 2_000.0);
    world.end().await;
}

#[tokio::test]
async fn today_is_the_athletes_own() {
    let world = World::new(testkit::TestDatabase::sqlite()).await;
    let (east, west) = (new_athlete(), new_athlete());
    world.tell(Activity::of(east).at("2026-11-20T09:00:00+14:00", "Pacific/Kiritimati")).await;
    world.tell(Activity::of(west).at("2026-11-20T09:00:00-11:00", "Pacific/Pago_Pago")).await;
    world.clock.set(instant("2026-11-21T10:30:00Z"));
    assert_eq!(world.ask(east, "").await.json()["to"], json!("2026-11-22"));
    assert_eq!(world.ask(west, "").await.json()["to"], json!("2026-11-20"));
    world.end().await;
}
