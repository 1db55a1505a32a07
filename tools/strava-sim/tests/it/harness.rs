//! A simulator in this process and a client for it.

use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};
use strava_sim::{Limits, Options, Simulator};

pub(crate) const ANA: i64 = strava_sim::GUARDIAN_ID;
pub(crate) const MILLA: i64 = strava_sim::CHILD_ID;
pub(crate) const RECORDED: i64 = strava_sim::RECORDED_ID;
pub(crate) const ALL: &str =
    "read_all,profile:read_all,profile:write,activity:read_all,activity:write";

/// A simulator and a client.
pub(crate) struct World {
    pub(crate) sim: Simulator,
    pub(crate) client: reqwest::Client,
}

/// An answer, read.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) async fn of(response: Response) -> Self {
        Self {
            status: response.status(),
            headers: response.headers().clone(),
            text: response.text().await.unwrap(),
        }
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// `resource field code` of the first error.
    pub(crate) fn fault(&self) -> String {
        let body = self.json();
        let error = &body["errors"][0];
        let part = |key: &str| error[key].as_str().unwrap_or_default().to_owned();
        format!("{} {} {}", part("resource"), part("field"), part("code"))
    }
}

impl World {
    pub(crate) async fn start() -> Self {
        Self::with(Options { instant: true, limits: Limits::unlimited(), ..Options::default() })
            .await
    }

    pub(crate) async fn with(options: Options) -> Self {
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

    pub(crate) async fn admin(&self, method: Method, path: &str, body: Value) -> Answer {
        let request = self.client.request(method, self.url(&format!("/_sim/{path}")));
        let request = if body.is_null() { request } else { request.json(&body) };
        Answer::of(request.send().await.unwrap()).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Value {
        let answer = self.admin(Method::POST, path, body).await;
        assert!(answer.status.is_success(), "{path}: {} {}", answer.status, answer.text);
        serde_json::from_str(&answer.text).unwrap_or(Value::Null)
    }

    pub(crate) async fn read(&self, path: &str) -> Value {
        self.admin(Method::GET, path, Value::Null).await.json()
    }

    pub(crate) async fn advance(&self, seconds: i64) {
        self.post("clock", json!({"advance_s": seconds})).await;
    }

    /// The answer of the authorize page.
    pub(crate) async fn authorize(&self, query: &str) -> Answer {
        let url = self.url(&format!("/oauth/authorize?client_id=1&response_type=code&{query}"));
        Answer::of(self.client.get(url).send().await.unwrap()).await
    }

    /// A code for an athlete.
    pub(crate) async fn code(&self, athlete: i64, scope: &str) -> String {
        let query =
            format!("redirect_uri=http://localhost/cb&scope={scope}&athlete={athlete}&state=s");
        let answer = self.authorize(&query).await;
        let target = url::Url::parse(answer.header("location")).unwrap();
        target.query_pairs().find(|(key, _)| key == "code").unwrap().1.into_owned()
    }

    pub(crate) async fn token_call(&self, fields: &[(&str, &str)]) -> Answer {
        let mut form = vec![("client_id", "1"), ("client_secret", "sim-secret")];
        form.extend_from_slice(fields);
        Answer::of(self.client.post(self.url("/oauth/token")).form(&form).send().await.unwrap())
            .await
    }

    /// Connects an athlete; the token answer.
    pub(crate) async fn connect(&self, athlete: i64, scope: &str) -> Value {
        let code = self.code(athlete, scope).await;
        let answer =
            self.token_call(&[("code", &code), ("grant_type", "authorization_code")]).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.json()
    }

    /// Connects an athlete; the access token.
    pub(crate) async fn token(&self, athlete: i64, scope: &str) -> String {
        self.connect(athlete, scope).await["access_token"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn refresh(&self, token: &Value) -> Answer {
        let refresh = token["refresh_token"].as_str().unwrap();
        self.token_call(&[("grant_type", "refresh_token"), ("refresh_token", refresh)]).await
    }

    /// A GET below `/api/v3`.
    pub(crate) async fn get(&self, token: &str, path: &str) -> Answer {
        let request = self.client.get(self.url(&format!("/api/v3{path}"))).bearer_auth(token);
        Answer::of(request.send().await.unwrap()).await
    }

    /// A form sent below `/api/v3`.
    pub(crate) async fn form(&self, token: &str, path: &str, fields: &[(&str, &str)]) -> Answer {
        let request =
            self.client.post(self.url(&format!("/api/v3{path}"))).bearer_auth(token).form(fields);
        Answer::of(request.send().await.unwrap()).await
    }

    /// All pages of the list.
    pub(crate) async fn list(&self, token: &str, query: &str) -> Vec<Value> {
        let mut out = Vec::new();
        for page in 1.. {
            let answer = self.get(token, &format!("/athlete/activities?page={page}&{query}")).await;
            assert_eq!(answer.status, 200, "{}", answer.text);
            let items = answer.json().as_array().unwrap().clone();
            if items.is_empty() {
                break;
            }
            out.extend(items);
        }
        out
    }

    /// Makes an activity; its id.
    pub(crate) async fn create(&self, body: Value) -> i64 {
        self.post("activities", body).await["id"].as_i64().unwrap()
    }
}

/// Tries until a check holds, ten seconds at most.
pub(crate) async fn eventually<T>(mut check: impl AsyncFnMut() -> Option<T>) -> T {
    for _ in 0..1000 {
        if let Some(found) = check().await {
            return found;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("did not happen within ten seconds");
}
