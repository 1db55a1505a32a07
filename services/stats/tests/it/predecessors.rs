//! The predecessors' routes keep their shapes.

use std::time::Duration;

use kernel::AthleteId;
use reqwest::Method;
use serde_json::{Value, json};
use testkit::TestDatabase;

use crate::test_app::{Activity, TestApp, new_athlete};

async fn published() -> (TestApp, AthleteId) {
    let athlete = new_athlete();
    let app = TestApp::publishing(TestDatabase::sqlite(), Some(athlete)).await;
    for (local, sport, distance_dm) in [
        ("2025-11-30T10:00:00+01:00", "Run", 77_000),
        ("2025-12-24T10:00:00+01:00", "VirtualRun", 50_000),
        ("2026-01-02T10:00:00+01:00", "Run", 100_004),
        ("2026-01-02T18:00:00+01:00", "TrailRun", 20_001),
        ("2026-07-05T10:00:00+02:00", "Velomobile", 500_000),
        ("2026-07-05T12:00:00+02:00", "EBikeRide", 123_000),
        ("2026-11-21T08:00:00+01:00", "VirtualRun", 1_000),
    ] {
        app.publish_live(
            Activity::new(athlete)
                .starting_at(local, "Europe/Oslo")
                .sport(sport)
                .distance_dm(distance_dm),
        )
        .await;
    }
    (app, athlete)
}

/// The body without the instant it was made at, which must look as the predecessor's does.
fn without_fetched_at(mut body: Value) -> Value {
    let fetched_at = body.as_object_mut().unwrap().remove("fetched_at").unwrap();
    let text = fetched_at.as_str().unwrap();
    assert!(
        text.ends_with("+00:00") && text.len() == "2026-11-21T00:53:02.304992+00:00".len(),
        "{text}"
    );
    body
}

#[tokio::test]
async fn if_nobody_is_published_each_route_says_so_in_the_predecessors_words() {
    let app = TestApp::new(TestDatabase::sqlite()).await;
    for (path, detail) in [
        ("/strava/stats/ytd", "YTD stats not cached yet. Try /strava/refresh-data"),
        ("/strava/stats/activities", "Activities not cached yet. Try /strava/refresh-data"),
        ("/strava/stats/monthly", "Monthly stats not cached yet. Try /strava/refresh-data"),
        ("/api/distance", "Distance not cached yet. Try /strava/refresh-data"),
    ] {
        let answer = app.get(path).await;
        assert_eq!((answer.status, answer.json()), (404, json!({"detail": detail})), "{path}");
    }
    app.stop().await;
}

#[tokio::test]
async fn nothing_counted_yet_is_not_found_either() {
    let athlete = new_athlete();
    let app = TestApp::publishing(TestDatabase::sqlite(), Some(athlete)).await;
    assert_eq!(app.get("/strava/stats/ytd").await.status, 404);
    app.publish_live(Activity::new(athlete)).await;
    assert_eq!(app.get("/strava/stats/ytd").await.status, 200);
    app.stop().await;
}

#[tokio::test]
async fn year_to_date_is_summed_from_facts() {
    let (app, _) = published().await;
    let answer = app.get("/strava/stats/ytd").await;
    assert_eq!((answer.status, answer.header("content-type")), (200, "application/json"));
    assert_eq!(
        without_fetched_at(answer.json()),
        json!({"type": "ytd", "data": {
            "run": {"count": 3, "distance": 12_100.5, "moving_time": 10_800, "elevation_gain": 370.2},
            "ride": {"count": 1, "distance": 50_000.0, "moving_time": 3_600, "elevation_gain": 123.4},
        }})
    );
    app.stop().await;
}

#[tokio::test]
async fn the_thirty_newest_activities_come_newest_first() {
    let athlete = new_athlete();
    let app = TestApp::publishing(TestDatabase::sqlite(), Some(athlete)).await;
    for day in 1..=31 {
        let local = format!("2026-08-{day:02}T06:05:00+02:00");
        let named = Activity::new(athlete).starting_at(&local, "Europe/Oslo").sport("TrailRun");
        app.publish(
            contracts::Topic::Activities,
            named.with_facts(|facts| facts.name = format!("Løp {day}")),
        )
        .await;
    }
    let secret = Activity::new(athlete).with_facts(|facts| facts.visibility = "only_me".to_owned());
    app.publish_live(secret).await;
    let answer = app.get("/strava/stats/activities").await;
    assert!(answer.text.contains("Løp 31"), "UTF-8 is not escaped");
    let body = without_fetched_at(answer.json());
    let data = body["data"].as_array().unwrap();
    assert_eq!((&body["type"], data.len()), (&json!("recent_activities"), 30));
    assert_eq!(
        data[0],
        json!({"id": 9_007_199_254_740_993_i64, "name": "Løp 31", "type": "TrailRun", "distance": 10_000.0,
               "moving_time": 3_600, "elevation_gain": 123.4, "start_date": "2026-08-31T04:05:00Z"})
    );
    assert_eq!(data[29]["name"], "Løp 2");
    app.stop().await;
}

#[tokio::test]
async fn twelve_local_months_come_newest_first_all_sports_together() {
    let (app, _) = published().await;
    let answer = app.get("/strava/stats/monthly").await;
    let body = without_fetched_at(answer.json());
    assert_eq!(body["type"], "monthly");
    let july =
        json!({"count": 2, "distance": 62_300.0, "moving_time": 7_200, "elevation_gain": 246.8});
    assert_eq!(body["data"]["2026-07"], july);
    assert_eq!(body["data"]["2025-12"]["count"], 1);
    let nothing = json!({"count": 0, "distance": 0.0, "moving_time": 0, "elevation_gain": 0.0});
    assert_eq!(body["data"]["2026-05"], nothing);
    // The order is in the text: a JSON object of this test library has none.
    let months = [
        "2026-11", "2026-10", "2026-09", "2026-08", "2026-07", "2026-06", "2026-05", "2026-04",
        "2026-03",
    ];
    let places: Vec<_> = months
        .iter()
        .chain(&["2026-02", "2026-01", "2025-12"])
        .map(|month| answer.text.find(&format!("\"{month}\"")).unwrap())
        .collect();
    assert!(places.is_sorted(), "{}", answer.text);
    assert_eq!(body["data"].as_object().unwrap().len(), 12);
    app.stop().await;
}

#[tokio::test]
async fn the_distance_run_grows_day_by_day() {
    let (app, _) = published().await;
    let body = app.get("/api/distance").await.json();
    let days = body.as_array().unwrap();
    assert_eq!(days.len(), 325, "one pair per local day from 1 January to 21 November");
    // Midnights in Oslo: an hour ahead of UTC in winter, two in summer.
    let midnight = |text: &str| crate::test_app::instant(text).as_secs().to_string();
    assert_eq!(days[0], json!({"date": midnight("2026-01-01T00:00:00+01:00"), "distance": "0"}));
    assert_eq!(
        days[1],
        json!({"date": midnight("2026-01-02T00:00:00+01:00"), "distance": "12001"})
    );
    assert_eq!(
        days[185],
        json!({"date": midnight("2026-07-05T00:00:00+02:00"), "distance": "12001"})
    );
    assert_eq!(
        days[324],
        json!({"date": midnight("2026-11-21T00:00:00+01:00"), "distance": "12101"})
    );
    let dates: Vec<i64> =
        days.iter().map(|day| day["date"].as_str().unwrap().parse().unwrap()).collect();
    assert!(dates.is_sorted_by(|earlier, later| earlier < later));
    app.stop().await;
}

#[tokio::test]
async fn health_tells_whether_the_database_answers() {
    let app = TestApp::new(TestDatabase::sqlite()).await;
    let well = app.get("/strava/health").await;
    assert_eq!(well.status, 200);
    assert_eq!(well.json(), json!({"status": "ok", "service": "strava", "database": "connected"}));
    app.service.database().close().await.unwrap();
    let ill = app.get("/strava/health").await;
    assert_eq!(ill.status, 503);
    assert_eq!(
        ill.json(),
        json!({"status": "degraded", "service": "strava", "database": "disconnected"})
    );
}

#[tokio::test]
async fn head_is_answered_and_other_methods_are_not_allowed() {
    let (app, _) = published().await;
    for path in [
        "/strava/health",
        "/strava/stats/ytd",
        "/strava/stats/activities",
        "/strava/stats/monthly",
        "/api/distance",
    ] {
        let head = app.request(Method::HEAD, path).await;
        assert_eq!((head.status, head.text.as_str()), (200, ""), "{path}");
        let post = app.request(Method::POST, path).await;
        assert_eq!((post.status, post.header("allow")), (405, "GET, HEAD"), "{path}");
        assert_eq!(post.json(), json!({"detail": "Method Not Allowed"}), "{path}");
    }
    app.stop().await;
}

#[tokio::test]
async fn a_response_is_never_older_than_the_last_commit() {
    let athlete = new_athlete();
    let app = TestApp::publishing(TestDatabase::sqlite(), Some(athlete)).await;
    let run = Activity::new(athlete);
    for revision in 1..=50 {
        let distance_dm = revision * 10;
        app.publish_live(run.clone().revision(revision).distance_dm(distance_dm)).await;
        // The clock stands still: nothing but the commit can have ended the answer before.
        let body = app.get("/strava/stats/ytd").await.json();
        assert_eq!(body["data"]["run"]["distance"], distance_dm as f64 / 10.0);
    }
    app.stop().await;
}

#[tokio::test]
async fn a_commit_of_another_instance_shows_within_a_second() {
    let (app, athlete) = published().await;
    let distance =
        async || app.get("/strava/stats/ytd").await.json()["data"]["run"]["distance"].clone();
    assert_eq!(distance().await, 12_100.5);
    app.execute("UPDATE daily_total SET distance_dm = 0 WHERE sport = 'TrailRun'").await;
    app.execute(&format!("UPDATE athlete SET version = version + 1 WHERE id = '{athlete}'")).await;
    assert_eq!(distance().await, 12_100.5, "the answer is kept while nothing here has changed");
    app.clock.advance(Duration::from_millis(1_001));
    assert_eq!(distance().await, 10_100.4 + 0.0);
    app.stop().await;
}
