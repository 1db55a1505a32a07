//! A user with an account, acting through the public API.

use base64::Engine;
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use strava_sim::GUARDIAN_ID;
use testkit::eventually;

use super::{ALL_TIME_SUMMARY, TIMEOUT, TestApp};

/// A signed-in user.
#[derive(Clone)]
pub(crate) struct TestUser {
    pub(crate) name: String,
    /// The id: the `sub` of the token.
    pub(crate) athlete: String,
    pub(crate) strava: i64,
    pub(crate) token: String,
    password: String,
    base: String,
    http: Client,
}

/// Count, decimetres, seconds.
type Sums = (i64, i64, i64);

impl TestUser {
    pub(super) async fn sign_in(
        app: &TestApp,
        name: &str,
        strava: i64,
        (email, password): (&str, &str),
    ) -> Self {
        let body = json!({"email": email, "password": password});
        let answer = app.http.post(format!("{}/v1/session", app.base)).json(&body);
        let answer = answer.send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        let answer: Value = answer.json().await.unwrap();
        let token = answer["access_token"].as_str().unwrap();
        let user = Self::with_token(app, name, strava, token);
        Self { password: password.to_owned(), ..user }
    }

    /// The same user in a new session.
    pub(crate) async fn sign_in_again(&self, app: &TestApp) -> Self {
        let email = format!("{}@example.org", self.name.to_lowercase());
        Self::sign_in(app, &self.name, self.strava, (&email, &self.password)).await
    }

    /// A user with a token of another issuer.
    pub(crate) fn with_token(app: &TestApp, name: &str, strava: i64, token: &str) -> Self {
        let claims = token.split('.').nth(1).unwrap();
        let claims = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(claims).unwrap();
        let claims: Value = serde_json::from_slice(&claims).unwrap();
        Self {
            name: name.to_owned(),
            athlete: claims["sub"].as_str().unwrap().to_owned(),
            strava,
            token: token.to_owned(),
            password: String::new(),
            base: app.base.clone(),
            http: app.http.clone(),
        }
    }

    /// Connects Strava and returns the result of the redirect: `success`, `denied`, `scope`, `error`.
    pub(crate) async fn try_to_connect(&self, app: &TestApp) -> Result<String, String> {
        app.sim_post("consent", &json!({"mode": "grant", "athlete": self.strava})).await;
        self.follow_consent().await
    }

    /// Follows the redirects of the OAuth authorization.
    pub(crate) async fn follow_consent(&self) -> Result<String, String> {
        // Copies go to children only.
        let wanted = json!({"write": self.strava != GUARDIAN_ID});
        let begun = self.try_post("/v1/me/connections", &wanted).await?;
        let mut next = begun["authorize_url"].as_str().ok_or("no authorize_url")?.to_owned();
        for _ in 0..5 {
            let response = self.http.get(&next).bearer_auth(&self.token).send().await;
            let response = response.map_err(|error| error.to_string())?;
            let to = response.headers().get("location").and_then(|to| to.to_str().ok());
            let Some(to) = to else { return Err(format!("{next}: {}", response.status())) };
            to.clone_into(&mut next);
            if let Some((_, result)) = next.split_once("strava=") {
                return Ok(result.split('&').next().unwrap().to_owned());
            }
        }
        Err("too many redirects".to_owned())
    }

    /// Connects Strava.
    pub(crate) async fn connect(&self, app: &TestApp) {
        assert_eq!(self.try_to_connect(app).await.as_deref(), Ok("success"));
    }

    /// Links a child: activities that name it are copied from now on.
    pub(crate) async fn links(&self, child: &Self) -> String {
        self.links_by_name(child, &child.name).await
    }

    /// Links a child: activities whose title holds this name are copied from now on.
    pub(crate) async fn links_by_name(&self, child: &Self, name: &str) -> String {
        let invitation = json!({"role": "child", "name": child.name});
        let invitation = child.try_post("/v1/links/invitations", &invitation).await.unwrap();
        let redemption = json!({"code": invitation["code"], "name": self.name, "names": [name]});
        let link = self.try_post("/v1/links", &redemption).await.unwrap();
        let id = link["id"].as_str().unwrap().to_owned();
        child.try_post(&format!("/v1/links/{id}/accept"), &json!({})).await.unwrap();
        id
    }

    /// The connection.
    pub(crate) async fn connection(&self) -> Value {
        self.get("/v1/me/connections").await["items"][0].clone()
    }

    /// Waits until the connection is in this state.
    pub(crate) async fn wait_for_state(&self, state: &str) -> Value {
        eventually(TIMEOUT, &format!("{}'s connection is {state}", self.name), async || {
            let connection = self.connection().await;
            if connection["state"] == state { Ok(connection) } else { Err(connection) }
        })
        .await
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        let (status, body) = self.try_get(path).await;
        assert!(status.is_success(), "{path}: {status} {body}");
        body
    }

    /// Sends a GET request and returns status and body.
    pub(crate) async fn try_get(&self, path: &str) -> (StatusCode, Value) {
        let response = self.http.get(format!("{}{path}", self.base)).bearer_auth(&self.token);
        let response = response.send().await.unwrap();
        let status = response.status();
        (status, serde_json::from_str(&response.text().await.unwrap()).unwrap_or_default())
    }

    pub(crate) async fn try_post(&self, path: &str, body: &Value) -> Result<Value, String> {
        let request = self.http.post(format!("{}{path}", self.base)).bearer_auth(&self.token);
        let response = request.json(body).send().await.map_err(|error| error.to_string())?;
        let status = response.status();
        let text = response.text().await.map_err(|error| error.to_string())?;
        if !status.is_success() {
            return Err(format!("{path}: {status} {text}"));
        }
        Ok(serde_json::from_str(&text).unwrap_or_default())
    }

    async fn counted(&self) -> Result<Sums, String> {
        let (status, body) = self.try_get(ALL_TIME_SUMMARY).await;
        let total = &body["total"];
        let number = |field: &str| total[field].as_f64();
        let sums = number("count").zip(number("distance_m")).zip(number("moving_time_s"));
        let ((count, metres), seconds) = sums.ok_or_else(|| format!("{status} {body}"))?;
        Ok((count as i64, (metres * 10.0).round() as i64, seconds as i64))
    }

    /// The totals of what the test recorded, also where that is tomorrow by the athlete's local date.
    pub(crate) async fn summary_since_yesterday(&self, app: &TestApp, sport: &str) -> Value {
        let now = app.sim_get("clock").await["now_s"].as_i64().unwrap();
        let yesterday = kernel::Timestamp::from_secs(now - 86_400).to_rfc3339();
        let from = &yesterday[..10];
        self.get(&format!("/v1/me/stats/summary?from={from}&to=2100-01-01&sport={sport}")).await
    }

    /// Number of counted activities.
    pub(crate) async fn count(&self) -> i64 {
        self.counted().await.unwrap().0
    }

    /// Waits until the backfill is done.
    pub(crate) async fn wait_for_backfill(&self) {
        eventually(TIMEOUT, &format!("{}'s history is read", self.name), async || {
            let import = self.get("/v1/me/imports").await["items"][0].clone();
            let connection = self.connection().await;
            // The import of an earlier connection is done too.
            let started = import["started_at"].as_str() >= connection["connected_at"].as_str();
            if import["state"] == "done" && started { Ok(()) } else { Err((import, connection)) }
        })
        .await;
    }

    /// The sums of Strava's activities.
    async fn strava_activities(&self, app: &TestApp) -> Sums {
        let strava_activities = app.strava_activities(self.strava).await;
        let decimetres =
            |activity: &Value| (activity["distance_m"].as_f64().unwrap() * 10.0).round() as i64;
        (
            strava_activities.len() as i64,
            strava_activities.iter().map(decimetres).sum(),
            strava_activities
                .iter()
                .map(|activity| activity["moving_time_s"].as_i64().unwrap())
                .sum(),
        )
    }

    /// Waits until the listed activities are exactly Strava's.
    pub(crate) async fn assert_listed(&self, app: &TestApp) {
        eventually(TIMEOUT, &format!("{}'s activities are listed", self.name), async || {
            let listed = self.get("/v1/me/activities?limit=100").await["items"].clone();
            let mut listed: Vec<i64> = listed
                .as_array()
                .unwrap()
                .iter()
                .filter_map(|activity| activity["strava_id"].as_i64())
                .collect();
            let all = app.strava_activities(self.strava).await;
            let mut all: Vec<i64> =
                all.iter().filter_map(|activity| activity["id"].as_i64()).collect();
            listed.sort_unstable();
            all.sort_unstable();
            if listed == all { Ok(()) } else { Err((listed, all)) }
        })
        .await;
    }

    /// Waits until the totals are exactly the sums of Strava's activities.
    pub(crate) async fn assert_totals_match(&self, app: &TestApp) {
        let what = format!(
            "{}'s totals (count, decimetres, seconds) are the strava_activities",
            self.name
        );
        eventually(TIMEOUT, &what, async || {
            let (counted, strava_activities) =
                (self.counted().await?, self.strava_activities(app).await);
            if counted == strava_activities {
                Ok(())
            } else {
                Err(format!("{counted:?} instead of {strava_activities:?}"))
            }
        })
        .await;
    }
}
