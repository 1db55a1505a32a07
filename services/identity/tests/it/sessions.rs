//! Signing in and out.

use std::time::Duration;

use secrecy::ExposeSecret;
use testkit::{TestDatabase, databases};

use crate::test_app::{PASSWORD, TestApp};

#[tokio::test]
async fn the_right_password_gets_a_token_that_names_the_athlete() {
    for database in databases().await {
        let app = TestApp::new(&database).await;
        let athlete = app.add_user("Ana@Example.org", false).await;

        let answer = app.sign_in(" ana@example.ORG", PASSWORD).await;

        assert_eq!(
            (answer.status, answer.body["expires_in"].as_i64()),
            (200, Some(3600)),
            "{}",
            database.engine()
        );
        let claims = app.verifier.verify(answer.token()).await.unwrap();
        assert_eq!(
            (claims.sub, claims.groups.as_slice()),
            (athlete, ["User".to_owned()].as_slice())
        );
        app.clock.advance(Duration::from_secs(3600 + 61));
        assert!(app.verifier.verify(answer.token()).await.is_err());
    }
}

#[tokio::test]
async fn the_session_cookie_is_out_of_reach_of_scripts_and_other_sites() {
    let database = TestDatabase::sqlite();
    let app = TestApp::with_target(database.target(), true).await;
    app.add_user("ana@example.org", false).await;

    let answer = app.sign_in("ana@example.org", PASSWORD).await;

    assert!(
        answer.cookie.starts_with(&format!("paceline_session={}", answer.token())),
        "{}",
        answer.cookie
    );
    for part in ["HttpOnly", "SameSite=Lax", "Secure", "Path=/", "Max-Age=3600"] {
        assert!(answer.cookie.contains(part), "{part} is missing in {}", answer.cookie);
    }
    let ended = app.delete("/v1/session", answer.token()).await;
    assert_eq!(ended.status, 204);
    assert!(
        ended.cookie.starts_with("paceline_session=;") && ended.cookie.contains("Max-Age=0"),
        "{}",
        ended.cookie
    );
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_address_get_the_same_answer() {
    let database = TestDatabase::sqlite();
    let app = TestApp::new(&database).await;
    app.add_user("ana@example.org", false).await;

    for (email, password) in [
        ("ana@example.org", "wrong"),
        ("nobody@example.org", PASSWORD),
        ("no address", PASSWORD),
        ("", ""),
    ] {
        let mut answer = app.sign_in(email, password).await;
        assert_eq!(
            (answer.status, answer.code(), answer.cookie.as_str()),
            (401, "wrong-credentials", ""),
            "{email}"
        );
        let body = answer.body.as_object_mut().unwrap();
        body.retain(|name, _| !["type", "title", "status", "instance"].contains(&name.as_str()));
        assert!(body.is_empty(), "nothing tells the cases apart: {body:?}");
    }
}

#[tokio::test]
async fn guessing_is_stopped_for_a_while_whether_there_is_an_account_or_not() {
    for database in databases().await {
        let app = TestApp::new(&database).await;
        app.add_user("ana@example.org", false).await;
        for email in ["ana@example.org", "nobody@example.org"] {
            for _ in 0..3 {
                assert_eq!(app.sign_in(email, "wrong").await.status, 401);
            }
            let locked = app.sign_in(email, PASSWORD).await;
            assert_eq!(
                (locked.status, locked.code(), locked.retry_after),
                (429, "too-many-attempts", true),
                "{email}"
            );
        }

        app.clock.advance(Duration::from_mins(5));

        assert_eq!(app.sign_in("nobody@example.org", PASSWORD).await.status, 401);
        assert_eq!(app.sign_in("ana@example.org", PASSWORD).await.status, 200);
        assert_eq!(
            app.sign_in("ana@example.org", "wrong").await.status,
            401,
            "the count starts anew"
        );
        assert_eq!(app.sign_in("ana@example.org", PASSWORD).await.status, 200);
    }
}

#[tokio::test]
async fn a_new_password_replaces_the_old_one_and_unlocks() {
    let database = TestDatabase::sqlite();
    let app = TestApp::new(&database).await;
    app.add_user("ana@example.org", false).await;
    for client in 1..8 {
        for _ in 0..20 {
            app.sign_in_from(client, "ana@example.org", "wrong").await;
        }
    }
    assert_eq!(app.sign_in("ana@example.org", PASSWORD).await.status, 429);
    let email = "ana@example.org".parse().unwrap();

    let generated = app.service.set_password(&email, None).await.unwrap();

    assert_eq!(app.sign_in("ana@example.org", PASSWORD).await.status, 401);
    assert_eq!(app.sign_in("ana@example.org", generated.expose_secret()).await.status, 200);
    let nobody = "nobody@example.org".parse().unwrap();
    assert!(app.service.set_password(&nobody, None).await.is_err());
    assert!(app.service.set_password(&email, Some("short".to_owned().into())).await.is_err());
}

#[tokio::test]
async fn one_client_locks_nobody_out_and_many_do_for_a_while_only() {
    for database in databases().await {
        let app = TestApp::new(&database).await;
        app.add_user("ana@example.org", false).await;
        for email in ["ana@example.org", "nobody@example.org"] {
            for (attempt, expected) in [(1, 401), (2, 401), (3, 401), (4, 429), (5, 429)] {
                let answer = app.sign_in_from(2, email, "wrong").await;
                assert_eq!(answer.status, expected, "{email}: attempt {attempt}");
            }
            let at_home = app.sign_in_from(3, email, "mistyped").await;
            assert_eq!(at_home.status, 401, "{email}: another client may go on");
        }
        assert_eq!(app.sign_in_from(3, "ana@example.org", PASSWORD).await.status, 200);

        for email in ["ana@example.org", "nobody@example.org"] {
            let mut answers = Vec::new();
            for client in 10..20 {
                answers.push(app.sign_in_from(client, email, "wrong").await.status);
            }
            assert!(answers.ends_with(&[429, 429]), "{email}: {answers:?}");
        }
        app.clock.advance(Duration::from_mins(5));
        assert_eq!(app.sign_in_from(2, "ana@example.org", PASSWORD).await.status, 200);
    }
}

#[tokio::test]
async fn an_overlong_password_is_wrong_without_counting() {
    let database = TestDatabase::sqlite();
    let app = TestApp::new(&database).await;
    app.add_user("ana@example.org", false).await;

    for email in ["ana@example.org", "nobody@example.org"] {
        for _ in 0..10 {
            let answer = app.sign_in(email, &"long".repeat(100)).await;
            assert_eq!((answer.status, answer.code()), (401, "wrong-credentials"), "{email}");
        }
    }

    assert_eq!(app.sign_in("ana@example.org", PASSWORD).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_guesses_at_once_no_more_are_checked_than_one_by_one() {
    for database in databases().await {
        let app = TestApp::new(&database).await;
        app.add_user("ana@example.org", false).await;
        for email in ["ana@example.org", "nobody@example.org"] {
            let guesses = (2..22).map(|client| app.sign_in_from(client, email, "wrong"));

            let answers = futures::future::join_all(guesses).await;

            let checked = answers.iter().filter(|answer| answer.status == 401).count();
            let refused = answers.iter().filter(|answer| answer.code() == "too-many-attempts");
            assert_eq!((checked, refused.count()), (6, 14), "{email} on {}", database.engine());
            assert_eq!(app.sign_in(email, PASSWORD).await.status, 429);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_sign_ins_is_refused_before_it_costs_anything() {
    let database = TestDatabase::sqlite();
    let app = TestApp::new(&database).await;
    app.add_user("ana@example.org", false).await;
    let strangers: Vec<_> = (0..300).map(|number| format!("{number}@example.org")).collect();

    let flood = strangers.iter().map(|email| app.sign_in(email, "wrong"));
    let answers = futures::future::join_all(flood).await;

    let busy = answers.iter().filter(|answer| answer.code() == "busy");
    assert!(busy.clone().all(|answer| answer.status == 429 && answer.retry_after));
    assert!(busy.count() > 0, "all 300 waited");
    assert_eq!(app.sign_in("ana@example.org", PASSWORD).await.status, 200, "it is over");
}
