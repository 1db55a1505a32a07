//! The client with the simulator: every call once, and every kind of error.

use std::time::Duration;

use kernel::{ApplicationId, StravaActivityId};
use serde_json::{Value, json};
use strava_client::{
    AccessToken, AppCredentials, Client, ErrorKind, ListQuery, StravaError, Streams, Upload,
    UploadOutcome, WindowCounts,
};
use strava_sim::{GUARDIAN_ID, Options, Simulator};
use url::Url;

struct TestApp {
    sim: Simulator,
    client: Client,
    http: reqwest::Client,
    credentials: AppCredentials,
}

impl TestApp {
    async fn new() -> Self {
        let sim = Simulator::start(Options { instant: true, ..Options::default() }).await.unwrap();
        let http =
            reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        let client = Client::new(&Url::parse(&sim.url()).unwrap(), http.clone()).unwrap();
        let credentials = AppCredentials {
            client_id: ApplicationId::new(1),
            client_secret: "sim-secret".to_owned().into(),
        };
        Self { sim, client, http, credentials }
    }

    async fn configure(&self, setting: &str, value: Value) {
        let url = format!("{}/_sim/{setting}", self.sim.url());
        let response = self.http.post(url).json(&value).send().await.unwrap();
        assert!(response.status().is_success(), "{setting}: {}", response.text().await.unwrap());
    }

    async fn authorize(&self) -> String {
        let callback = Url::parse("http://localhost/back?x=1&y=2").unwrap();
        let scopes = ["read", "activity:read_all", "activity:write"];
        let mut page =
            self.client.authorize_url(self.credentials.client_id, &callback, &scopes, "a state/+");
        page.query_pairs_mut().append_pair("athlete", &GUARDIAN_ID.to_string());
        let response = self.http.get(page).send().await.unwrap();
        let location = Url::parse(response.headers()["location"].to_str().unwrap()).unwrap();
        let pair = |name: &str| {
            location
                .query_pairs()
                .find(|(key, _)| key == name)
                .map(|(_, value)| value.into_owned())
                .unwrap()
        };
        assert_eq!((pair("state"), pair("y")), ("a state/+".to_owned(), "2".to_owned()));
        pair("code")
    }

    async fn fetch_token(&self) -> AccessToken {
        let code = self.authorize().await;
        self.client.exchange_code(&self.credentials, &code).await.unwrap().body.access_token
    }
}

#[tokio::test]
async fn tokens_are_exchanged_refreshed_and_revoked() {
    let app = TestApp::new().await;
    let exchanged =
        app.client.exchange_code(&app.credentials, &app.authorize().await).await.unwrap();
    assert_eq!(exchanged.body.athlete.id.get(), GUARDIAN_ID);
    assert_eq!(
        exchanged.body.scopes.as_deref().unwrap(),
        ["read", "activity:read_all", "activity:write"]
    );
    let refreshed = app
        .client
        .refresh_tokens(&app.credentials, &exchanged.body.refresh_token)
        .await
        .unwrap()
        .body;
    assert_eq!(refreshed.access_token.expose(), exchanged.body.access_token.expose());
    assert_eq!(refreshed.expires_at, exchanged.body.expires_at);
    app.client.revoke_tokens(&app.credentials, &refreshed.refresh_token).await.unwrap();
    let refused =
        app.client.refresh_tokens(&app.credentials, &refreshed.refresh_token).await.unwrap_err();
    assert_eq!(refused.kind, ErrorKind::GrantRefused);
    let spent = app.client.exchange_code(&app.credentials, "spent").await.unwrap_err();
    assert_eq!(spent.kind, ErrorKind::GrantRefused);
    for credentials in [
        AppCredentials { client_secret: "wrong".to_owned().into(), ..app.credentials.clone() },
        AppCredentials { client_id: ApplicationId::new(99), ..app.credentials.clone() },
    ] {
        let refused =
            app.client.refresh_tokens(&credentials, &refreshed.refresh_token).await.unwrap_err();
        assert_eq!(refused.kind, ErrorKind::ClientRefused);
    }
    app.sim.stop().await;
}

#[tokio::test]
async fn the_list_ends_with_an_empty_page_and_every_row_can_be_fetched() {
    let app = TestApp::new().await;
    let token = app.fetch_token().await;
    let mut query = ListQuery { per_page: 50, ..ListQuery::default() };
    let mut listed = Vec::new();
    loop {
        let page = app.client.list_activities(&token, &query).await.unwrap().body;
        assert!(page.unreadable.is_empty(), "{:?}", page.unreadable);
        if page.is_empty() {
            break;
        }
        listed.extend(page.activities);
        query.page += 1;
    }
    assert!(!listed.is_empty());
    for summary in listed.iter().take(20) {
        let detail = app.client.get_activity(&token, summary.id).await.unwrap().body;
        assert_eq!((detail.summary.id, detail.summary.distance), (summary.id, summary.distance));
        match app.client.get_streams(&token, summary.id).await.unwrap().body {
            Streams::Ready(set) => assert_eq!(set.time.len(), set.len()),
            Streams::None => assert!(summary.manual),
            Streams::NotReady => panic!("an old activity has its streams"),
        }
    }
    let answer = app.client.get_athlete(&token).await.unwrap();
    let limits = answer.limits.unwrap();
    assert_eq!(limits.overall_limit, WindowCounts::new(200, 2000));
    assert!(limits.read_usage.quarter.unwrap() > 2 && answer.date.is_some());
    let unknown = app.client.get_activity(&token, StravaActivityId::new(1)).await.unwrap_err();
    assert_eq!(unknown.kind, ErrorKind::NotFound);
    app.sim.stop().await;
}

fn gpx_upload(minute: u32) -> Upload {
    let mut points = String::new();
    for second in 0..20 {
        let (place, time) = (
            format!("lat=\"41.7{second:02}\" lon=\"-2.4\""),
            format!("07:{minute:02}:{second:02}"),
        );
        let point = format!("<trkpt {place}><ele>10</ele><time>2026-01-02T{time}Z</time></trkpt>");
        points.push_str(&point);
    }
    let file = format!(
        "<?xml version=\"1.0\"?><gpx version=\"1.1\" creator=\"test\" xmlns=\"http://www.topografix.com/GPX/1/1\"><trk><trkseg>{points}</trkseg></trk></gpx>"
    );
    Upload {
        file: file.into_bytes(),
        file_name: "run 5 of 7.gpx".to_owned(),
        data_type: "gpx".to_owned(),
        sport_type: Some("Run".to_owned()),
        name: Some("A run: «ñ» & more".to_owned()),
        external_id: Some("paceline-1-2".to_owned()),
        ..Upload::default()
    }
}

async fn upload_and_wait(app: &TestApp, token: &AccessToken, upload: Upload) -> UploadOutcome {
    let sent = app.client.create_upload(token, upload).await.unwrap().body;
    loop {
        let status = app.client.get_upload(token, sent.id).await.unwrap().body;
        match status.outcome() {
            UploadOutcome::Processing => tokio::time::sleep(Duration::from_millis(50)).await,
            outcome => return outcome,
        }
    }
}

#[tokio::test]
async fn an_upload_becomes_an_activity_once() {
    let app = TestApp::new().await;
    let token = app.fetch_token().await;
    let UploadOutcome::Ready(activity) = upload_and_wait(&app, &token, gpx_upload(1)).await else {
        panic!("not ready")
    };
    let made = app.client.get_activity(&token, activity).await.unwrap().body;
    assert_eq!(made.summary.name.as_deref(), Some("A run: «ñ» & more"));
    assert_eq!(made.summary.external_id.as_deref(), Some("paceline-1-2.gpx"));
    assert_eq!(
        upload_and_wait(&app, &token, gpx_upload(1)).await,
        UploadOutcome::Duplicate(activity)
    );
    let broken = Upload { file: b"<gpx>".to_vec(), ..gpx_upload(2) };
    let failed = match app.client.create_upload(&token, broken).await {
        Ok(sent) => app.client.get_upload(&token, sent.body.id).await.unwrap().body.outcome(),
        Err(error) => panic!("{error}"),
    };
    assert!(matches!(failed, UploadOutcome::Failed(_)), "{failed:?}");
    app.sim.stop().await;
}

/// Returns true if the error has the kind that fits an injected fault.
fn is_classified(kind: &str, error: &StravaError) -> bool {
    match kind {
        "unauthorized" => error.kind == ErrorKind::TokenDead,
        "scope_missing" => matches!(error.kind, ErrorKind::ScopeMissing { .. }),
        "inactive" => error.kind == ErrorKind::AppInactive,
        "not_found" => error.kind == ErrorKind::NotFound,
        "rate_limit" => error.kind == ErrorKind::RateLimited,
        _ => matches!(error.kind, ErrorKind::Unavailable(_)),
    }
}

#[tokio::test]
async fn every_kind_of_error_is_classified() {
    let app = TestApp::new().await;
    let token = app.fetch_token().await;
    let kinds = [
        "unauthorized",
        "scope_missing",
        "inactive",
        "not_found",
        "rate_limit",
        "server_error",
        "bad_gateway",
        "truncated",
        "reset",
    ];
    for kind in kinds {
        app.configure("faults", json!({"endpoint": "GET /athlete", "kind": kind, "count": 1}))
            .await;
        let error = app.client.get_athlete(&token).await.unwrap_err();
        assert!(is_classified(kind, &error), "{kind}: {error:?}");
        assert!(!error.was_never_sent());
    }
    app.configure(
        "faults",
        json!({"endpoint": "GET /athlete", "kind": "timeout", "delay_ms": 5000, "count": 1}),
    )
    .await;
    let impatient = app.client.clone().with_timeout(Duration::from_secs(2));
    assert!(is_classified("timeout", &impatient.get_athlete(&token).await.unwrap_err()));
    let unreachable =
        Client::new(&Url::parse("http://127.0.0.1:9/").unwrap(), app.http.clone()).unwrap();
    assert!(unreachable.get_athlete(&token).await.unwrap_err().was_never_sent());
    app.sim.stop().await;
}

#[tokio::test]
async fn a_subscription_without_a_working_callback_is_refused() {
    let app = TestApp::new().await;
    assert_eq!(app.client.list_subscriptions(&app.credentials).await.unwrap().body, []);
    let refused = app
        .client
        .create_subscription(&app.credentials, "http://127.0.0.1:9/webhook", "verify")
        .await
        .unwrap_err();
    assert!(
        matches!(&refused.kind, ErrorKind::Fault(fault) if !fault.errors.is_empty()),
        "{refused:?}"
    );
    let unknown = app.client.delete_subscription(&app.credentials, 1).await.unwrap_err();
    assert_eq!(unknown.kind, ErrorKind::NotFound);
    app.sim.stop().await;
}
