//! What is copied, what is not, and what the copy holds.

use contracts::{Cause, Topic};
use kernel::Timestamp;
use serde_json::json;
use strava_sim::CHILD_ID;

use crate::world::{Run, World, new_athlete};

#[tokio::test]
async fn the_copy_is_made_once_however_often_the_event_comes() {
    for database in testkit::databases().await {
        let world = World::on(database).await;
        let link = world.link("Milla", false).await;
        let run = world.run("Evening run with Milla").await;
        let later = run.revised(2);

        world.tell(&[&run, &run, &later, &run, &later]).await;
        let copy = world.copy_that_is("done").await;
        world.tell(&[&run, &later, &run.revised(3)]).await;

        let copies = world.strava.copies().await;
        assert_eq!((copies.len(), world.strava.uploads().await), (1, 1), "{copies:?}");
        assert_eq!(copies[0]["name"], "Evening run with Milla");
        assert_eq!(copies[0]["sport_type"], "Run");
        let mark = format!("paceline-{link}-{}.gpx", run.activity);
        assert_eq!(copies[0]["external_id"], mark.as_str());
        assert_eq!(copy["strava_activity"], copies[0]["id"]);
        assert_eq!(copy["strava_activity_str"], copies[0]["id"].to_string());
        world.end().await;
    }
}

#[tokio::test]
async fn a_connect_with_ten_matching_years_makes_none() {
    let world = World::new().await;
    world.link("Milla", false).await;
    let recent = world.run("Run with Milla").await;
    let year = 365 * 24 * 3600;
    let mut history = Vec::new();
    for back in 1..=10 {
        let old = Run {
            start: Timestamp::from_secs(recent.start.as_secs() - back * year),
            ..world.run("Run with Milla").await
        };
        history.push(old.caused(Cause::Backfill));
        history.push(Run { activity: recent.activity, ..old.caused(Cause::Sweep).revised(back) });
    }
    history.push(recent.caused(Cause::Backfill).revised(20));
    history.push(recent.caused(Cause::Import).revised(21));

    world.tell(&history.iter().collect::<Vec<_>>()).await;

    assert_eq!(world.copies().await.len(), 0);
    assert_eq!(world.strava.uploads().await, 0);
    world.end().await;
}

#[tokio::test]
async fn what_the_sweep_finds_is_copied_like_what_the_webhook_told() {
    let world = World::new().await;
    world.link("Milla", false).await;
    let run = world.run("milla's run").await;

    world.tell(&[&run.caused(Cause::Sweep)]).await;

    world.copy_that_is("done").await;
    world.end().await;
}

#[tokio::test]
async fn nothing_is_copied_before_the_child_agrees_nor_under_another_name() {
    let world = World::new().await;
    let link = world.propose("Ann", false).await;
    let run = world.run("Run with Ann").await;
    world.tell(&[&run]).await;
    assert_eq!(world.copies().await.len(), 0);

    world.accept(link).await;
    world.tell(&[&world.run("Annual club run").await]).await;

    assert_eq!(world.copies().await.len(), 0);
    assert_eq!(world.strava.uploads().await, 0);
    world.end().await;
}

#[tokio::test]
async fn a_title_edited_later_so_that_it_matches_is_copied_too() {
    let world = World::new().await;
    world.link("Milla", false).await;
    let run = world.run("Morning Run").await;
    world.tell(&[&run]).await;
    assert_eq!(world.copies().await.len(), 0);

    world.tell(&[&run.named("Morning run with Milla").revised(2)]).await;

    assert_eq!(world.copy_that_is("done").await["name"], "Morning run with Milla");
    world.end().await;
}

#[tokio::test]
async fn a_late_older_revision_with_the_name_copies_nothing() {
    let world = World::new().await;
    world.link("Milla", false).await;
    let run = world.run("Run with Milla").await;

    world.tell(&[&run.named("Run alone").revised(2), &run.revised(1)]).await;

    assert_eq!(world.copies().await.len(), 0);
    world.end().await;
}

#[tokio::test]
async fn a_copy_is_not_copied() {
    let world = World::new().await;
    world.link("Milla", false).await;
    // The child is a guardian too: of somebody whose name stands in the same titles.
    let body = json!({"child": new_athlete(), "names": ["Milla"]});
    let link = world.call("POST", "/v1/links", world.child, Some(body)).await.json();
    let third = link["child"].as_str().unwrap().parse().unwrap();
    world.clock.set_offset(-7200);
    let path = format!("/v1/links/{}/accept", link["id"].as_str().unwrap());
    assert_eq!(world.call("POST", &path, third, None).await.status, 200);
    world.clock.set_offset(0);
    let run = world.run("Run with Milla").await;
    world.tell(&[&run]).await;
    let made = world.copy_that_is("done").await["strava_activity"].as_i64().unwrap();

    let marked = Run {
        athlete: world.child,
        external_id: "paceline-a-b.gpx".to_owned(),
        ..world.run("Run with Milla").await
    };
    let known =
        Run { athlete: world.child, strava_activity: made, ..world.run("Run with Milla").await };
    world.tell(&[&marked, &known]).await;
    let theirs = world.call("GET", "/v1/copies", third, None).await.json();
    assert_eq!(theirs["items"], json!([]));

    let own = Run { athlete: world.child, ..world.run("Run with Milla").await };
    world.tell(&[&own]).await;
    let theirs = world.call("GET", "/v1/copies", third, None).await.json();
    assert_eq!(
        theirs["items"].as_array().unwrap().len(),
        1,
        "a run of the child's own is another matter"
    );
    world.end().await;
}

#[tokio::test]
async fn heart_rate_travels_only_where_it_was_shared() {
    for shared in [false, true] {
        let world = World::new().await;
        world.link("Milla", shared).await;
        world.tell(&[&world.run("Run with Milla").await]).await;
        let copy = world.copy_that_is("done").await["strava_activity"].as_i64().unwrap();

        let token = world.strava.child_token().await;
        let keys = "time,distance,latlng,altitude,heartrate,cadence";
        let path = format!("/activities/{copy}/streams?keys={keys}&key_by_type=true");
        let streams = world.strava.api(&token, &path).await;

        assert_eq!(streams.get("heartrate").is_some(), shared, "{streams}");
        assert_eq!(streams["cadence"]["data"][0], 80);
        assert_eq!(streams["latlng"]["original_size"], 300);
        assert_eq!(streams["latlng"]["data"][0], json!([47.381111, 8.542222]));
        assert_eq!(streams["distance"]["data"][299], 837.2);
        world.end().await;
    }
}

#[tokio::test]
async fn an_indoor_activity_travels_as_tcx() {
    let world = World::new().await;
    world.link("Milla", false).await;
    let run = world.run("Treadmill with Milla").await;
    let mut streams = run.streams.clone().unwrap();
    let indoors = contracts::streams_codec::StreamSet {
        time_s: (0..600).collect(),
        distance_dm: (0..600).map(|second| second * 27).collect(),
        cadence_rpm: vec![82; 600],
        ..Default::default()
    };
    world.store(&streams.key, &indoors).await;
    streams.kinds = indoors.kinds().into_iter().map(str::to_owned).collect();

    world.tell(&[&Run { streams: Some(streams), ..run }]).await;

    world.copy_that_is("done").await;
    let copy = world.strava.copies().await.remove(0);
    assert!(copy["external_id"].as_str().unwrap().split('.').next_back() == Some("tcx"), "{copy}");
    assert_eq!((&copy["has_gps"], &copy["distance_m"]), (&json!(false), &json!(1617.3)));
    world.end().await;
}

#[tokio::test]
async fn what_cannot_be_copied_says_why() {
    for (reason, change) in [
        ("no-streams", (|run: Run| Run { manual: true, streams: None, ..run }) as fn(Run) -> Run),
        ("private", |run| Run { visibility: "only_me", ..run }),
    ] {
        let world = World::new().await;
        world.link("Milla", false).await;
        world.tell(&[&change(world.run("Run with Milla").await)]).await;

        assert_eq!(world.copy_that_is("skipped").await["reason"], reason);
        assert_eq!(world.strava.uploads().await, 0);
        world.end().await;
    }
}

#[tokio::test]
async fn what_the_child_recorded_too_is_found_there_already() {
    let world = World::new().await;
    world.link("Milla", false).await;
    let run = world.run("Run with Milla").await;
    let start = run.start.to_rfc3339();
    let own = json!({"athlete": CHILD_ID, "start_date": start, "distance": 5000.0, "silent": true});
    let own = world.strava.post("activities", own).await;

    world.tell(&[&run]).await;

    let copy = world.copy_that_is("done").await;
    assert_eq!((&copy["reason"], &copy["strava_activity"]), (&json!("already-there"), &own["id"]));
    assert_eq!(world.strava.copies().await.len(), 0);
    world.end().await;
}

#[tokio::test]
async fn what_strava_refuses_is_told_in_stravas_words() {
    let world = World::new().await;
    world.link("Milla", false).await;
    world.strava.post("uploads", json!({"error": "The <b>upload</b> is not to our taste."})).await;

    world.tell(&[&world.run("Run with Milla").await]).await;

    let copy = world.copy_that_is("failed").await;
    assert_eq!(
        (&copy["reason"], &copy["detail"]),
        (&json!("refused"), &json!("The upload is not to our taste."))
    );
    assert_eq!(world.strava.uploads().await, 1);
    world.end().await;
}

#[tokio::test]
async fn every_step_is_told_and_no_record_holds_a_position_or_a_title() {
    let world = World::new().await;
    world.link("Milla", false).await;
    world.tell(&[&world.run("Sentinel with Milla").await]).await;
    world.copy_that_is("done").await;
    world.heard().await;

    let states =
        testkit::eventually(std::time::Duration::from_secs(5), "all is told", async || {
            let told = world.told(Topic::Journal).await;
            let states: Vec<_> =
                told.iter().map(|envelope| format!("{:?}", envelope.payload)).collect();
            if states.iter().any(|state| state.contains("done")) { Ok(states) } else { Err(states) }
        })
        .await;
    assert!(states.iter().any(|state| state.contains("waiting")), "{states:?}");
    for topic in [Topic::Journal, Topic::Copies] {
        for record in world.bus.read_all(topic).await.unwrap() {
            let text = String::from_utf8_lossy(&record.value);
            assert!(!text.contains("Sentinel") && !text.contains("47.3811"), "{text}");
        }
    }
    assert_eq!(world.leases.reports().len(), world.leases.asked().len(), "each lease is reported");
    world.end().await;
}
