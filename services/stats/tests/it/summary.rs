//! `GET /v1/me/stats/summary`.

use serde_json::json;

use crate::test_app::{Activity, TestApp, new_athlete};

async fn app_with_a_year() -> (TestApp, kernel::AthleteId) {
    let app = TestApp::new(testkit::TestDatabase::sqlite()).await;
    let athlete = new_athlete();
    for (local, sport, distance_dm) in [
        ("2025-12-31T10:00:00+01:00", "Run", 1_000),
        ("2026-01-01T10:00:00+01:00", "Run", 20_005),
        ("2026-01-04T10:00:00+01:00", "Ride", 300_000),
        ("2026-11-21T10:00:00+01:00", "TrailRun", 4_000),
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

#[tokio::test]
async fn a_summary_has_its_documented_shape() {
    let (app, athlete) = app_with_a_year().await;
    let answer = app.get_summary(athlete, "?from=2025-12-31&to=2026-01-04&group=week").await;
    assert_eq!((answer.status, answer.header("content-type")), (200, "application/json"));
    let (run, ride) = (2_100.5, 30_000.0);
    assert_eq!(
        answer.json(),
        json!({
            "from": "2025-12-31", "to": "2026-01-04", "group": "week",
            "items": [
                {"period": "2026-W01", "sport": "Ride", "count": 1, "distance_m": ride,
                 "moving_time_s": 3600, "elapsed_time_s": 3700, "elevation_gain_m": 123.4},
                {"period": "2026-W01", "sport": "Run", "count": 2, "distance_m": run,
                 "moving_time_s": 7200, "elapsed_time_s": 7400, "elevation_gain_m": 246.8},
            ],
            "total": {"count": 3, "distance_m": 32_100.5,
                      "moving_time_s": 10_800, "elapsed_time_s": 11_100, "elevation_gain_m": 370.2},
            "version": 4,
        })
    );
    app.stop().await;
}

#[tokio::test]
async fn each_group_names_its_periods() {
    let (app, athlete) = app_with_a_year().await;
    for (group, periods) in [
        ("day", json!(["2026-01-01", "2026-01-04", "2026-11-21"])),
        ("week", json!(["2026-W01", "2026-W01", "2026-W47"])),
        ("month", json!(["2026-01", "2026-01", "2026-11"])),
        ("year", json!(["2026", "2026", "2026"])),
    ] {
        let answer = app.get_summary(athlete, &format!("?group={group}")).await.json();
        let names: Vec<_> =
            answer["items"].as_array().unwrap().iter().map(|item| item["period"].clone()).collect();
        assert_eq!(json!(names), periods, "{group}");
        assert_eq!(
            (&answer["from"], &answer["to"]),
            (&json!("2026-01-01"), &json!("2026-11-21")),
            "{group}"
        );
    }
    app.stop().await;
}

#[tokio::test]
async fn only_the_requested_sports_are_summed() {
    let (app, athlete) = app_with_a_year().await;
    for (query, count) in [
        ("?sport=Ride", 1),
        ("?sport=Ride,Run", 2),
        ("?sport=Ride&sport=TrailRun", 2),
        ("?sport=Yoga", 0),
        ("", 3),
    ] {
        assert_eq!(
            app.get_summary(athlete, query).await.json()["total"]["count"],
            count,
            "{query}"
        );
    }
    app.stop().await;
}

#[tokio::test]
async fn what_cannot_be_answered_is_422_and_names_the_field() {
    let (app, athlete) = app_with_a_year().await;
    for (query, field) in [
        ("?group=fortnight", "group"),
        ("?from=yesterday", "from"),
        ("?to=2026-02-30", "to"),
        ("?from=2026-02-02&to=2026-02-01", "to"),
        ("?from=2016-01-01&to=2026-01-01&group=day", "to"),
        ("?sport=Quidditch", "sport"),
    ] {
        let answer = app.get_summary(athlete, query).await;
        assert_eq!(
            (answer.status, answer.header("content-type")),
            (422, "application/problem+json"),
            "{query}"
        );
        assert_eq!(answer.json()["errors"][0]["field"], field, "{query}");
    }
    app.stop().await;
}

#[tokio::test]
async fn nobody_sees_anothers_totals_and_a_stranger_none() {
    let (app, athlete) = app_with_a_year().await;
    assert_eq!(app.total(new_athlete()).await["count"], 0);
    for token in [app.token(athlete, "id"), "nonsense".to_owned(), String::new()] {
        let answer = app.get_summary_with_token(&token).await;
        assert_eq!(
            (answer.status, answer.header("content-type")),
            (401, "application/problem+json"),
            "{token}"
        );
    }
    app.stop().await;
}

#[tokio::test]
async fn an_unchanged_summary_is_not_sent_twice() {
    for database in testkit::databases().await {
        let app = TestApp::new(database).await;
        let athlete = new_athlete();
        let run = Activity::new(athlete);
        app.publish_live(run.clone()).await;
        let first = app.get_summary(athlete, "?group=year").await;
        let etag = first.header("etag").to_owned();
        assert!(etag.starts_with('"'), "{etag} is not strong");
        let again = app.get_summary_if_changed(athlete, "?group=year", &etag).await;
        assert_eq!(
            (again.status, again.text.as_str(), again.header("etag")),
            (304, "", etag.as_str())
        );
        // Another question is another answer, and so is the same question after an edit.
        assert_eq!(app.get_summary_if_changed(athlete, "?group=month", &etag).await.status, 200);
        app.publish_live(run.revision(2).distance_dm(5)).await;
        let changed = app.get_summary_if_changed(athlete, "?group=year", &etag).await;
        assert_eq!((changed.status, &changed.json()["total"]["distance_m"]), (200, &json!(0.5)));
        app.stop().await;
    }
}
