//! Order, pages and irregular cases of the list; details that agree with it.

use std::collections::HashSet;

use serde_json::{Value, json};
use strava_sim::{Limits, Options};

use crate::test_app::{ALL_SCOPES, ANA, MILLA, RECORDED, TestApp};

fn ids(items: &[Value]) -> HashSet<i64> {
    items.iter().map(|item| item["id"].as_i64().unwrap()).collect()
}

fn starts(items: &[Value]) -> Vec<String> {
    items.iter().map(|item| item["start_date"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn only_after_is_oldest_first_everything_else_newest_first() {
    let (app, token) = TestApp::start_connected(RECORDED).await;
    let (after, before) = (1_541_088_000, 1_543_683_600);
    for (query, oldest_first) in [
        (String::new(), false),
        (format!("before={before}"), false),
        (format!("after={after}&before={before}"), false),
        (format!("after={after}"), true),
    ] {
        let answer =
            app.get_json(&token, &format!("/athlete/activities?per_page=200&{query}")).await;
        let dates = starts(answer.as_array().unwrap());
        let mut sorted = dates.clone();
        sorted.sort();
        if !oldest_first {
            sorted.reverse();
        }
        assert_eq!(dates, sorted, "{query}");
        assert!(dates.len() > 5, "{query}");
    }
}

#[tokio::test]
async fn the_recorded_page_between_two_dates_comes_back_as_recorded() {
    let (app, token) = TestApp::start_connected(RECORDED).await;
    let answer =
        app.get_json(&token, "/athlete/activities?after=1541088000&before=1543683600").await;
    let recorded =
        include_str!("../../../../testdata/strava/athlete-activities-after-and-before.json");
    let recorded: Value = serde_json::from_str(recorded).unwrap();
    let facts = |value: &Value| -> Vec<(i64, String, f64, i64)> {
        let items = value.as_array().unwrap().iter();
        let number = |item: &Value, key: &str| item[key].as_i64().unwrap();
        let name = |item: &Value| item["name"].as_str().unwrap().to_owned();
        let metres = |item: &Value| item["distance"].as_f64().unwrap();
        items
            .map(|item| (number(item, "id"), name(item), metres(item), number(item, "moving_time")))
            .collect()
    };
    assert_eq!(facts(&answer), facts(&recorded));
}

#[tokio::test]
async fn after_in_the_future_is_refused() {
    let (app, token) = TestApp::start_connected(ANA).await;
    let now = app.admin_get("clock").await["now_s"].as_i64().unwrap();
    let answer = app.get(&token, &format!("/athlete/activities?after={}", now + 500)).await;
    answer.assert_fault(400, "Application after future");
}

#[tokio::test]
async fn all_pages_together_are_the_truth_whatever_the_page_size() {
    let (app, token) = TestApp::start_connected(MILLA).await;
    let truth = ids(&app.ground_truth(MILLA).await);
    for per_page in [7, 30, 200] {
        let items = app.list_activities(&token, &format!("per_page={per_page}")).await;
        assert_eq!(ids(&items), truth);
        assert_eq!(items.len(), truth.len(), "nothing comes twice");
    }
    let first = app.get_json(&token, "/athlete/activities?per_page=5000").await;
    assert_eq!(first.as_array().unwrap().len(), 200);
}

#[tokio::test]
async fn hidden_items_make_short_pages_but_never_an_early_end() {
    let app = TestApp::start().await;
    for number in 0..5 {
        app.create_activity(json!({"athlete": MILLA, "visibility": "only_me", "silent": true,
            "start_date": format!("2026-10-01T0{number}:00:00Z")}))
            .await;
    }
    let limited = app.access_token(MILLA, "activity:read").await;
    let mut truth = app.ground_truth(MILLA).await;
    truth.retain(|item| item["visibility"] != "only_me");
    let visible = ids(&truth);
    for per_page in [3, 30] {
        let items = app.list_activities(&limited, &format!("per_page={per_page}")).await;
        assert_eq!(ids(&items), visible);
    }
    let mut short = false;
    for page in 1..5 {
        let items = app.get_json(&limited, &format!("/athlete/activities?page={page}")).await;
        short |= items.as_array().unwrap().len() < 30;
    }
    assert!(short, "some page before the end is short");
}

#[tokio::test]
async fn synthetic_histories_hold_the_irregular_cases() {
    let app = TestApp::start().await;
    let items =
        app.list_activities(&app.access_token(MILLA, ALL_SCOPES).await, "per_page=200").await;
    let any =
        |check: &dyn Fn(&Value) -> bool, what: &str| assert!(items.iter().any(check), "no {what}");
    any(&|item| item["manual"] == true && item["upload_id"].is_null(), "manual entry");
    any(
        &|item| item["trainer"] == true && item["map"]["summary_polyline"] == "",
        "activity without GPS",
    );
    any(&|item| item["start_latlng"] == json!([]), "empty start_latlng");
    any(&|item| item["start_date"].as_str().unwrap().ends_with("T00:00:01Z"), "hidden start time");
    any(&|item| item["id"].as_i64().unwrap() > 1 << 53, "id above 2^53");
    any(&|item| item["visibility"] == "only_me" && item["private"] == true, "only-you activity");
    any(&|item| item["sport_type"] == "Parkour", "sport type of a later Strava");
    any(&|item| item.get("workout_type").is_none(), "absent workout_type");
    any(
        &|item| item["timezone"] == "(GMT+12:00) Pacific/Auckland" && is_late_run(item),
        "late run east of UTC",
    );
    any(
        &|item| item["timezone"] == "(GMT-08:00) America/Los_Angeles" && is_late_run(item),
        "late run west of UTC",
    );
    let offsets: HashSet<i64> =
        items.iter().map(|item| item["utc_offset"].as_f64().unwrap() as i64).collect();
    assert!(offsets.contains(&3600) && offsets.contains(&7200), "both sides of summer time");
}

fn is_late_run(item: &Value) -> bool {
    let (utc, local) =
        (item["start_date"].as_str().unwrap(), item["start_date_local"].as_str().unwrap());
    let west = item["utc_offset"].as_f64().unwrap() < 0.0;
    // west of UTC such a run has the next day's date in UTC
    local[11..13] == *"23" && (utc[..10] != local[..10]) == west
}

#[tokio::test]
async fn details_agree_with_their_summaries() {
    let app = TestApp::start().await;
    for athlete in [ANA, MILLA, RECORDED] {
        let token = app.access_token(athlete, ALL_SCOPES).await;
        let items = app.list_activities(&token, "per_page=200").await;
        for item in items.iter().step_by(9) {
            let detail = app.get_json(&token, &format!("/activities/{}", item["id"])).await;
            let keys = "name distance moving_time elapsed_time sport_type start_date visibility";
            for key in keys.split(' ') {
                assert_eq!(detail[key], item[key], "{key} of {}", item["id"]);
            }
            assert_eq!(detail["resource_state"], 3);
            assert!(detail["map"]["polyline"].is_string());
            let splits = detail["splits_metric"].as_array().map_or(0.0, |splits| {
                splits.iter().map(|split| split["distance"].as_f64().unwrap()).sum::<f64>()
            });
            let whole = item["distance"].as_f64().unwrap();
            assert!(
                item["manual"] == true || (splits - whole).abs() < whole * 0.01 + 5.0,
                "{}: {splits} {whole}",
                item["id"]
            );
        }
    }
}

#[tokio::test]
async fn the_recorded_marathon_comes_with_its_recorded_detail() {
    let (app, token) = TestApp::start_connected(RECORDED).await;
    let detail = app.get_json(&token, "/activities/1946417534?include_all_efforts=true").await;
    assert_eq!(detail["segment_efforts"].as_array().unwrap().len(), 53);
    assert_eq!(detail["best_efforts"].as_array().unwrap().len(), 13);
    assert_eq!(detail["device_name"], "Fitbit Ionic");
    let streams = app.streams(&token, 1_946_417_534, "distance,time,latlng").await;
    assert_eq!(streams["distance"]["original_size"], 13_129);
    assert_eq!(streams["latlng"]["data"].as_array().unwrap().len(), 13_129);
}

#[tokio::test]
async fn a_history_of_exact_length_belongs_to_the_last_athlete() {
    let options = Options {
        athletes: 4,
        history: Some(700),
        limits: Limits::unlimited(),
        ..Options::default()
    };
    let app = TestApp::start_with(options).await;
    let athletes = app.admin_get("athletes").await;
    assert_eq!(athletes[3]["activities"], 700);
    assert_eq!(athletes[0]["id"], ANA);
    let last = athletes[3]["id"].as_i64().unwrap();
    let token = app.access_token(last, ALL_SCOPES).await;
    assert_eq!(app.list_activities(&token, "per_page=200").await.len(), 700);
}

#[tokio::test]
async fn the_same_seed_gives_the_same_world() {
    let (one, two) = (TestApp::start().await, TestApp::start().await);
    let (first, second) = (one.ground_truth(MILLA).await, two.ground_truth(MILLA).await);
    assert_eq!(first, second);
    assert!(first.len() > 200);
}

#[tokio::test]
async fn statistics_are_sums_of_what_everyone_may_see() {
    let (app, token) = TestApp::start_connected(MILLA).await;
    let before = app.get_json(&token, &format!("/athletes/{MILLA}/stats")).await;
    app.create_activity(json!({"athlete": MILLA, "distance": 1234.0})).await;
    app.create_activity(json!({"athlete": MILLA, "distance": 999.0, "visibility": "only_me"}))
        .await;
    let after = app.get_json(&token, &format!("/athletes/{MILLA}/stats")).await;
    let count = |stats: &Value| stats["recent_run_totals"]["count"].as_i64().unwrap();
    let metres = |stats: &Value| stats["all_run_totals"]["distance"].as_f64().unwrap();
    assert_eq!(count(&after), count(&before) + 1);
    assert!((metres(&after) - metres(&before) - 1234.0).abs() < 0.01);
}
