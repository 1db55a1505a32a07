//! A stand-in for token: leases tokens of the simulator, or refuses as configured.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use actix_web::web::{self, Data};
use actix_web::{HttpRequest, HttpResponse};
use kernel::AthleteId;
use serde_json::{Value, json};

#[derive(Clone, Default)]
pub(crate) struct FakeLeases {
    state: Arc<Mutex<State>>,
    /// Held while a token is refreshed: each refresh token works once.
    refreshing: Arc<tokio::sync::Mutex<()>>,
}

#[derive(Default)]
struct State {
    sim: String,
    tokens: HashMap<AthleteId, TokenPair>,
    refusals: HashMap<AthleteId, &'static str>,
    /// The athlete of each lease, and the access token it gave.
    leases: HashMap<String, (AthleteId, String)>,
    requests: Vec<Value>,
    reports: Vec<Value>,
}

#[derive(Clone)]
struct TokenPair {
    access: String,
    refresh: String,
}

impl FakeLeases {
    pub(crate) fn new(sim: &str) -> Self {
        let leases = Self::default();
        sim.clone_into(&mut leases.lock().sim);
        leases
    }

    /// Connects at the simulator and stores the tokens.
    pub(crate) async fn connect(&self, athlete: AthleteId, strava: i64, scope: &str) {
        let sim = self.lock().sim.clone();
        let authorize = format!(
            "{sim}/oauth/authorize?client_id=1&redirect_uri=http://127.0.0.1/cb&response_type=code\
             &scope={scope}&athlete={strava}"
        );
        let answer = http_client().get(authorize).send().await.unwrap();
        let location = answer.headers()["location"].to_str().unwrap().to_owned();
        let location = reqwest::Url::parse(&location).unwrap();
        let code = location.query_pairs().find(|(name, _)| name == "code").unwrap().1.into_owned();
        let pair =
            fetch_tokens(&sim, &[("grant_type", "authorization_code"), ("code", &code)]).await;
        self.lock().tokens.insert(athlete, pair);
    }

    /// Refuses all further leases of the athlete for this reason.
    pub(crate) fn refuse_lease(&self, athlete: AthleteId, reason: &'static str) {
        self.lock().refusals.insert(athlete, reason);
    }

    /// Returns the requests for leases.
    pub(crate) fn requests(&self) -> Vec<Value> {
        self.lock().requests.clone()
    }

    /// Returns the reports.
    pub(crate) fn reports(&self) -> Vec<Value> {
        self.lock().reports.clone()
    }

    pub(crate) fn routes(
        &self,
    ) -> impl Fn(&mut web::ServiceConfig) + Clone + Send + 'static + use<> {
        let leases = self.clone();
        move |routes| {
            routes
                .app_data(Data::new(leases.clone()))
                .route("/internal/v1/leases", web::post().to(grant_lease))
                .route("/internal/v1/leases/{lease}/report", web::post().to(accept_report));
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

async fn grant_lease(leases: Data<FakeLeases>, request: web::Json<Value>) -> HttpResponse {
    let mut state = leases.lock();
    let athlete: AthleteId = request["athlete"].as_str().unwrap().parse().unwrap();
    state.requests.push(request.into_inner());
    if let Some(reason) = state.refusals.get(&athlete) {
        return HttpResponse::Conflict()
            .json(json!({"type": format!("https://paceline.dev/problems/{reason}")}));
    }
    let lease = uuid::Uuid::from_u128(state.requests.len() as u128).to_string();
    let access = state.tokens[&athlete].access.clone();
    state.leases.insert(lease.clone(), (athlete, access.clone()));
    HttpResponse::Ok().json(json!({
        "lease": lease, "access_token": access,
        "token_expires_at": "2030-01-01T00:00:00Z", "lease_expires_at": "2030-01-01T00:00:00Z",
    }))
}

async fn accept_report(
    leases: Data<FakeLeases>,
    request: HttpRequest,
    published: web::Json<Value>,
) -> HttpResponse {
    let lease = request.match_info().get("lease").unwrap().to_owned();
    let published = published.into_inner();
    leases.lock().reports.push(published.clone());
    if published["fault"] == "token-dead" {
        let _refreshing = leases.refreshing.lock().await;
        let (sim, (athlete, used), pair) = {
            let state = leases.lock();
            let (athlete, used) = state.leases[&lease].clone();
            (state.sim.clone(), (athlete, used), state.tokens[&athlete].clone())
        };
        if pair.access != used {
            return HttpResponse::NoContent().finish();
        }
        let refresh = [("grant_type", "refresh_token"), ("refresh_token", pair.refresh.as_str())];
        let pair = fetch_tokens(&sim, &refresh).await;
        leases.lock().tokens.insert(athlete, pair);
    }
    HttpResponse::NoContent().finish()
}

async fn fetch_tokens(sim: &str, grant: &[(&str, &str)]) -> TokenPair {
    let mut form = vec![("client_id", "1"), ("client_secret", "sim-secret")];
    form.extend_from_slice(grant);
    let answer = http_client().post(format!("{sim}/oauth/token")).form(&form).send().await.unwrap();
    let answer: Value = answer.json().await.unwrap();
    let text = |name: &str| answer[name].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned();
    TokenPair { access: text("access_token"), refresh: text("refresh_token") }
}

fn http_client() -> reqwest::Client {
    telemetry::http_client(std::time::Duration::from_secs(10)).unwrap()
}
