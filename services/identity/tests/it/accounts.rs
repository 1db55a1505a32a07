//! Accounts, from the command line and by administrators.

use identity::{AddUser, AddUserError, RemoveUserError};
use secrecy::ExposeSecret;
use serde_json::json;
use testkit::{TestDatabase, databases};

use crate::test_app::{PASSWORD, TestApp};

#[tokio::test]
async fn an_address_has_one_account_in_whatever_case_it_is_written() {
    for database in databases().await {
        let app = TestApp::new(&database).await;
        app.add_user("ana@example.org", false).await;

        let command = AddUser { email: "ANA@example.org".to_owned(), admin: true, password: None };
        let second = app.service.add_user(command).await;

        assert!(
            matches!(second, Err(AddUserError::Exists(_))),
            "{}: {second:?}",
            database.engine()
        );
        assert_eq!(app.service.users().await.unwrap().len(), 1);
    }
}

#[tokio::test]
async fn a_generated_password_works_and_is_stored_nowhere() {
    for database in databases().await {
        let app = TestApp::new(&database).await;
        let command = AddUser { email: "ana@example.org".to_owned(), admin: false, password: None };

        let (account, password) = app.service.add_user(command).await.unwrap();

        let password = password.expose_secret();
        assert_eq!(app.sign_in(&account.email, password).await.status, 200);
        let stored = String::from_utf8_lossy(&database.bytes().await).into_owned();
        assert!(stored.contains("$argon2id$") && !stored.contains(password));
    }
}

#[tokio::test]
async fn an_administrator_lists_adds_and_removes_accounts() {
    let database = TestDatabase::sqlite();
    let app = TestApp::new(&database).await;
    app.add_user("admin@example.org", true).await;
    let token = app.sign_in("admin@example.org", PASSWORD).await.token().to_owned();

    let added = app.post("/v1/admin/users", &token, json!({"email": "Ben@example.org"})).await;
    assert_eq!((added.status, added.body["email"].as_str()), (201, Some("ben@example.org")));
    let password = added.body["password"].as_str().unwrap();
    assert_eq!(app.sign_in("ben@example.org", password).await.status, 200);

    let listed = app.get("/v1/admin/users", &token).await;
    let emails: Vec<_> = listed
        .body
        .as_array()
        .unwrap()
        .iter()
        .map(|user| user["email"].as_str().unwrap())
        .collect();
    assert_eq!(emails, ["admin@example.org", "ben@example.org"]);
    assert!(listed.body.to_string().find("password").is_none(), "{}", listed.body);

    assert_eq!(
        app.post("/v1/admin/users", &token, json!({"email": "ben@example.org"})).await.code(),
        "email-taken"
    );
    let wrong = app.post("/v1/admin/users", &token, json!({"email": "ben"})).await;
    assert_eq!((wrong.status, wrong.body["errors"][0]["field"].as_str()), (422, Some("email")));

    assert_eq!(app.delete("/v1/admin/users/ben@example.org", &token).await.status, 204);
    assert_eq!(app.delete("/v1/admin/users/ben@example.org", &token).await.status, 404);
    assert_eq!(app.sign_in("ben@example.org", password).await.status, 401);
}

#[tokio::test]
async fn nobody_else_administers_accounts() {
    let database = TestDatabase::sqlite();
    let app = TestApp::new(&database).await;
    app.add_user("ana@example.org", false).await;
    let token = app.sign_in("ana@example.org", PASSWORD).await.token().to_owned();

    assert_eq!(app.get("/v1/admin/users", &token).await.status, 403);
    assert_eq!(
        app.post("/v1/admin/users", &token, json!({"email": "x@example.org", "admin": true}))
            .await
            .status,
        403
    );
    assert_eq!(app.delete("/v1/admin/users/ana@example.org", &token).await.status, 403);
    assert_eq!(app.get("/v1/admin/users", "nonsense").await.status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_administrator_stays_also_when_two_remove_each_other() {
    for database in databases().await {
        let app = TestApp::new(&database).await;
        for round in 0..10 {
            let names = ["ana", "ben"].map(|name| format!("{name}{round}@example.org"));
            for name in &names {
                app.add_user(name, true).await;
            }
            let emails = names.clone().map(|name| name.parse().unwrap());

            let [first, second] = &emails;
            let removed = futures::future::join(
                app.service.remove_user(first),
                app.service.remove_user(second),
            )
            .await;

            let outcomes = [removed.0, removed.1];
            let refused =
                outcomes.iter().filter(|it| matches!(it, Err(RemoveUserError::LastAdmin)));
            assert_eq!(refused.count(), 1, "{}: {outcomes:?}", database.engine());
            let left = app.service.users().await.unwrap().remove(0).email;
            // The next pair begins without a third one.
            app.add_user("third@example.org", true).await;
            assert!(app.service.remove_user(&left.parse().unwrap()).await.unwrap());
            database.execute("DELETE FROM account").await;
        }
        app.add_user("admin@example.org", true).await;
        let token = app.sign_in("admin@example.org", PASSWORD).await.token().to_owned();
        let refused = app.delete("/v1/admin/users/admin@example.org", &token).await;
        assert_eq!((refused.status, refused.code()), (409, "last-admin"));
    }
}
