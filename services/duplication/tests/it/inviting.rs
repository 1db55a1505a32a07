//! Invitations: nobody is linked by a guess, and nobody is asked again who has just declined.

use std::time::Duration;

use contracts::athletes::{Gone, athlete_changed::Change};
use duplication::Settings;
use serde_json::{Value, json};
use testkit::{TestDatabase, eventually};

use crate::test_app::{
    GRANTED, TestApp, TestResponse, child_invitation, new_athlete, quick_settings, redemption,
};

const INVITATIONS: &str = "/v1/links/invitations";
const DAY_S: i64 = 86_400;

fn guardian_invitation() -> Value {
    json!({"role": "guardian", "name": "Anna Parent", "names": ["Milla"], "share_heart_rate": true})
}

/// Status and code of a problem.
fn problem(response: &TestResponse) -> (u16, String) {
    let problem = response.json()["type"].as_str().unwrap_or_default().to_owned();
    (response.status, problem.rsplit('/').next().unwrap_or_default().to_owned())
}

fn wrong_code() -> (u16, String) {
    (404, "wrong-code".to_owned())
}

#[tokio::test]
async fn a_guardian_invites_says_the_terms_and_the_child_sees_them_before_it_accepts() {
    for database in testkit::databases().await {
        let app = TestApp::start_on(database).await;
        let code = app.invite(app.guardian, guardian_invitation()).await;

        let mut of_guardian = redemption(&code, &["Milla"]);
        let refused = app.redeem(app.child, of_guardian.clone()).await;
        assert_eq!(refused.json()["errors"][0]["field"], "names", "a child says no terms");
        of_guardian.as_object_mut().unwrap().remove("names");
        let link = app.redeem(app.child, of_guardian).await;
        assert_eq!(link.status, 201, "{link:?}");
        let link = link.json();
        for (field, value) in [
            ("guardian", json!(app.guardian)),
            ("child", json!(app.child)),
            ("guardian_name", json!("Anna Parent")),
            ("names", json!(["Milla"])),
            ("share_heart_rate", json!(true)),
            ("role", json!("child")),
            ("state", json!("pending")),
        ] {
            assert_eq!(link[field], value, "{field}");
        }
        app.accept_link(link["id"].as_str().unwrap().parse().unwrap()).await;
        app.publish_activities(&[&app.new_run("Run with Milla").await]).await;
        app.wait_for_state("done").await;
        app.stop().await;
    }
}

#[tokio::test]
async fn wrong_used_revoked_and_expired_codes_are_answered_alike() {
    let app = TestApp::start().await;
    let used = app.invite(app.child, child_invitation()).await;
    assert_eq!(app.redeem(app.guardian, redemption(&used, &["Milla"])).await.status, 201);
    let revoked = app.call("POST", INVITATIONS, app.child, Some(child_invitation())).await;
    let path = revoked.header("location").to_owned();
    assert_eq!(app.call("DELETE", &path, app.guardian, None).await.status, 404, "not the inviter");
    assert_eq!(app.call("DELETE", &path, app.child, None).await.status, 204);
    assert_eq!(app.call("DELETE", &path, app.child, None).await.status, 404);
    let revoked = revoked.json()["code"].as_str().unwrap().to_owned();
    app.clock.set_offset(-7 * DAY_S);
    let expired = app.invite(app.child, child_invitation()).await;
    app.clock.set_offset(0);

    let mut answers = Vec::new();
    for code in
        [&app.child.to_string(), "0123-4567-89ab-cdef-0123-4567", "", &used, &revoked, &expired]
    {
        let answer = app.redeem(new_athlete(), redemption(code, &["Milla"])).await;
        assert_eq!(problem(&answer), wrong_code(), "{code}");
        answers.push(answer.json()["detail"].clone());
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:?}");
    app.stop().await;
}

#[tokio::test]
async fn a_code_is_shown_once_and_stored_as_a_hash() {
    let app = TestApp::start().await;
    let code = app.invite(app.child, child_invitation()).await;
    let dump = app.dump().await;
    assert!(!dump.contains(&code) && !dump.contains(&code.replace('-', "")), "{dump}");

    let open = app.call("GET", INVITATIONS, app.child, None).await.json();
    assert_eq!(open["items"].as_array().unwrap().len(), 1);
    assert_eq!(
        (&open["items"][0]["role"], &open["items"][0]["code"]),
        (&json!("child"), &Value::Null)
    );
    let others = app.call("GET", INVITATIONS, app.guardian, None).await.json();
    assert_eq!(others["items"], json!([]));
    app.stop().await;
}

#[tokio::test]
async fn an_athlete_has_a_bounded_number_of_open_invitations() {
    let settings = Settings { max_invitations: 2, ..quick_settings() };
    let app = TestApp::start_with(TestDatabase::sqlite(), settings).await;
    app.clock.set_offset(-7 * DAY_S);
    app.invite(app.child, child_invitation()).await;
    app.clock.set_offset(0);
    app.invite(app.child, child_invitation()).await;
    app.invite(app.child, child_invitation()).await;
    let third = app.call("POST", INVITATIONS, app.child, Some(child_invitation())).await;
    assert_eq!(problem(&third), (409, "too-many-invitations".to_owned()));
    app.invite(app.guardian, guardian_invitation()).await;
    app.stop().await;
}

#[tokio::test]
async fn a_wrong_invitation_is_refused_naming_the_field() {
    let app = TestApp::start().await;
    for (field, body) in [
        ("role", json!({"role": "parent", "name": "A"})),
        ("name", json!({"role": "child", "name": "..."})),
        ("names", json!({"role": "guardian", "name": "A"})),
        ("names", json!({"role": "child", "name": "A", "names": ["Milla"]})),
        ("share_heart_rate", json!({"role": "child", "name": "A", "share_heart_rate": true})),
    ] {
        let refused = app.call("POST", INVITATIONS, app.child, Some(body)).await;
        assert_eq!((refused.status, &refused.json()["errors"][0]["field"]), (422, &json!(field)));
    }
    app.stop().await;
}

#[tokio::test]
async fn a_caller_with_too_many_wrong_codes_has_to_wait_even_with_the_right_one() {
    let app = TestApp::start().await;
    let code = app.invite(app.child, child_invitation()).await;
    for _ in 0..10 {
        let guess = app.redeem(app.guardian, redemption("guess", &["Milla"])).await;
        assert_eq!(problem(&guess), wrong_code());
    }
    let locked_out = app.redeem(app.guardian, redemption(&code, &["Milla"])).await;
    assert_eq!(problem(&locked_out), (429, "too-many-attempts".to_owned()));
    assert!(!locked_out.header("retry-after").is_empty());
    app.advance_clock(3600);
    assert_eq!(app.redeem(app.guardian, redemption(&code, &["Milla"])).await.status, 201);
    app.stop().await;
}

#[tokio::test]
async fn two_people_are_not_linked_again_soon_after_the_child_declined() {
    let app = TestApp::start().await;
    let link = app.propose_link("Milla", false).await;
    app.call("DELETE", &format!("/v1/links/{link}"), app.guardian, None).await;
    let link = app.propose_link("Milla", false).await;
    app.call("DELETE", &format!("/v1/links/{link}"), app.child, None).await;

    let code = app.invite(app.guardian, guardian_invitation()).await;
    let redeem = async || {
        let body = json!({"code": code, "name": "Milla Kid"});
        app.redeem(app.child, body).await
    };
    assert_eq!(problem(&redeem().await), (409, "link-declined".to_owned()));
    let roles_changed = app.invite(app.guardian, child_invitation()).await;
    let roles_changed = app.redeem(app.child, redemption(&roles_changed, &["Anna"])).await;
    assert_eq!(problem(&roles_changed), (409, "link-declined".to_owned()));
    app.advance_clock(7 * DAY_S - 60);
    assert_eq!(problem(&redeem().await), (409, "link-declined".to_owned()));
    app.advance_clock(120);
    let code = app.invite(app.child, child_invitation()).await;
    assert_eq!(app.redeem(app.guardian, redemption(&code, &["Milla"])).await.status, 201);
    app.stop().await;
}

#[tokio::test]
async fn ended_and_unanswered_links_and_expired_invitations_are_deleted_in_the_end() {
    for database in testkit::databases().await {
        let settings = Settings { prune_every_s: 1, ..quick_settings() };
        let app = TestApp::start_with(database, settings).await;
        let ended = app.create_link("Milla", false).await;
        app.call("DELETE", &format!("/v1/links/{ended}"), app.child, None).await;
        app.propose_link("Milla", false).await;
        let (other, another) = (new_athlete(), new_athlete());
        let code = app.invite(other, child_invitation()).await;
        let kept = app.redeem(another, redemption(&code, &["Max"])).await.json();
        let accept = format!("/v1/links/{}/accept", kept["id"].as_str().unwrap());
        assert_eq!(app.call("POST", &accept, other, None).await.status, 200);
        app.invite(app.child, child_invitation()).await;

        let rows =
            "SELECT (SELECT COUNT(*) FROM link) * 10 + (SELECT COUNT(*) FROM link_invitation)";
        assert_eq!(app.query_number(rows).await, 31);
        app.advance_clock(91 * DAY_S);
        eventually(Duration::from_secs(20), "only the accepted link is left", async || {
            match app.query_number(rows).await {
                10 => Ok(()),
                other => Err(other),
            }
        })
        .await;
        app.stop().await;
    }
}

#[tokio::test]
async fn an_account_that_is_gone_leaves_no_invitation() {
    let app = TestApp::start().await;
    let code = app.invite(app.child, child_invitation()).await;
    app.publish_athlete_change(app.child, 5, Change::Gone(Gone {})).await;

    assert_eq!(app.query_number("SELECT COUNT(*) FROM link_invitation").await, 0);
    let answer = app.redeem(app.guardian, redemption(&code, &["Milla"])).await;
    assert_eq!(problem(&answer), wrong_code());
    let late = app.call("POST", INVITATIONS, app.child, Some(child_invitation())).await;
    assert_eq!(late.status, 401);
    app.stop().await;
}

#[tokio::test]
async fn an_accepted_link_says_that_write_access_is_missing_and_what_to_do() {
    let app = TestApp::start().await;
    app.publish_connection(app.child, 2, &["read", "activity:read_all"]).await;
    let link = format!("/v1/links/{}", app.propose_link("Milla", false).await);
    let pending = app.call("GET", &link, app.guardian, None).await.json();
    assert_eq!(pending["obstacle"], Value::Null, "a proposal tells nothing of the child");

    let accepted = app.call("POST", &format!("{link}/accept"), app.child, None).await.json();
    let obstacle = &accepted["obstacle"];
    assert_eq!(obstacle["reason"], "scope-missing");
    assert!(obstacle["detail"].as_str().unwrap().starts_with("write access missing"));
    assert_eq!(obstacle["connect_url"], "/strava/authorize?write=1");
    let before = app.call("GET", &link, app.guardian, None).await;
    assert_eq!(before.json()["obstacle"]["reason"], "scope-missing");
    assert_eq!(
        before.json()["obstacle"]["connect_url"],
        Value::Null,
        "not the guardian's to grant"
    );
    let listed = app.call("GET", "/v1/links", app.child, None).await.json();
    assert_eq!(&listed["items"][0], &accepted);

    app.publish_connection(app.child, 3, &GRANTED).await;
    let after = app.call("GET", &link, app.guardian, None).await;
    assert_eq!(after.json()["obstacle"], Value::Null);
    assert_ne!(after.header("etag"), before.header("etag"));
    let listed = app.call("GET", "/v1/links", app.guardian, None).await.json();
    assert_eq!(listed["items"][0]["obstacle"], Value::Null);
    app.stop().await;
}
