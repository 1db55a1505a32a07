//! Streams: both forms, equal lengths, agreement with summaries, lateness.

use serde_json::{Value, json};

use crate::harness::{ALL, ANA, MILLA, World};

const KEYS: &str = "time,distance,latlng,altitude,velocity_smooth,heartrate,cadence,watts,temp,moving,grade_smooth";

fn lengths(streams: &Value) -> Vec<usize> {
    streams
        .as_object()
        .unwrap()
        .values()
        .map(|stream| stream["data"].as_array().unwrap().len())
        .collect()
}

#[tokio::test]
async fn without_key_by_type_the_answer_is_an_array_and_without_keys_only_the_distance() {
    let world = World::start().await;
    let token = world.token(MILLA, ALL).await;
    let id = world.create(json!({"athlete": MILLA})).await;
    let array =
        world.get(&token, &format!("/activities/{id}/streams?keys=time,latlng")).await.json();
    let kinds: Vec<&str> =
        array.as_array().unwrap().iter().map(|stream| stream["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["time", "latlng"]);
    let keyed =
        world.get(&token, &format!("/activities/{id}/streams?key_by_type=true")).await.json();
    assert_eq!(keyed.as_object().unwrap().keys().collect::<Vec<_>>(), ["distance"]);
    assert_eq!(keyed["distance"]["series_type"], "distance");
    assert_eq!(keyed["distance"]["resolution"], "high");
    assert!(keyed["distance"].get("type").is_none());
}

#[tokio::test]
async fn streams_of_every_athlete_share_one_length_and_add_up_to_the_summary() {
    let world = World::start().await;
    for athlete in world.read("athletes").await.as_array().unwrap() {
        let token = world.token(athlete["id"].as_i64().unwrap(), ALL).await;
        let step = if athlete["id"] == ANA { 1 } else { 13 };
        for item in world
            .list(&token, "per_page=200")
            .await
            .iter()
            .filter(|item| item["manual"] == false)
            .step_by(step)
        {
            let id = &item["id"];
            let streams = world
                .get(&token, &format!("/activities/{id}/streams?keys={KEYS}&key_by_type=true"))
                .await
                .json();
            let count = lengths(&streams)[0];
            assert!(lengths(&streams).iter().all(|length| *length == count), "{id}");
            assert_eq!(streams["time"]["original_size"], count);
            let last =
                |kind: &str| streams[kind]["data"].as_array().unwrap()[count - 1].as_f64().unwrap();
            let metres = item["distance"].as_f64().unwrap();
            assert!(
                (last("distance") - metres).abs() <= metres * 0.01 + 5.0,
                "{id}: {} {metres}",
                last("distance")
            );
            assert!(last("time") <= item["elapsed_time"].as_f64().unwrap() + 1.0, "{id}");
            let positions = item["map"]["summary_polyline"] != "";
            assert_eq!(streams.get("latlng").is_some(), positions, "{id}");
            assert_eq!(streams.get("heartrate").is_some(), item["has_heartrate"] == true, "{id}");
        }
    }
}

#[tokio::test]
async fn time_jumps_over_a_pause_and_the_point_after_it_is_not_moving() {
    let world = World::start().await;
    let token = world.token(MILLA, ALL).await;
    let id =
        world.create(json!({"athlete": MILLA, "moving_time": 1800, "elapsed_time": 2100})).await;
    let streams = world
        .get(&token, &format!("/activities/{id}/streams?keys=time,moving&key_by_type=true"))
        .await
        .json();
    let times: Vec<i64> = streams["time"]["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|time| time.as_i64().unwrap())
        .collect();
    let moving = streams["moving"]["data"].as_array().unwrap();
    let jump = times.windows(2).position(|pair| pair[1] - pair[0] >= 300).unwrap();
    assert_eq!(moving[jump + 1], false);
    let gone: i64 =
        (1..times.len()).filter(|at| moving[*at] == true).map(|at| times[at] - times[at - 1]).sum();
    assert_eq!((gone, times[times.len() - 1]), (1800, 2100));
}

#[tokio::test]
async fn a_recorded_file_gives_its_real_streams_at_the_new_date() {
    let world = World::start().await;
    let token = world.token(ANA, ALL).await;
    let made = world
        .post(
            "activities",
            json!({"athlete": ANA, "file": "run-fenix2.fit", "name": "Run with Milla",
            "start_date": "2026-05-01T10:00:00Z"}),
        )
        .await;
    assert_eq!(made["start_date"], "2026-05-01T10:00:00Z");
    assert_eq!(made["start_date_local"], "2026-05-01T12:00:00Z");
    let id = made["id"].as_i64().unwrap();
    let streams = world
        .get(&token, &format!("/activities/{id}/streams?keys={KEYS}&key_by_type=true"))
        .await
        .json();
    assert_eq!(streams["latlng"]["original_size"], 2809);
    assert_eq!(streams["heartrate"]["original_size"], 2809);
    let detail = world.get(&token, &format!("/activities/{id}")).await.json();
    assert_eq!(detail["distance"], 9008.2);
    assert_eq!(detail["laps"].as_array().unwrap().len(), 4);
}

#[tokio::test]
async fn late_streams_are_empty_until_they_are_ready() {
    let world = World::start().await;
    world.post("webhooks", json!({"streams_late_ms": 60_000})).await;
    let token = world.token(MILLA, ALL).await;
    let id = world.create(json!({"athlete": MILLA})).await;
    let path = format!("/activities/{id}/streams?keys=time&key_by_type=true");
    assert_eq!(world.get(&token, &path).await.text, "{}");
    world.advance(61).await;
    assert_ne!(world.get(&token, &path).await.text, "{}");
}

#[tokio::test]
async fn an_activity_without_gps_has_streams_without_positions() {
    let world = World::start().await;
    let token = world.token(MILLA, ALL).await;
    let id = world.create(json!({"athlete": MILLA, "no_gps": true})).await;
    let streams = world
        .get(&token, &format!("/activities/{id}/streams?keys={KEYS}&key_by_type=true"))
        .await
        .json();
    assert!(streams.get("latlng").is_none() && streams.get("heartrate").is_some());
}

#[test]
fn the_index_of_the_recorded_files_is_what_the_files_say() {
    let committed = include_str!("../../src/content/files_index.json");
    let same = committed.trim() == strava_sim::files_index().trim();
    assert!(same, "renew it: strava-sim --print-files-index > src/content/files_index.json");
}
