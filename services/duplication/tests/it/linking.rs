//! Permissions on links.

use serde_json::{Value, json};

use crate::test_app::{TestApp, child_invitation, new_athlete, redemption};
use service_kit::Service as _;

#[tokio::test]
async fn a_guardian_proposes_the_child_accepts_and_both_see_it() {
    for database in testkit::databases().await {
        let app = TestApp::start_on(database).await;
        let code = app.invite(app.child, child_invitation()).await;
        let body = redemption(&code, &[" Milla ", "MILLA", "Mimi"]);
        let proposed = app.redeem(app.guardian, body).await;
        assert_eq!(proposed.status, 201);
        let path = proposed.header("location").to_owned();
        let link = proposed.json();
        assert_eq!(path, format!("/v1/links/{}", link["id"].as_str().unwrap()));
        assert_eq!((&link["state"], &link["role"]), (&json!("pending"), &json!("guardian")));
        assert_eq!(
            (&link["names"], &link["share_heart_rate"]),
            (&json!(["Milla", "Mimi"]), &json!(false))
        );

        let early = app.call("POST", &format!("{path}/accept"), app.guardian, None).await;
        assert_eq!(
            (early.status, early.json()["type"].as_str()),
            (403, Some("https://paceline.dev/problems/not-the-child"))
        );
        let accepted = app.call("POST", &format!("{path}/accept"), app.child, None).await.json();
        assert_eq!((&accepted["state"], &accepted["role"]), (&json!("accepted"), &json!("child")));
        let again = app.call("POST", &format!("{path}/accept"), app.child, None).await.json();
        assert_eq!(
            again["accepted_at"], accepted["accepted_at"],
            "accepting again changes nothing"
        );

        for (athlete, role) in [(app.guardian, "guardian"), (app.child, "child")] {
            let mine = app.call("GET", "/v1/links", athlete, None).await.json();
            assert_eq!(mine["items"][0]["role"], role);
            assert_eq!(mine["items"][0]["guardian_name"], "Anna Parent");
            assert_eq!(mine["items"][0]["child_name"], "Milla Kid");
            let one = app.call("GET", &path, athlete, None).await;
            assert_eq!(
                (one.json()["role"].as_str(), one.header("etag").is_empty()),
                (Some(role), false)
            );
        }
        assert_eq!(app.call("DELETE", &path, app.child, None).await.status, 204);
        assert_eq!(app.call("GET", &path, app.guardian, None).await.status, 404);
        app.propose_link("Milla", false).await;
        app.stop().await;
    }
}

#[tokio::test]
async fn another_persons_link_or_copy_is_not_there() {
    let app = TestApp::start().await;
    let link = app.create_link("Milla", false).await;
    app.publish_activities(&[&app.new_run("Run with Milla").await]).await;
    let copy = app.wait_for_state("done").await;
    let copy = format!("/v1/copies/{}", copy["id"].as_str().unwrap());
    let stranger = new_athlete();

    let link = format!("/v1/links/{link}");
    for (method, path) in [
        ("GET", link.clone()),
        ("DELETE", link.clone()),
        ("POST", format!("{link}/accept")),
        ("GET", copy.clone()),
        ("GET", "/v1/links/not-an-id".to_owned()),
    ] {
        assert_eq!(app.call(method, &path, stranger, None).await.status, 404, "{method} {path}");
    }
    assert_eq!(app.call("GET", "/v1/links", stranger, None).await.json()["items"], json!([]));
    assert_eq!(app.call("GET", "/v1/copies", stranger, None).await.json()["items"], json!([]));
    for athlete in [app.guardian, app.child] {
        assert_eq!(app.call("GET", &copy, athlete, None).await.status, 200);
    }
    app.stop().await;
}

#[tokio::test]
async fn a_wrong_link_is_refused_naming_the_field_and_uses_up_no_code() {
    let app = TestApp::start().await;
    let code = app.invite(app.child, child_invitation()).await;
    let field = async |body: Value| {
        let response = app.redeem(app.guardian, body).await;
        let field = response.json()["errors"][0]["field"].as_str().unwrap_or_default().to_owned();
        (response.status, field)
    };
    for names in [&[][..], &["x".repeat(81).as_str()], &["x"; 21], &["...", "Milla"]] {
        assert_eq!(field(redemption(&code, names)).await, (422, "names".to_owned()));
    }
    let mut nameless = redemption(&code, &["Milla"]);
    nameless["name"] = json!(" ");
    assert_eq!(field(nameless).await, (422, "name".to_owned()));
    let own = app.redeem(app.child, redemption(&code, &["Milla"])).await;
    assert_eq!((own.status, own.json()["errors"][0]["field"].as_str()), (422, Some("code")));
    assert_eq!(app.redeem(app.guardian, redemption(&code, &["Milla"])).await.status, 201);

    let second = app.invite(app.child, child_invitation()).await;
    let twice = app.redeem(app.guardian, redemption(&second, &["M"])).await;
    assert_eq!(
        (twice.status, twice.json()["type"].as_str()),
        (409, Some("https://paceline.dev/problems/link-exists"))
    );
    app.stop().await;
}

#[tokio::test]
async fn names_can_be_tried_on_a_title() {
    let app = TestApp::start().await;
    let body = json!({"names": ["Ann", "Milla"], "title": "Annual run without MILLA"});
    let tried = app.call("POST", "/v1/rules/test", app.guardian, Some(body)).await.json();
    assert_eq!(tried, json!({"matches": true, "name": "Milla"}));
    app.stop().await;
}

#[tokio::test]
async fn copies_come_in_pages() {
    let app = TestApp::start().await;
    app.create_link("Milla", false).await;
    for _ in 0..3 {
        let run = app.new_run("Run with Milla").await.without_streams();
        app.publish_activities(&[&run]).await;
    }
    let first = app.call("GET", "/v1/copies?limit=2", app.guardian, None).await;
    let (page, link) = (first.json(), first.header("link").to_owned());
    assert_eq!(page["items"].as_array().unwrap().len(), 2);
    let next = link.trim_start_matches('<').split('>').next().unwrap();
    let second = app.call("GET", next, app.guardian, None).await.json();
    assert_eq!(second["items"].as_array().unwrap().len(), 1);
    assert_ne!(second["items"][0]["id"], page["items"][1]["id"]);
    assert_eq!(app.call("GET", "/v1/copies?limit=0", app.guardian, None).await.status, 422);
    app.stop().await;
}

#[tokio::test]
async fn the_description_names_every_route() {
    let description = serde_json::to_value(duplication::Service::openapi()).unwrap();
    let paths: Vec<&String> = description["paths"].as_object().unwrap().keys().collect();
    assert_eq!(
        paths,
        [
            "/v1/copies",
            "/v1/copies/{id}",
            "/v1/links",
            "/v1/links/invitations",
            "/v1/links/invitations/{id}",
            "/v1/links/{id}",
            "/v1/links/{id}/accept",
            "/v1/rules/test"
        ]
    );
}
