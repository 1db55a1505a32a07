//! A simulator in this process and a client for it.

use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};
use strava_sim::{Limits, Options, Simulator};

pub(crate) const ANA: i64 = strava_sim::GUARDIAN_ID;
pub(crate) const MILLA: i64 = strava_sim::CHILD_ID;
pub(crate) const RECORDED: i64 = strava_sim::RECORDED_ID;
pub(crate) const ALL_SCOPES: &str =
    "read_all,profile:read_all,profile:write,activity:read_all,activity:write";
pub(crate) const ALL_STREAMS: &str = "time,distance,latlng,altitude,velocity_smooth,heartrate,cadence,watts,temp,moving,grade_smooth";

/// A simulator and a client.
pub(crate) struct TestApp {
    pub(crate) sim: Simulator,
    pub(crate) client: reqwest::Client,
}

/// A response with its whole body.
pub(crate) struct TestResponse {
    pub(crate) status: StatusCode,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) text: String,
}

/// Sends a request and reads the whole response.
pub(crate) async fn send(request: RequestBuilder) -> TestResponse {
    let response: Response = request.send().await.unwrap();
    TestResponse {
        status: response.status(),
        headers: response.headers().clone(),
        text: response.text().await.unwrap(),
    }
}

impl TestResponse {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Asserts the status, and `resource field code` of the first error.
    #[track_caller]
    pub(crate) fn assert_fault(&self, status: u16, fault: &str) {
        let error = &self.json()["errors"][0];
        let parts =
            ["resource", "field", "code"].map(|key| error[key].as_str().unwrap_or_default());
        assert_eq!((self.status.as_u16(), parts.join(" ").as_str()), (status, fault));
    }
}

impl TestApp {
    pub(crate) async fn start() -> Self {
        Self::start_with(Options {
            instant: true,
            limits: Limits::unlimited(),
            ..Options::default()
        })
        .await
    }

    /// Starts a simulator and connects an athlete with all scopes; the access token.
    pub(crate) async fn start_connected(athlete: i64) -> (Self, String) {
        let app = Self::start().await;
        let token = app.access_token(athlete, ALL_SCOPES).await;
        (app, token)
    }

    pub(crate) async fn start_with(options: Options) -> Self {
        let client = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .unwrap();
        Self { sim: Simulator::start(options).await.unwrap(), client }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.sim.url())
    }

    pub(crate) async fn admin(&self, method: Method, path: &str, body: Value) -> TestResponse {
        let request = self.client.request(method, self.url(&format!("/_sim/{path}")));
        send(if body.is_null() { request } else { request.json(&body) }).await
    }

    pub(crate) async fn admin_post(&self, path: &str, body: Value) -> Value {
        let response = self.admin(Method::POST, path, body).await;
        assert!(response.status.is_success(), "{path}: {} {}", response.status, response.text);
        serde_json::from_str(&response.text).unwrap_or(Value::Null)
    }

    pub(crate) async fn admin_get(&self, path: &str) -> Value {
        self.admin(Method::GET, path, Value::Null).await.json()
    }

    pub(crate) async fn advance_clock(&self, seconds: i64) {
        self.admin_post("clock", json!({"advance_s": seconds})).await;
    }

    /// Opens the authorize page of application 1.
    pub(crate) async fn authorize(&self, query: &str) -> TestResponse {
        let url = self.url(&format!("/oauth/authorize?client_id=1&response_type=code&{query}"));
        send(self.client.get(url)).await
    }

    /// Lets an athlete consent; the code.
    pub(crate) async fn authorization_code(&self, athlete: i64, scope: &str) -> String {
        let query =
            format!("redirect_uri=http://localhost/cb&scope={scope}&athlete={athlete}&state=s");
        let response = self.authorize(&query).await;
        let target = url::Url::parse(response.header("location")).unwrap();
        target.query_pairs().find(|(key, _)| key == "code").unwrap().1.into_owned()
    }

    pub(crate) async fn request_token(&self, fields: &[(&str, &str)]) -> TestResponse {
        let mut form = vec![("client_id", "1"), ("client_secret", "sim-secret")];
        form.extend_from_slice(fields);
        send(self.client.post(self.url("/oauth/token")).form(&form)).await
    }

    /// Connects an athlete; the token answer.
    pub(crate) async fn connect(&self, athlete: i64, scope: &str) -> Value {
        let code = self.authorization_code(athlete, scope).await;
        let fields = [("code", code.as_str()), ("grant_type", "authorization_code")];
        let response = self.request_token(&fields).await;
        assert_eq!(response.status, 200, "{}", response.text);
        response.json()
    }

    /// Connects an athlete; the access token.
    pub(crate) async fn access_token(&self, athlete: i64, scope: &str) -> String {
        self.connect(athlete, scope).await["access_token"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn refresh(&self, token: &Value) -> TestResponse {
        let refresh = token["refresh_token"].as_str().unwrap();
        self.request_token(&[("grant_type", "refresh_token"), ("refresh_token", refresh)]).await
    }

    /// A GET below `/api/v3`.
    pub(crate) async fn get(&self, token: &str, path: &str) -> TestResponse {
        send(self.client.get(self.url(&format!("/api/v3{path}"))).bearer_auth(token)).await
    }

    /// The JSON of a GET below `/api/v3`.
    pub(crate) async fn get_json(&self, token: &str, path: &str) -> Value {
        self.get(token, path).await.json()
    }

    /// The streams of an activity by type.
    pub(crate) async fn streams(&self, token: &str, activity: impl ToString, keys: &str) -> Value {
        let activity = activity.to_string();
        let path = format!("/activities/{activity}/streams?keys={keys}&key_by_type=true");
        self.get_json(token, &path).await
    }

    /// A form sent below `/api/v3`.
    pub(crate) async fn post_form(
        &self,
        token: &str,
        path: &str,
        fields: &[(&str, &str)],
    ) -> TestResponse {
        let url = self.url(&format!("/api/v3{path}"));
        send(self.client.post(url).bearer_auth(token).form(fields)).await
    }

    /// All pages of the list.
    pub(crate) async fn list_activities(&self, token: &str, query: &str) -> Vec<Value> {
        let mut out = Vec::new();
        for page in 1.. {
            let path = format!("/athlete/activities?page={page}&{query}");
            let response = self.get(token, &path).await;
            assert_eq!(response.status, 200, "{}", response.text);
            let items = response.json().as_array().unwrap().clone();
            if items.is_empty() {
                break;
            }
            out.extend(items);
        }
        out
    }

    /// The true state of all activities of an athlete.
    pub(crate) async fn ground_truth(&self, athlete: i64) -> Vec<Value> {
        let truth = self.admin_get(&format!("athletes/{athlete}/activities")).await;
        truth.as_array().unwrap().clone()
    }

    /// Creates an activity; its id.
    pub(crate) async fn create_activity(&self, body: Value) -> i64 {
        self.admin_post("activities", body).await["id"].as_i64().unwrap()
    }
}

/// Waits until a check holds, ten seconds at most.
pub(crate) async fn eventually<T>(mut check: impl AsyncFnMut() -> Option<T>) -> T {
    for _ in 0..1000 {
        if let Some(found) = check().await {
            return found;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("did not happen within ten seconds");
}
