//! The simulated Strava and its control routes.

use reqwest::Client;
use reqwest::redirect::Policy;
use serde_json::{Value, json};
use strava_sim::{CHILD_ID, Limits, Options, Simulator};

pub(crate) struct FakeStrava {
    sim: Simulator,
    client: Client,
}

impl FakeStrava {
    pub(crate) async fn start() -> Self {
        let options = Options { instant: true, limits: Limits::unlimited(), ..Options::default() };
        let client = Client::builder().no_proxy().redirect(Policy::none()).build().unwrap();
        Self { sim: Simulator::start(options).await.unwrap(), client }
    }

    pub(crate) fn url(&self) -> String {
        self.sim.url()
    }

    /// Returns an access token of the child with everything granted.
    pub(crate) async fn child_token(&self) -> String {
        let query = format!(
            "client_id=1&response_type=code&redirect_uri=http://localhost/cb&athlete={CHILD_ID}&state=s&\
             scope=read_all,activity:read_all,activity:write"
        );
        let url = format!("{}/oauth/authorize?{query}", self.url());
        let response = self.client.get(url).send().await.unwrap();
        let target = url::Url::parse(response.headers()["location"].to_str().unwrap()).unwrap();
        let code = target.query_pairs().find(|(key, _)| key == "code").unwrap().1.into_owned();
        let form = [
            ("client_id", "1"),
            ("client_secret", "sim-secret"),
            ("code", &code),
            ("grant_type", "authorization_code"),
        ];
        let response = self
            .client
            .post(format!("{}/oauth/token", self.url()))
            .form(&form)
            .send()
            .await
            .unwrap();
        let body: Value = response.json().await.unwrap();
        body["access_token"].as_str().unwrap().to_owned()
    }

    /// Calls the API.
    pub(crate) async fn get(&self, token: &str, path: &str) -> Value {
        let url = format!("{}/api/v3{path}", self.url());
        self.client.get(url).bearer_auth(token).send().await.unwrap().json().await.unwrap()
    }

    /// Returns the copies in the child's account.
    pub(crate) async fn list_copies(&self) -> Vec<Value> {
        let all = self.read_control(&format!("athletes/{CHILD_ID}/activities")).await;
        let marked = |activity: &&Value| {
            activity["external_id"].as_str().is_some_and(|id| id.starts_with("paceline-"))
        };
        all.as_array().unwrap().iter().filter(marked).cloned().collect()
    }

    /// Returns the number of calls of an endpoint.
    pub(crate) async fn count_calls(&self, endpoint: &str) -> i64 {
        self.read_control("counters").await["calls"][endpoint].as_i64().unwrap_or(0)
    }

    pub(crate) async fn count_uploads(&self) -> i64 {
        self.count_calls("POST /uploads").await
    }

    /// Makes the next call of this endpoint fail in this way.
    pub(crate) async fn inject_fault(&self, endpoint: &str, kind: &str) {
        self.control("faults", json!({"endpoint": endpoint, "kind": kind, "count": 1})).await;
    }

    /// Posts to a control route of the simulator.
    pub(crate) async fn control(&self, path: &str, body: Value) -> Value {
        let url = format!("{}/_sim/{path}", self.url());
        let response = self.client.post(url).json(&body).send().await.unwrap();
        assert!(response.status().is_success(), "{path}: {}", response.status());
        response.json().await.unwrap_or(Value::Null)
    }

    async fn read_control(&self, path: &str) -> Value {
        let url = format!("{}/_sim/{path}", self.url());
        self.client.get(url).send().await.unwrap().json().await.unwrap()
    }
}
