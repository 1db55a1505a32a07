//! Paceline under a path of a host, behind a proxy that keeps the prefix or strips it.

use reqwest::StatusCode;
use serde_json::{Value, json};
use strava_sim::GUARDIAN_ID;
use testkit::eventually;

use crate::test_app::{Setup, TIMEOUT, TestApp, TestUser};

const PREFIX: &str = "/paceline";

/// The address that a proxy makes of one that a browser opens.
type Proxy = fn(&str) -> String;

async fn start() -> TestApp {
    let mut app = TestApp::new(Setup { reachable: false, ..Setup::default() }).await;
    let public = format!("{}{PREFIX}/", app.base);
    app.settings.push(("PACELINE_SERVER__PUBLIC_URL".to_owned(), public));
    app.up(&[]).await;
    app
}

/// Connects as a browser does: with the cookie, through the redirects.
async fn connect_in_a_browser(app: &TestApp, user: &TestUser, proxy: Proxy) -> String {
    app.sim_post("consent", &json!({"mode": "grant", "athlete": user.strava})).await;
    let mut cookies = format!("paceline_session={}", user.token);
    let mut next = format!("{}{PREFIX}/strava/authorize", app.base);
    for _ in 0..5 {
        let request = app.http.get(proxy(&next)).header("cookie", &cookies);
        let answer = request.send().await.unwrap();
        for cookie in answer.headers().get_all("set-cookie") {
            let cookie = cookie.to_str().unwrap().split(';').next().unwrap().to_owned();
            cookies = format!("{cookies}; {cookie}");
        }
        let location = answer.headers().get("location").map(|to| to.to_str().unwrap().to_owned());
        let Some(location) = location else { return format!("{next}: {}", answer.status()) };
        next = location;
        if next.contains("strava=") {
            return next;
        }
    }
    "too many redirects".to_owned()
}

async fn works_behind(proxy: Proxy) {
    let mut app = start().await;
    let user = app.user("Ana", GUARDIAN_ID).await;
    let public = format!("{}{PREFIX}", app.base);
    let get =
        async |path: &str| app.http.get(proxy(&format!("{public}{path}"))).send().await.unwrap();

    let ended = connect_in_a_browser(&app, &user, proxy).await;
    assert!(ended.starts_with(&format!("{public}/?strava=success")), "{ended}");
    let home = get("/").await.text().await.unwrap();
    assert!(home.contains("href=\"docs/\""), "{home}");
    assert_eq!(get("/docs/").await.status(), StatusCode::OK);
    let script = get("/docs/swagger-initializer.js").await.text().await.unwrap();
    assert!(script.contains("../openapi.json"), "{script}");
    let description: Value = get("/openapi.json").await.json().await.unwrap();
    assert_eq!(description["servers"], json!([{"url": PREFIX}]));

    let invited = json!({"role": "guardian", "name": "Ana", "names": ["Milla"]});
    let invite = app.http.post(proxy(&format!("{public}/v1/links/invitations")));
    let invited = invite.bearer_auth(&user.token).json(&invited).send().await.unwrap();
    assert_eq!(invited.status(), StatusCode::CREATED);
    if let Some(location) = invited.headers().get("location") {
        assert!(location.to_str().unwrap().starts_with("/paceline/v1/"), "{location:?}");
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_works_behind_a_proxy_that_keeps_the_prefix_and_strava_reaches_it() {
    works_behind(str::to_owned).await;

    let mut app = start().await;
    let user = app.user("Ana", GUARDIAN_ID).await;
    user.connect(&app).await;
    user.assert_totals_match(&app).await;
    eventually(TIMEOUT, "Strava knows where we are", async || {
        let all = app.sim_get("webhooks/subscriptions").await;
        let callback = all[0]["callback_url"].as_str().unwrap_or_default().to_owned();
        let ours = callback.starts_with(&format!("{}{PREFIX}/webhook/", app.base));
        if ours { Ok(()) } else { Err(all) }
    })
    .await;
    app.record(GUARDIAN_ID, "Told by the webhook").await;
    user.assert_totals_match(&app).await;
    let bare = app.http.get(format!("{}{PREFIX}", app.base)).send().await.unwrap();
    assert_eq!(bare.headers()["location"], "/paceline/");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_works_behind_a_proxy_that_strips_the_prefix() {
    works_behind(|address| address.replacen("/paceline", "", 1)).await;
}
