//! A day is the athlete's own day.

use serde_json::json;

use crate::test_app::{Activity, TestApp, instant, new_athlete};

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
        let app = TestApp::new(database).await;
        for (local, zone) in late {
            let athlete = new_athlete();
            app.publish_live(Activity::new(athlete).starting_at(local, zone)).await;
            let day = &local[..10];
            let answer =
                app.get_summary(athlete, &format!("?from={day}&to={day}&group=day")).await.json();
            assert_eq!(answer["items"][0]["period"], day, "{local} {zone}");
            assert_eq!(answer["total"]["count"], 1, "{local} {zone}");
            assert_eq!(app.total(athlete).await["count"], 1, "{local} {zone}");
        }
        app.stop().await;
    }
}

#[tokio::test]
async fn the_year_turns_when_it_turns_where_the_athlete_is() {
    let athlete = new_athlete();
    let app = TestApp::publishing(testkit::TestDatabase::sqlite(), Some(athlete)).await;
    // 2026 in UTC, 2025 where it was run.
    app.publish_live(
        Activity::new(athlete)
            .starting_at("2025-12-31T23:40:00-08:00", "America/Los_Angeles")
            .distance_dm(10_000),
    )
    .await;
    app.publish_live(
        Activity::new(athlete)
            .starting_at("2026-01-01T00:20:00-08:00", "America/Los_Angeles")
            .distance_dm(20_000),
    )
    .await;
    // Five hours into 2026 in UTC it is still 2025 there.
    app.clock.set(instant("2026-01-01T05:00:00Z"));
    assert_eq!(app.get("/strava/stats/ytd").await.json()["data"]["run"]["distance"], 1_000.0);
    // The same answer is not kept over midnight.
    app.clock.set(instant("2026-01-01T08:30:00Z"));
    assert_eq!(app.get("/strava/stats/ytd").await.json()["data"]["run"]["distance"], 2_000.0);
    let months = app.get("/strava/stats/monthly").await.json();
    assert_eq!(months["data"]["2025-12"]["distance"], 1_000.0);
    assert_eq!(months["data"]["2026-01"]["distance"], 2_000.0);
    app.stop().await;
}

#[tokio::test]
async fn today_is_the_athletes_own() {
    let app = TestApp::new(testkit::TestDatabase::sqlite()).await;
    let (east, west) = (new_athlete(), new_athlete());
    app.publish_live(
        Activity::new(east).starting_at("2026-11-20T09:00:00+14:00", "Pacific/Kiritimati"),
    )
    .await;
    app.publish_live(
        Activity::new(west).starting_at("2026-11-20T09:00:00-11:00", "Pacific/Pago_Pago"),
    )
    .await;
    app.clock.set(instant("2026-11-21T10:30:00Z"));
    assert_eq!(app.get_summary(east, "").await.json()["to"], json!("2026-11-22"));
    assert_eq!(app.get_summary(west, "").await.json()["to"], json!("2026-11-20"));
    app.stop().await;
}
