//! Activities that are copied, those that are not, and the contents of a copy.

use contracts::{Cause, Topic};
use kernel::Timestamp;
use serde_json::json;
use strava_sim::CHILD_ID;

use crate::test_app::{Run, TestApp, child_invitation, new_athlete, redemption};

#[tokio::test]
async fn the_copy_is_made_once_however_often_the_event_comes() {
    for database in testkit::databases().await {
        let app = TestApp::start_on(database).await;
        let link = app.create_link("Milla", false).await;
        let run = app.new_run("Evening run with Milla").await;
        let later = run.with_revision(2);

        app.publish_activities(&[&run, &run, &later, &run, &later]).await;
        let copy = app.wait_for_state("done").await;
        app.publish_activities(&[&run, &later, &run.with_revision(3)]).await;

        let copies = app.strava.list_copies().await;
        assert_eq!((copies.len(), app.strava.count_uploads().await), (1, 1), "{copies:?}");
        assert_eq!(copies[0]["name"], "Evening run with Milla");
        assert_eq!(copies[0]["sport_type"], "Run");
        let mark = format!("paceline-{link}-{}.gpx", run.activity);
        assert_eq!(copies[0]["external_id"], mark.as_str());
        assert_eq!(copy["strava_activity"], copies[0]["id"]);
        assert_eq!(copy["strava_activity_str"], copies[0]["id"].to_string());
        app.stop().await;
    }
}

#[tokio::test]
async fn a_connect_with_ten_matching_years_makes_none() {
    let app = TestApp::start().await;
    app.create_link("Milla", false).await;
    let recent = app.new_run("Run with Milla").await;
    let year = 365 * 24 * 3600;
    let mut history = Vec::new();
    for back in 1..=10 {
        let old = Run {
            start: Timestamp::from_secs(recent.start.as_secs() - back * year),
            ..app.new_run("Run with Milla").await
        };
        history.push(old.with_cause(Cause::Backfill));
        history.push(Run {
            activity: recent.activity,
            ..old.with_cause(Cause::Sweep).with_revision(back)
        });
    }
    history.push(recent.with_cause(Cause::Backfill).with_revision(20));
    history.push(recent.with_cause(Cause::Import).with_revision(21));

    app.publish_activities(&history.iter().collect::<Vec<_>>()).await;

    assert_eq!(app.copies().await.len(), 0);
    assert_eq!(app.strava.count_uploads().await, 0);
    app.stop().await;
}

#[tokio::test]
async fn what_the_sweep_finds_is_copied_like_a_live_activity() {
    let app = TestApp::start().await;
    app.create_link("Milla", false).await;
    let run = app.new_run("milla's run").await;

    app.publish_activities(&[&run.with_cause(Cause::Sweep)]).await;

    app.wait_for_state("done").await;
    app.stop().await;
}

#[tokio::test]
async fn nothing_is_copied_before_the_child_agrees_nor_under_another_name() {
    let app = TestApp::start().await;
    let link = app.propose_link("Ann", false).await;
    let run = app.new_run("Run with Ann").await;
    app.publish_activities(&[&run]).await;
    assert_eq!(app.copies().await.len(), 0);

    app.accept_link(link).await;
    app.publish_activities(&[&app.new_run("Annual club run").await]).await;

    assert_eq!(app.copies().await.len(), 0);
    assert_eq!(app.strava.count_uploads().await, 0);
    app.stop().await;
}

#[tokio::test]
async fn a_title_edited_later_so_that_it_matches_is_copied_too() {
    let app = TestApp::start().await;
    app.create_link("Milla", false).await;
    let run = app.new_run("Morning Run").await;
    app.publish_activities(&[&run]).await;
    assert_eq!(app.copies().await.len(), 0);

    app.publish_activities(&[&run.with_name("Morning run with Milla").with_revision(2)]).await;

    assert_eq!(app.wait_for_state("done").await["name"], "Morning run with Milla");
    app.stop().await;
}

#[tokio::test]
async fn a_late_older_revision_with_the_name_copies_nothing() {
    let app = TestApp::start().await;
    app.create_link("Milla", false).await;
    let run = app.new_run("Run with Milla").await;

    app.publish_activities(&[&run.with_name("Run alone").with_revision(2), &run.with_revision(1)])
        .await;

    assert_eq!(app.copies().await.len(), 0);
    app.stop().await;
}

#[tokio::test]
async fn a_copy_is_not_copied() {
    let app = TestApp::start().await;
    app.create_link("Milla", false).await;
    // The child is a guardian too: of somebody whose name stands in the same titles.
    let third = new_athlete();
    let code = app.invite(third, child_invitation()).await;
    let link = app.redeem(app.child, redemption(&code, &["Milla"])).await.json();
    app.clock.set_offset(-7200);
    let path = format!("/v1/links/{}/accept", link["id"].as_str().unwrap());
    assert_eq!(app.call("POST", &path, third, None).await.status, 200);
    app.clock.set_offset(0);
    let run = app.new_run("Run with Milla").await;
    app.publish_activities(&[&run]).await;
    let made = app.wait_for_state("done").await["strava_activity"].as_i64().unwrap();

    let marked = Run {
        athlete: app.child,
        external_id: "paceline-a-b.gpx".to_owned(),
        ..app.new_run("Run with Milla").await
    };
    let known =
        Run { athlete: app.child, strava_activity: made, ..app.new_run("Run with Milla").await };
    app.publish_activities(&[&marked, &known]).await;
    let theirs = app.call("GET", "/v1/copies", third, None).await.json();
    assert_eq!(theirs["items"], json!([]));

    let own = Run { athlete: app.child, ..app.new_run("Run with Milla").await };
    app.publish_activities(&[&own]).await;
    let theirs = app.call("GET", "/v1/copies", third, None).await.json();
    assert_eq!(
        theirs["items"].as_array().unwrap().len(),
        1,
        "a run of the child's own is another matter"
    );
    app.stop().await;
}

#[tokio::test]
async fn heart_rate_travels_only_where_it_was_shared() {
    for shared in [false, true] {
        let app = TestApp::start().await;
        app.create_link("Milla", shared).await;
        app.publish_activities(&[&app.new_run("Run with Milla").await]).await;
        let copy = app.wait_for_state("done").await["strava_activity"].as_i64().unwrap();

        let token = app.strava.child_token().await;
        let keys = "time,distance,latlng,altitude,heartrate,cadence";
        let path = format!("/activities/{copy}/streams?keys={keys}&key_by_type=true");
        let streams = app.strava.get(&token, &path).await;

        assert_eq!(streams.get("heartrate").is_some(), shared, "{streams}");
        assert_eq!(streams["cadence"]["data"][0], 80);
        assert_eq!(streams["latlng"]["original_size"], 300);
        assert_eq!(streams["latlng"]["data"][0], json!([47.381111, 8.542222]));
        assert_eq!(streams["distance"]["data"][299], 837.2);
        app.stop().await;
    }
}

#[tokio::test]
async fn an_indoor_activity_travels_as_tcx() {
    let app = TestApp::start().await;
    app.create_link("Milla", false).await;
    let run = app.new_run("Treadmill with Milla").await;
    let mut streams = run.streams.clone().unwrap();
    let indoors = contracts::streams_codec::StreamSet {
        time_s: (0..600).collect(),
        distance_dm: (0..600).map(|second| second * 27).collect(),
        cadence_rpm: vec![82; 600],
        ..Default::default()
    };
    app.store_streams(&streams.key, &indoors).await;
    streams.kinds = indoors.kinds().into_iter().map(str::to_owned).collect();

    app.publish_activities(&[&Run { streams: Some(streams), ..run }]).await;

    app.wait_for_state("done").await;
    let copy = app.strava.list_copies().await.remove(0);
    assert!(copy["external_id"].as_str().unwrap().split('.').next_back() == Some("tcx"), "{copy}");
    assert_eq!((&copy["has_gps"], &copy["distance_m"]), (&json!(false), &json!(1617.3)));
    app.stop().await;
}

#[tokio::test]
async fn what_cannot_be_copied_says_why() {
    for (reason, change) in [
        ("no-streams", (|run: Run| Run { manual: true, streams: None, ..run }) as fn(Run) -> Run),
        ("private", |run| Run { visibility: "only_me", ..run }),
    ] {
        let app = TestApp::start().await;
        app.create_link("Milla", false).await;
        app.publish_activities(&[&change(app.new_run("Run with Milla").await)]).await;

        assert_eq!(app.wait_for_state("skipped").await["reason"], reason);
        assert_eq!(app.strava.count_uploads().await, 0);
        app.stop().await;
    }
}

#[tokio::test]
async fn what_the_child_recorded_too_is_found_there_already() {
    let app = TestApp::start().await;
    app.create_link("Milla", false).await;
    let run = app.new_run("Run with Milla").await;
    let start = run.start.to_rfc3339();
    let own = json!({"athlete": CHILD_ID, "start_date": start, "distance": 5000.0, "silent": true});
    let own = app.strava.control("activities", own).await;

    app.publish_activities(&[&run]).await;

    let copy = app.wait_for_state("done").await;
    assert_eq!((&copy["reason"], &copy["strava_activity"]), (&json!("already-there"), &own["id"]));
    assert_eq!(app.strava.list_copies().await.len(), 0);
    app.stop().await;
}

#[tokio::test]
async fn a_refused_upload_keeps_stravas_error_text() {
    let app = TestApp::start().await;
    app.create_link("Milla", false).await;
    app.strava.control("uploads", json!({"error": "The <b>upload</b> is not to our taste."})).await;

    app.publish_activities(&[&app.new_run("Run with Milla").await]).await;

    let copy = app.wait_for_state("failed").await;
    assert_eq!(
        (&copy["reason"], &copy["detail"]),
        (&json!("refused"), &json!("The upload is not to our taste."))
    );
    assert_eq!(app.strava.count_uploads().await, 1);
    app.stop().await;
}

#[tokio::test]
async fn every_step_is_published_and_no_record_holds_a_position_or_title() {
    let app = TestApp::start().await;
    app.create_link("Milla", false).await;
    app.publish_activities(&[&app.new_run("Sentinel with Milla").await]).await;
    app.wait_for_state("done").await;
    app.wait_until_handled().await;

    let states = testkit::eventually(
        std::time::Duration::from_secs(5),
        "every step is published",
        async || {
            let entries = app.published(Topic::Journal).await;
            let states: Vec<_> =
                entries.iter().map(|envelope| format!("{:?}", envelope.payload)).collect();
            if states.iter().any(|state| state.contains("done")) { Ok(states) } else { Err(states) }
        },
    )
    .await;
    assert!(states.iter().any(|state| state.contains("waiting")), "{states:?}");
    for topic in [Topic::Journal, Topic::Copies] {
        for record in app.bus.read_all(topic).await.unwrap() {
            let text = String::from_utf8_lossy(&record.value);
            assert!(!text.contains("Sentinel") && !text.contains("47.3811"), "{text}");
        }
    }
    assert_eq!(app.leases.reports().len(), app.leases.requests().len(), "each lease is reported");
    app.stop().await;
}
