//! Uploads: parsed files, duplicates, refusals.

use std::fs;
use std::path::Path;

use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};
use strava_sim::{Limits, Options};

use crate::test_app::{ALL_SCOPES, ANA, MILLA, TestApp, TestResponse, send};

const PROCESSING: &str = "Your activity is still being processed.";
const READY: &str = "Your activity is ready.";
const DELETED: &str = "The created activity has been deleted.";
const GPX: [(&str, &str); 1] = [("data_type", "gpx")];

fn testdata(name: &str) -> Vec<u8> {
    fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata").join(name)).unwrap()
}

async fn send_file(
    app: &TestApp,
    token: &str,
    file: (&str, Vec<u8>),
    fields: &[(&str, &str)],
) -> TestResponse {
    let mut form = Form::new().part("file", Part::bytes(file.1).file_name(file.0.to_owned()));
    for (key, value) in fields {
        form = form.text((*key).to_owned(), (*value).to_owned());
    }
    let request = app.client.post(app.url("/api/v3/uploads")).bearer_auth(token).multipart(form);
    send(request).await
}

async fn upload(
    app: &TestApp,
    token: &str,
    file: (&str, Vec<u8>),
    fields: &[(&str, &str)],
) -> Value {
    let answer = send_file(app, token, file, fields).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    assert_eq!(answer.json()["status"], PROCESSING);
    let id = answer.json()["id_str"].as_str().unwrap().to_owned();
    app.get_json(token, &format!("/uploads/{id}")).await
}

#[tokio::test]
async fn every_recorded_kind_of_file_becomes_an_activity_with_streams() {
    let (app, token) = TestApp::start_connected(MILLA).await;
    for (file, data_type, metres, points) in [
        ("fit/run-fenix2.fit", "fit", 9008.2, 2809),
        ("gpx/ride-hr-atemp-pause.gpx", "gpx", 12_206.9, 857),
        ("tcx/run-fitbit-uploaded.tcx", "TCX", 2999.0, 200),
        ("export/activities/12866632127.fit.gz", "fit.gz", 3323.0, 326),
    ] {
        let done =
            upload(&app, &token, ("a.bin", testdata(file)), &[("data_type", data_type)]).await;
        assert_eq!(done["status"], READY, "{file}: {done}");
        let activity = app.get_json(&token, &format!("/activities/{}", done["activity_id"])).await;
        assert_eq!(activity["distance"], metres, "{file}");
        assert_eq!(activity["upload_id"], done["id"]);
        let streams = app.streams(&token, &done["activity_id"], "latlng").await;
        assert_eq!(streams["latlng"]["original_size"], points, "{file}");
    }
}

#[tokio::test]
async fn names_sport_and_external_id_are_taken_over() {
    let (app, token) = TestApp::start_connected(MILLA).await;
    let fields = [
        ("data_type", "gpx"),
        ("external_id", "paceline-l-1"),
        ("sport_type", "TrailRun"),
        ("name", "Copied \"run\""),
        ("description", "from Ana"),
    ];
    let file = testdata("gpx/walk-opentracks-hr-speed.gpx");
    let done = upload(&app, &token, ("x.gpx", file), &fields).await;
    assert_eq!(done["external_id"], "paceline-l-1.gpx");
    let activity = app.get_json(&token, &format!("/activities/{}", done["activity_id"])).await;
    assert_eq!(activity["sport_type"], "TrailRun");
    assert_eq!(activity["type"], "Run");
    assert_eq!(activity["name"], "Copied \"run\"");
    assert_eq!(activity["description"], "from Ana");
    assert_eq!(activity["external_id"], "paceline-l-1.gpx");
    assert_eq!(activity["start_date"], "2025-08-30T18:29:19Z");
}

#[tokio::test]
async fn processing_takes_two_polls_by_default() {
    let app =
        TestApp::start_with(Options { limits: Limits::unlimited(), ..Options::default() }).await;
    let token = app.access_token(MILLA, ALL_SCOPES).await;
    let file = testdata("gpx/walk-opentracks-hr-speed.gpx");
    let first = upload(&app, &token, ("x.gpx", file), &GPX).await;
    assert_eq!(first["status"], PROCESSING);
    assert!(first["external_id"].is_null() && first["activity_id"].is_null());
    let path = format!("/uploads/{}", first["id"]);
    assert_eq!(app.get_json(&token, &path).await["status"], PROCESSING);
    assert_eq!(app.get_json(&token, &path).await["status"], READY);
    let again = app.get_json(&token, &path).await;
    assert!(again["activity_id"].is_i64(), "polling again makes no second activity");
    assert_eq!(app.list_activities(&token, "after=1756500000&before=1756600000").await.len(), 1);
}

#[tokio::test]
async fn an_overlapping_upload_is_a_duplicate_in_both_texts() {
    let (app, token) = TestApp::start_connected(MILLA).await;
    let file = || testdata("gpx/walk-opentracks-hr-speed.gpx");
    let fields = [("data_type", "gpx"), ("name", "Anna's \"5\" km")];
    let first = upload(&app, &token, ("1234567.gpx", file()), &fields).await;
    let first = first["activity_id"].as_i64().unwrap();
    let plain = upload(&app, &token, ("1234567.gpx", file()), &fields).await;
    assert_eq!(plain["error"], format!("1234567.gpx duplicate of activity {first}"));
    assert_eq!(plain["status"], "There was an error processing your activity.");
    assert!(plain["activity_id"].is_null());
    app.admin_post("uploads", json!({"duplicate_as_link": true})).await;
    let link = upload(&app, &token, ("1234567.gpx", file()), &fields).await;
    let expected = format!(
        "1234567.gpx duplicate of <a href='/activities/{first}' target='_blank'>Anna's &quot;5&quot; km</a>"
    );
    assert_eq!(link["error"], expected);
    let other = app.access_token(ANA, ALL_SCOPES).await;
    let hike = testdata("gpx/hike-8-tracks.gpx");
    let theirs = upload(&app, &other, ("x.gpx", hike), &GPX).await;
    let error = theirs["error"].as_str().unwrap();
    assert!(error.contains("duplicate of"), "Ana has this hike already");
}

#[tokio::test]
async fn unusable_files_end_with_stravas_texts() {
    let (app, token) = TestApp::start_connected(MILLA).await;
    let no_time = "Time information is missing from file.";
    let malformed = "The upload appears to be malformed and we are unable to process it.";
    let cut = testdata("gpx/walk-opentracks-hr-speed.gpx")[..9000].to_vec();
    for (data_type, bytes, text) in [
        ("gpx", testdata("gpx/hike-without-times.gpx"), no_time),
        ("gpx", testdata("gpx/empty-trkseg.gpx"), no_time),
        ("gpx", cut, malformed),
        ("gpx", b"hello".to_vec(), malformed),
        ("tcx", testdata("gpx/walk-opentracks-hr-speed.gpx"), malformed),
        ("fit", b"not a fit file at all".to_vec(), malformed),
    ] {
        let done = upload(&app, &token, ("f", bytes), &[("data_type", data_type)]).await;
        let error = done["error"].as_str().unwrap();
        assert!(error.starts_with(text), "{data_type}: {error}");
    }
}

#[tokio::test]
async fn unreadable_requests_are_refused_at_once() {
    let (app, token) = TestApp::start_connected(MILLA).await;
    let file = || testdata("gpx/walk-opentracks-hr-speed.gpx");
    let empty = send_file(&app, &token, ("x.gpx", Vec::new()), &GPX).await;
    empty.assert_fault(400, "Upload data empty");
    let gzip = send_file(&app, &token, ("x.gpx", file()), &[("data_type", "gpx.gz")]).await;
    gzip.assert_fault(400, "upload gzip invalid encoding");
    let kind = send_file(&app, &token, ("x.doc", file()), &[("data_type", "doc")]).await;
    kind.assert_fault(400, "Upload data_type invalid");
    let sport =
        send_file(&app, &token, ("x.gpx", file()), &[("data_type", "gpx"), ("sport_type", "run")])
            .await;
    sport.assert_fault(400, "Activity sport_type invalid");
    let reader = app.access_token(MILLA, "activity:read_all").await;
    let scope = send_file(&app, &reader, ("x.gpx", file()), &GPX).await;
    scope.assert_fault(401, "AccessToken activity:write_permission missing");
}

#[tokio::test]
async fn uploads_can_hang_vanish_or_fail_with_any_text() {
    let (app, token) = TestApp::start_connected(MILLA).await;
    let file = || testdata("gpx/walk-opentracks-hr-speed.gpx");
    let upload_with = async |body: Value| {
        let defaults = json!({"polls": 0, "never_ready": false, "deleted": false, "error": null});
        app.admin_post("uploads", defaults).await;
        app.admin_post("uploads", body).await;
        upload(&app, &token, ("x.gpx", file()), &GPX).await
    };
    assert_eq!(upload_with(json!({"never_ready": true})).await["status"], PROCESSING);
    assert_eq!(upload_with(json!({"deleted": true})).await["status"], DELETED);
    assert_eq!(upload_with(json!({"error": "<b>No.</b>"})).await["error"], "<b>No.</b>");
    let done = upload_with(json!({})).await;
    let id = done["activity_id"].as_i64().unwrap();
    app.admin(reqwest::Method::DELETE, &format!("activities/{id}"), Value::Null).await;
    let deleted = app.get_json(&token, &format!("/uploads/{}", done["id"])).await;
    assert_eq!(deleted["status"], DELETED);
}
