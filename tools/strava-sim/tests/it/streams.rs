//! Streams: both forms, equal lengths, agreement with summaries, lateness.

use serde_json::{Value, json};

use crate::test_app::{ALL_SCOPES, ALL_STREAMS, ANA, MILLA, TestApp};

fn lengths(streams: &Value) -> Vec<usize> {
    let streams = streams.as_object().unwrap().values();
    streams.map(|stream| stream["data"].as_array().unwrap().len()).collect()
}

#[tokio::test]
async fn key_by_type_gives_an_object_and_no_keys_only_the_distance() {
    let (app, token) = TestApp::start_connected(MILLA).await;
    let id = app.create_activity(json!({"athlete": MILLA})).await;
    let array = app.get_json(&token, &format!("/activities/{id}/streams?keys=time,latlng")).await;
    let kinds: Vec<&str> =
        array.as_array().unwrap().iter().map(|stream| stream["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["time", "latlng"]);
    let keyed = app.get_json(&token, &format!("/activities/{id}/streams?key_by_type=true")).await;
    assert_eq!(keyed.as_object().unwrap().keys().collect::<Vec<_>>(), ["distance"]);
    assert_eq!(keyed["distance"]["series_type"], "distance");
    assert_eq!(keyed["distance"]["resolution"], "high");
    assert!(keyed["distance"].get("type").is_none());
}

#[tokio::test]
async fn streams_of_every_athlete_share_one_length_and_add_up_to_the_summary() {
    let app = TestApp::start().await;
    for athlete in app.admin_get("athletes").await.as_array().unwrap() {
        let token = app.access_token(athlete["id"].as_i64().unwrap(), ALL_SCOPES).await;
        let step = if athlete["id"] == ANA { 1 } else { 13 };
        let items = app.list_activities(&token, "per_page=200").await;
        for item in items.iter().filter(|item| item["manual"] == false).step_by(step) {
            let id = &item["id"];
            let streams = app.streams(&token, id, ALL_STREAMS).await;
            let count = lengths(&streams)[0];
            assert!(lengths(&streams).iter().all(|length| *length == count), "{id}");
            assert_eq!(streams["time"]["original_size"], count);
            let last =
                |kind: &str| streams[kind]["data"].as_array().unwrap()[count - 1].as_f64().unwrap();
            let (total, metres) = (last("distance"), item["distance"].as_f64().unwrap());
            assert!((total - metres).abs() <= metres * 0.01 + 5.0, "{id}: {total} {metres}");
            assert!(last("time") <= item["elapsed_time"].as_f64().unwrap() + 1.0, "{id}");
            let positions = item["map"]["summary_polyline"] != "";
            assert_eq!(streams.get("latlng").is_some(), positions, "{id}");
            assert_eq!(streams.get("heartrate").is_some(), item["has_heartrate"] == true, "{id}");
        }
    }
}

#[tokio::test]
async fn time_jumps_over_a_pause_and_the_point_after_it_is_not_moving() {
    let (app, token) = TestApp::start_connected(MILLA).await;
    let body = json!({"athlete": MILLA, "moving_time": 1800, "elapsed_time": 2100});
    let id = app.create_activity(body).await;
    let streams = app.streams(&token, id, "time,moving").await;
    let times = streams["time"]["data"].as_array().unwrap().iter();
    let times: Vec<i64> = times.map(|time| time.as_i64().unwrap()).collect();
    let moving = streams["moving"]["data"].as_array().unwrap();
    let jump = times.windows(2).position(|pair| pair[1] - pair[0] >= 300).unwrap();
    assert_eq!(moving[jump + 1], false);
    let moved: i64 = (1..times.len())
        .filter(|index| moving[*index] == true)
        .map(|index| times[index] - times[index - 1])
        .sum();
    assert_eq!((moved, times[times.len() - 1]), (1800, 2100));
}

#[tokio::test]
async fn a_recorded_file_gives_its_real_streams_at_the_new_date() {
    let (app, token) = TestApp::start_connected(ANA).await;
    let body = json!({"athlete": ANA, "file": "run-fenix2.fit", "name": "Run with Milla",
        "start_date": "2026-05-01T10:00:00Z"});
    let created = app.admin_post("activities", body).await;
    assert_eq!(created["start_date"], "2026-05-01T10:00:00Z");
    assert_eq!(created["start_date_local"], "2026-05-01T12:00:00Z");
    let id = created["id"].as_i64().unwrap();
    let streams = app.streams(&token, id, ALL_STREAMS).await;
    assert_eq!(streams["latlng"]["original_size"], 2809);
    assert_eq!(streams["heartrate"]["original_size"], 2809);
    let detail = app.get_json(&token, &format!("/activities/{id}")).await;
    assert_eq!(detail["distance"], 9008.2);
    assert_eq!(detail["laps"].as_array().unwrap().len(), 4);
}

#[tokio::test]
async fn late_streams_are_empty_until_they_are_ready() {
    let app = TestApp::start().await;
    app.admin_post("webhooks", json!({"streams_late_ms": 60_000})).await;
    let token = app.access_token(MILLA, ALL_SCOPES).await;
    let id = app.create_activity(json!({"athlete": MILLA})).await;
    let path = format!("/activities/{id}/streams?keys=time&key_by_type=true");
    assert_eq!(app.get(&token, &path).await.text, "{}");
    app.advance_clock(61).await;
    assert_ne!(app.get(&token, &path).await.text, "{}");
}

#[tokio::test]
async fn an_activity_without_gps_has_streams_without_positions() {
    let (app, token) = TestApp::start_connected(MILLA).await;
    let id = app.create_activity(json!({"athlete": MILLA, "no_gps": true})).await;
    let streams = app.streams(&token, id, ALL_STREAMS).await;
    assert!(streams.get("latlng").is_none() && streams.get("heartrate").is_some());
}

#[test]
fn the_index_of_the_recorded_files_is_what_the_files_say() {
    let committed = include_str!("../../src/content/files_index.json");
    let same = committed.trim() == strava_sim::files_index().trim();
    assert!(same, "renew it: strava-sim --print-files-index > src/content/files_index.json");
}
