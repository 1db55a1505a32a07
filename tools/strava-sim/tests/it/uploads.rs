//! Uploads: files read for real, duplicates, refusals.

use std::fs;
use std::path::Path;

use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};
use strava_sim::{Limits, Options};

use crate::harness::{ALL, ANA, Answer, MILLA, World};

fn testdata(name: &str) -> Vec<u8> {
    fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata").join(name)).unwrap()
}

async fn send(
    world: &World,
    token: &str,
    file: (&str, Vec<u8>),
    fields: &[(&str, &str)],
) -> Answer {
    let mut form = Form::new().part("file", Part::bytes(file.1).file_name(file.0.to_owned()));
    for (key, value) in fields {
        form = form.text((*key).to_owned(), (*value).to_owned());
    }
    let request =
        world.client.post(world.url("/api/v3/uploads")).bearer_auth(token).multipart(form);
    Answer::of(request.send().await.unwrap()).await
}

async fn upload(
    world: &World,
    token: &str,
    file: (&str, Vec<u8>),
    fields: &[(&str, &str)],
) -> Value {
    let answer = send(world, token, file, fields).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    assert_eq!(answer.json()["status"], "Your activity is still being processed.");
    let id = answer.json()["id_str"].as_str().unwrap().to_owned();
    world.get(token, &format!("/uploads/{id}")).await.json()
}

#[tokio::test]
async fn every_recorded_kind_of_file_becomes_an_activity_with_streams() {
    let world = World::start().await;
    let token = world.token(MILLA, ALL).await;
    for (file, data_type, metres, points) in [
        ("fit/run-fenix2.fit", "fit", 9008.2, 2809),
        ("gpx/ride-hr-atemp-pause.gpx", "gpx", 12_206.9, 857),
        ("tcx/run-fitbit-uploaded.tcx", "TCX", 2999.0, 200),
        ("export/activities/12866632127.fit.gz", "fit.gz", 3323.0, 326),
    ] {
        let done =
            upload(&world, &token, ("a.bin", testdata(file)), &[("data_type", data_type)]).await;
        assert_eq!(done["status"], "Your activity is ready.", "{file}: {done}");
        let activity =
            world.get(&token, &format!("/activities/{}", done["activity_id"])).await.json();
        assert_eq!(activity["distance"], metres, "{file}");
        assert_eq!(activity["upload_id"], done["id"]);
        let path =
            format!("/activities/{}/streams?keys=latlng&key_by_type=true", done["activity_id"]);
        let streams = world.get(&token, &path).await.json();
        assert_eq!(streams["latlng"]["original_size"], points, "{file}");
    }
}

#[tokio::test]
async fn names_sport_and_external_id_are_taken_over() {
    let world = World::start().await;
    let token = world.token(MILLA, ALL).await;
    let fields = [
        ("data_type", "gpx"),
        ("external_id", "paceline-l-1"),
        ("sport_type", "TrailRun"),
        ("name", "Copied \"run\""),
        ("description", "from Ana"),
    ];
    let done =
        upload(&world, &token, ("x.gpx", testdata("gpx/walk-opentracks-hr-speed.gpx")), &fields)
            .await;
    assert_eq!(done["external_id"], "paceline-l-1.gpx");
    let activity = world.get(&token, &format!("/activities/{}", done["activity_id"])).await.json();
    assert_eq!(activity["sport_type"], "TrailRun");
    assert_eq!(activity["type"], "Run");
    assert_eq!(activity["name"], "Copied \"run\"");
    assert_eq!(activity["description"], "from Ana");
    assert_eq!(activity["external_id"], "paceline-l-1.gpx");
    assert_eq!(activity["start_date"], "2025-08-30T18:29:19Z");
}

#[tokio::test]
async fn processing_takes_two_polls_unless_told_otherwise() {
    let world = World::with(Options { limits: Limits::unlimited(), ..Options::default() }).await;
    let token = world.token(MILLA, ALL).await;
    let file = testdata("gpx/walk-opentracks-hr-speed.gpx");
    let first = upload(&world, &token, ("x.gpx", file), &[("data_type", "gpx")]).await;
    assert_eq!(first["status"], "Your activity is still being processed.");
    assert!(first["external_id"].is_null() && first["activity_id"].is_null());
    let path = format!("/uploads/{}", first["id"]);
    assert_eq!(
        world.get(&token, &path).await.json()["status"],
        "Your activity is still being processed."
    );
    assert_eq!(world.get(&token, &path).await.json()["status"], "Your activity is ready.");
    let again = world.get(&token, &path).await.json();
    assert!(again["activity_id"].is_i64(), "polling again makes no second activity");
    assert_eq!(world.list(&token, "after=1756500000&before=1756600000").await.len(), 1);
}

#[tokio::test]
async fn the_same_time_again_is_a_duplicate_in_both_texts() {
    let world = World::start().await;
    let token = world.token(MILLA, ALL).await;
    let file = || testdata("gpx/walk-opentracks-hr-speed.gpx");
    let fields = [("data_type", "gpx"), ("name", "Anna's \"5\" km")];
    let first = upload(&world, &token, ("1234567.gpx", file()), &fields).await["activity_id"]
        .as_i64()
        .unwrap();
    let plain = upload(&world, &token, ("1234567.gpx", file()), &fields).await;
    assert_eq!(plain["error"], format!("1234567.gpx duplicate of activity {first}"));
    assert_eq!(plain["status"], "There was an error processing your activity.");
    assert!(plain["activity_id"].is_null());
    world.post("uploads", json!({"duplicate_as_link": true})).await;
    let link = upload(&world, &token, ("1234567.gpx", file()), &fields).await;
    let wanted = format!(
        "1234567.gpx duplicate of <a href='/activities/{first}' target='_blank'>Anna's &quot;5&quot; km</a>"
    );
    assert_eq!(link["error"], wanted);
    let other = world.token(ANA, ALL).await;
    let theirs = upload(
        &world,
        &other,
        ("x.gpx", testdata("gpx/hike-8-tracks.gpx")),
        &[("data_type", "gpx")],
    )
    .await;
    assert!(
        theirs["error"].as_str().unwrap().contains("duplicate of"),
        "Ana has this hike already"
    );
}

#[tokio::test]
async fn unusable_files_end_with_stravas_texts() {
    let world = World::start().await;
    let token = world.token(MILLA, ALL).await;
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
        let done = upload(&world, &token, ("f", bytes), &[("data_type", data_type)]).await;
        let error = done["error"].as_str().unwrap();
        assert!(error.starts_with(text), "{data_type}: {error}");
    }
}

#[tokio::test]
async fn unreadable_requests_are_refused_at_once() {
    let world = World::start().await;
    let token = world.token(MILLA, ALL).await;
    let file = || testdata("gpx/walk-opentracks-hr-speed.gpx");
    let empty = send(&world, &token, ("x.gpx", Vec::new()), &[("data_type", "gpx")]).await;
    assert_eq!((empty.status.as_u16(), empty.fault().as_str()), (400, "Upload data empty"));
    let gzip = send(&world, &token, ("x.gpx", file()), &[("data_type", "gpx.gz")]).await;
    assert_eq!(
        (gzip.status.as_u16(), gzip.fault().as_str()),
        (400, "upload gzip invalid encoding")
    );
    let kind = send(&world, &token, ("x.doc", file()), &[("data_type", "doc")]).await;
    assert_eq!((kind.status.as_u16(), kind.fault().as_str()), (400, "Upload data_type invalid"));
    let sport =
        send(&world, &token, ("x.gpx", file()), &[("data_type", "gpx"), ("sport_type", "run")])
            .await;
    assert_eq!(
        (sport.status.as_u16(), sport.fault().as_str()),
        (400, "Activity sport_type invalid")
    );
    let reader = world.token(MILLA, "activity:read_all").await;
    let scope = send(&world, &reader, ("x.gpx", file()), &[("data_type", "gpx")]).await;
    assert_eq!(scope.fault(), "AccessToken activity:write_permission missing");
}

#[tokio::test]
async fn uploads_can_hang_vanish_or_fail_with_any_text() {
    let world = World::start().await;
    let token = world.token(MILLA, ALL).await;
    let file = || testdata("gpx/walk-opentracks-hr-speed.gpx");
    let settings = async |body: Value| {
        world
            .post(
                "uploads",
                json!({"polls": 0, "never_ready": false, "deleted": false, "error": null}),
            )
            .await;
        world.post("uploads", body).await;
        upload(&world, &token, ("x.gpx", file()), &[("data_type", "gpx")]).await
    };
    assert_eq!(
        settings(json!({"never_ready": true})).await["status"],
        "Your activity is still being processed."
    );
    assert_eq!(
        settings(json!({"deleted": true})).await["status"],
        "The created activity has been deleted."
    );
    assert_eq!(settings(json!({"error": "<b>No.</b>"})).await["error"], "<b>No.</b>");
    let done = settings(json!({})).await;
    let id = done["activity_id"].as_i64().unwrap();
    world.admin(reqwest::Method::DELETE, &format!("activities/{id}"), Value::Null).await;
    let gone = world.get(&token, &format!("/uploads/{}", done["id"])).await.json();
    assert_eq!(gone["status"], "The created activity has been deleted.");
}
