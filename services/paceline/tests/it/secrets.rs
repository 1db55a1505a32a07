//! Neither positions in the log nor tokens anywhere are readable.

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use contracts::Topic;
use serde_json::{Value, json};
use strava_sim::{CHILD_ID, GUARDIAN_ID};

use crate::test_app::{Setup, TcpProxy, TestApp};

/// A app in which everything Strava says to the program is recorded, and a whole journey in it.
async fn overheard() -> (TestApp, Vec<u8>) {
    let mut app = TestApp::new(Setup::default()).await;
    let proxy = TcpProxy::recording(app.simulator_address()).await;
    app.strava = format!("http://{}", proxy.address);
    app.up(&[]).await;
    let [guardian, child] = app.linked_guardian_and_child().await;
    let recorded = json!({"file": "run-venusq-original.fit"});
    let mut recorded = recorded.as_object().unwrap().clone();
    recorded.insert("distance".to_owned(), Value::Null);
    recorded.insert("moving_time".to_owned(), Value::Null);
    app.record_as(GUARDIAN_ID, "Run with Milla", &Value::Object(recorded)).await;
    app.sim_post("tokens/expire", &json!({"athlete": CHILD_ID})).await;
    app.assert_copies(CHILD_ID, &["Run with Milla".to_owned()]).await;
    app.assert_all_totals_match(&[&guardian, &child]).await;
    app.stop().await;
    (app, proxy.seen())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_position_is_ever_in_a_record_of_the_log() {
    let (app, heard) = overheard().await;
    let heard = String::from_utf8_lossy(&heard);
    let points = points(&heard);
    let lines = polylines(&heard);
    assert!(points.len() > 100, "only {} points were heard", points.len());
    assert!(!lines.is_empty(), "no map was heard");
    let forms: Vec<_> =
        points.iter().step_by(points.len() / 100).flat_map(|point| forms(*point)).collect();

    let records = app.records().await;

    for topic in [Topic::Activities, Topic::ActivitiesBulk, Topic::Copies, Topic::StravaEvents] {
        assert!(records.iter().any(|(of, _)| *of == topic), "{topic} is empty");
    }
    for (topic, record) in &records {
        for (form, latitude, longitude) in &forms {
            let found = has(record, latitude) && has(record, longitude);
            assert!(!found, "a record of {topic} holds a position as {form}: {record:?}");
        }
        for line in &lines {
            assert!(!has(record, line.as_bytes()), "a record of {topic} holds a map");
        }
    }
    // The search finds what there is: the same points are in the answers of Strava.
    let text = forms.iter().find(|(form, ..)| *form == "text").unwrap();
    assert!(has(heard.as_bytes(), &text.1) && has(heard.as_bytes(), &text.2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokens_are_unreadable_in_every_file_and_in_what_the_program_writes() {
    let (app, heard) = overheard().await;
    let heard = String::from_utf8_lossy(&heard);
    let mut tokens = after(&heard, "\"access_token\":\"", '"');
    tokens.extend(after(&heard, "\"refresh_token\":\"", '"'));
    tokens.sort_unstable();
    tokens.dedup();
    assert!(tokens.len() >= 4, "only {} tokens were heard", tokens.len());
    assert!(tokens.iter().all(|token| token.len() >= 16), "{tokens:?}");

    let mut files = vec![("what it wrote".to_owned(), app.output().into_bytes())];
    read_all(&app.data(), &mut files);

    assert!(files.iter().any(|(name, bytes)| name.ends_with("token.db") && !bytes.is_empty()));
    for (name, bytes) in &files {
        for token in &tokens {
            let bare = token.trim_end_matches('=');
            for form in [
                token.as_bytes().to_vec(),
                STANDARD.encode(bare).trim_end_matches('=').as_bytes().to_vec(),
                URL_SAFE.encode(bare).trim_end_matches('=').as_bytes().to_vec(),
                hex(bare),
            ] {
                assert!(!has(bytes, &form), "{name} holds a token");
            }
        }
        assert!(!has(bytes, b"sim-secret"), "{name} holds the application's secret");
    }
}

fn hex(text: &str) -> Vec<u8> {
    let digit = |half: u8| char::from_digit(half.into(), 16).unwrap() as u8;
    text.bytes().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

fn read_all(folder: &Path, into: &mut Vec<(String, Vec<u8>)>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read_all(&path, into);
        } else {
            into.push((path.display().to_string(), std::fs::read(&path).unwrap()));
        }
    }
}

/// Every text between this and that.
fn after<'a>(text: &'a str, start: &str, end: char) -> Vec<&'a str> {
    text.split(start).skip(1).filter_map(|rest| rest.split(end).next()).collect()
}

/// Every pair of numbers that looks like a place: two fractions with four digits or more.
fn points(text: &str) -> Vec<(f64, f64)> {
    let mut found = Vec::new();
    for rest in text.split('[').skip(1) {
        let Some((pair, _)) = rest.split_once(']') else { continue };
        let Some((latitude, longitude)) = pair.split_once(',') else { continue };
        let digits = |text: &str| text.split_once('.').map_or(0, |(_, digits)| digits.len());
        if digits(latitude) < 4 || digits(longitude) < 4 {
            continue;
        }
        if let (Ok(latitude), Ok(longitude)) = (latitude.parse(), longitude.parse()) {
            found.push((latitude, longitude));
        }
    }
    found
}

/// A piece of every map.
fn polylines(text: &str) -> Vec<String> {
    let all = after(text, "polyline\":\"", '"');
    let mut pieces: Vec<_> = all
        .into_iter()
        .map(|line| line.replace("\\\\", "\\").chars().take(16).collect::<String>())
        .filter(|piece| piece.len() == 16)
        .collect();
    pieces.sort();
    pieces.dedup();
    pieces
}

/// A notation of a point: both numbers in the same form.
fn forms((latitude, longitude): (f64, f64)) -> Vec<(&'static str, Vec<u8>, Vec<u8>)> {
    type Write = fn(f64) -> Vec<u8>;
    let ways: [(&'static str, Write); 19] = [
        ("text", |value| {
            // The shortest form anybody would write: four digits behind the point.
            let text = value.to_string();
            let end = text.find('.').map_or(text.len(), |point| (point + 5).min(text.len()));
            text.as_bytes()[..end].to_vec()
        }),
        ("float", |value| (value as f32).to_le_bytes().to_vec()),
        ("float, big-endian", |value| (value as f32).to_be_bytes().to_vec()),
        ("double", |value| value.to_le_bytes().to_vec()),
        ("double, big-endian", |value| value.to_be_bytes().to_vec()),
        ("radians", |value| value.to_radians().to_le_bytes().to_vec()),
        ("semicircles", |value| semicircles(value).to_le_bytes().to_vec()),
        ("semicircles, big-endian", |value| semicircles(value).to_be_bytes().to_vec()),
        ("semicircles, varint", |value| varint(semicircles(value).into())),
        ("semicircles, zigzag", |value| zigzag(semicircles(value).into())),
        ("fixed e7", |value| (scaled(value, 1e7) as i32).to_le_bytes().to_vec()),
        ("fixed e6", |value| (scaled(value, 1e6) as i32).to_le_bytes().to_vec()),
        ("fixed e5", |value| (scaled(value, 1e5) as i32).to_le_bytes().to_vec()),
        ("varint e7", |value| varint(scaled(value, 1e7))),
        ("varint e6", |value| varint(scaled(value, 1e6))),
        ("varint e5", |value| varint(scaled(value, 1e5))),
        ("zigzag e7", |value| zigzag(scaled(value, 1e7))),
        ("zigzag e6", |value| zigzag(scaled(value, 1e6))),
        ("zigzag e5", |value| zigzag(scaled(value, 1e5))),
    ];
    ways.iter().map(|(name, write)| (*name, write(latitude), write(longitude))).collect()
}

fn scaled(value: f64, by: f64) -> i64 {
    (value * by).round() as i64
}

fn semicircles(value: f64) -> i32 {
    (value / 180.0 * 2_147_483_648.0).round() as i32
}

fn varint(value: i64) -> Vec<u8> {
    let mut rest = value as u64;
    let mut bytes = Vec::new();
    while rest >= 0x80 {
        bytes.push((rest & 0x7f) as u8 | 0x80);
        rest >>= 7;
    }
    bytes.push(rest as u8);
    bytes
}

fn zigzag(value: i64) -> Vec<u8> {
    varint((value << 1) ^ (value >> 63))
}

fn has(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}
