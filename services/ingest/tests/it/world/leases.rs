//! A token service of our own: it lends what it got from the simulator, or refuses as it is told.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use actix_web::web::{self, Data};
use actix_web::{HttpRequest, HttpResponse};
use kernel::AthleteId;
use serde_json::{Value, json};

#[derive(Clone, Default)]
pub(crate) struct Leases(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    sim: String,
    tokens: HashMap<AthleteId, Pair>,
    never: HashMap<AthleteId, &'static str>,
    lent: HashMap<String, AthleteId>,
    asked: Vec<Value>,
    reports: Vec<Value>,
}

#[derive(Clone)]
struct Pair {
    access: String,
    refresh: String,
}

impl Leases {
    pub(crate) fn of(sim: &str) -> Self {
        let leases = Self::default();
        sim.clone_into(&mut leases.state().sim);
        leases
    }

    /// Connects at the simulator and keeps the tokens.
    pub(crate) async fn connect(&self, athlete: AthleteId, strava: i64, scope: &str) {
        let sim = self.state().sim.clone();
        let authorize = format!(
            "{sim}/oauth/authorize?client_id=1&redirect_uri=http://127.0.0.1/cb&response_type=code\
             &scope={scope}&athlete={strava}"
        );
        let answer = http().get(authorize).send().await.unwrap();
        let location = answer.headers()["location"].to_str().unwrap().to_owned();
        let location = reqwest::Url::parse(&location).unwrap();
        let code = location.query_pairs().find(|(name, _)| name == "code").unwrap().1.into_owned();
        let pair = exchange(&sim, &[("grant_type", "authorization_code"), ("code", &code)]).await;
        self.state().tokens.insert(athlete, pair);
    }

    /// From now on this athlete gets no lease, for this reason.
    pub(crate) fn refuse(&self, athlete: AthleteId, reason: &'static str) {
        self.state().never.insert(athlete, reason);
    }

    /// What was asked for.
    pub(crate) fn asked(&self) -> Vec<Value> {
        self.state().asked.clone()
    }

    /// What was reported.
    pub(crate) fn reports(&self) -> Vec<Value> {
        self.state().reports.clone()
    }

    pub(crate) fn routes(
        &self,
    ) -> impl Fn(&mut web::ServiceConfig) + Clone + Send + 'static + use<> {
        let leases = self.clone();
        move |routes| {
            routes
                .app_data(Data::new(leases.clone()))
                .route("/internal/v1/leases", web::post().to(lend))
                .route("/internal/v1/leases/{lease}/report", web::post().to(report));
        }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }
}

async fn lend(leases: Data<Leases>, asked: web::Json<Value>) -> HttpResponse {
    let mut state = leases.state();
    let athlete: AthleteId = asked["athlete"].as_str().unwrap().parse().unwrap();
    state.asked.push(asked.into_inner());
    if let Some(reason) = state.never.get(&athlete) {
        return HttpResponse::Conflict()
            .json(json!({"type": format!("https://paceline.dev/problems/{reason}")}));
    }
    let lease = uuid::Uuid::from_u128(state.asked.len() as u128).to_string();
    state.lent.insert(lease.clone(), athlete);
    let access = state.tokens[&athlete].access.clone();
    HttpResponse::Ok().json(json!({
        "lease": lease, "access_token": access,
        "token_expires_at": "2030-01-01T00:00:00Z", "lease_expires_at": "2030-01-01T00:00:00Z",
    }))
}

async fn report(
    leases: Data<Leases>,
    request: HttpRequest,
    told: web::Json<Value>,
) -> HttpResponse {
    let lease = request.match_info().get("lease").unwrap().to_owned();
    let told = told.into_inner();
    let (sim, athlete, pair) = {
        let mut state = leases.state();
        state.reports.push(told.clone());
        let athlete = state.lent[&lease];
        (state.sim.clone(), athlete, state.tokens[&athlete].clone())
    };
    if told["fault"] == "token-dead" {
        let refresh = [("grant_type", "refresh_token"), ("refresh_token", pair.refresh.as_str())];
        let pair = exchange(&sim, &refresh).await;
        leases.state().tokens.insert(athlete, pair);
    }
    HttpResponse::NoContent().finish()
}

async fn exchange(sim: &str, grant: &[(&str, &str)]) -> Pair {
    let mut form = vec![("client_id", "1"), ("client_secret", "sim-secret")];
    form.extend_from_slice(grant);
    let answer = http().post(format!("{sim}/oauth/token")).form(&form).send().await.unwrap();
    let answer: Value = answer.json().await.unwrap();
    let text = |name: &str| answer[name].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned();
    Pair { access: text("access_token"), refresh: text("refresh_token") }
}

fn http() -> reqwest::Client {
    telemetry::http_client(std::time::Duration::from_secs(10)).unwrap()
}
