//! Who may call what: every route of the API description with every kind of caller.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use strava_sim::{CHILD_ID, GUARDIAN_ID};
use testkit::eventually;

use crate::test_app::{Setup, TIMEOUT, TestApp, TestUser};

/// Who may call a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Access {
    /// Everybody; what is secret about it is in the path, the query or another header.
    Public,
    /// Everybody who is signed in, for their own data.
    SignedIn,
    /// The guardian; nobody else knows that it exists.
    Guardian,
    /// Both sides of the link; nobody else knows that it exists.
    BothSides,
    Admin,
}

/// A route of the description.
struct Route {
    method: Method,
    path: String,
    access: Access,
    /// The statuses that the description names.
    statuses: Vec<String>,
}

/// A caller, and what they may not do.
struct Caller<'a> {
    name: &'static str,
    token: Option<&'a str>,
    is_signed_in: bool,
}

/// Who may call this route. A new one needs a line here.
fn access(path: &str) -> Access {
    match path {
        "/.well-known/jwks.json" | "/v1/session" | "/webhook/{secret}" => Access::Public,
        "/strava/health" | "/strava/callback" | "/strava/refresh-data" | "/api/distance" => {
            Access::Public
        }
        path if path.starts_with("/strava/stats/") => Access::Public,
        path if path.starts_with("/v1/admin/") => Access::Admin,
        "/v1/links/{id}" | "/v1/links/{id}/accept" | "/v1/copies/{id}" => Access::BothSides,
        "/v1/links/invitations/{id}" => Access::Guardian,
        path if path.starts_with("/v1/me/") && path.ends_with('}') => Access::Guardian,
        "/strava/authorize" => Access::SignedIn,
        path if path.starts_with("/v1/") && !path.contains('{') => Access::SignedIn,
        path => panic!("{path} is new: say here who may call it"),
    }
}

fn routes() -> Vec<Route> {
    let description: Value = serde_json::from_str(include_str!("../../openapi.json")).unwrap();
    let paths = description["paths"].as_object().unwrap().iter();
    let routes = paths.flat_map(|(path, item)| {
        item.as_object().unwrap().iter().map(move |(method, operation)| Route {
            method: method.to_uppercase().parse().unwrap(),
            path: path.clone(),
            access: access(path),
            statuses: operation["responses"].as_object().unwrap().keys().cloned().collect(),
        })
    });
    routes.collect()
}

/// The guardian's things, by the route that shows them.
struct Things {
    activity: String,
    copy: String,
    link: String,
    invitation: String,
    connection: String,
}

impl Things {
    async fn create(app: &TestApp, guardian: &TestUser, child: &TestUser) -> Self {
        let link = guardian.links(child).await;
        app.record(GUARDIAN_ID, "Round with Milla").await;
        let first = async |path: &str| {
            eventually(TIMEOUT, path, async || {
                let first = guardian.get(path).await["items"][0]["id"].clone();
                first.as_str().map(str::to_owned).ok_or(first)
            })
            .await
        };
        let invited = json!({"role": "guardian", "name": "Ana", "names": ["Milla"]});
        let invited = guardian.try_post("/v1/links/invitations", &invited).await.unwrap();
        Self {
            copy: first("/v1/copies").await,
            activity: first("/v1/me/activities").await,
            link,
            invitation: invited["id"].as_str().unwrap().to_owned(),
            connection: first("/v1/me/connections").await,
        }
    }

    /// The path with the guardian's things in it.
    fn fill(&self, path: &str, guardian: &TestUser) -> String {
        let id = match path {
            "/v1/me/activities/{id}" => &self.activity,
            "/v1/copies/{id}" => &self.copy,
            "/v1/links/invitations/{id}" => &self.invitation,
            _ => &self.link,
        };
        path.replace("{id}", id)
            .replace("{connection}", &self.connection)
            .replace("{athlete}", &guardian.athlete)
            .replace("{email}", "ana@example.org")
            .replace("{secret}", "guess")
    }
}

async fn call(
    app: &TestApp,
    method: &Method,
    path: &str,
    token: Option<&str>,
) -> (StatusCode, Value) {
    let mut request = app.http.request(method.clone(), format!("{}{path}", app.base));
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    if *method != Method::GET && *method != Method::DELETE {
        request = request.json(&json!({}));
    }
    let answer = request.send().await.unwrap();
    (answer.status(), answer.json().await.unwrap_or_default())
}

/// Removes one administrator's account and takes another one's role away; waits until both sessions have ended.
async fn end_sessions(app: &TestApp, admin: &TestUser, [removed, demoted]: [&TestUser; 2]) {
    let base = format!("{}/v1/admin/users", app.base);
    let remove = app.http.delete(format!("{base}/rob@example.org")).bearer_auth(&admin.token);
    assert_eq!(remove.send().await.unwrap().status(), StatusCode::NO_CONTENT);
    let demote = app.http.patch(format!("{base}/dora@example.org")).bearer_auth(&admin.token);
    let demote = demote.json(&json!({"admin": false})).send().await.unwrap();
    assert_eq!(demote.status(), StatusCode::NO_CONTENT);
    for user in [removed, demoted] {
        for path in ["/v1/me/activities", "/v1/me/journal", "/v1/links", "/v1/me/connections"] {
            eventually(TIMEOUT, "the session has ended", async || match user.try_get(path).await {
                (StatusCode::UNAUTHORIZED, _) => Ok(()),
                other => Err(other),
            })
            .await;
        }
    }
}

/// True for a status that the description names, with a problem document where it is a refusal.
fn is_described(route: &Route, status: StatusCode, body: &Value) -> bool {
    let problem = body["type"].as_str().unwrap_or_default();
    let is_refusal = status.is_client_error() || status.is_server_error();
    route.statuses.iter().any(|described| described == status.as_str())
        && (!is_refusal || problem.starts_with("https://paceline.dev/problems/"))
}

/// The status that this caller must get; none if they may call it.
fn refusal(route: &Route, caller: &Caller<'_>) -> Option<StatusCode> {
    let may = match route.access {
        Access::Public => return None,
        _ if !caller.is_signed_in => return Some(StatusCode::UNAUTHORIZED),
        Access::SignedIn => true,
        Access::Guardian => caller.name == "guardian",
        Access::BothSides => caller.name == "guardian" || caller.name == "child",
        Access::Admin if caller.name == "admin" => true,
        Access::Admin => return Some(StatusCode::FORBIDDEN),
    };
    (!may).then_some(StatusCode::NOT_FOUND)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_route_refuses_everybody_but_those_whom_it_is_for() {
    let mut app = TestApp::start(Setup { athletes: 3, ..Setup::default() }).await;
    let [admin, removed, demoted] = [
        app.administrator("Root").await,
        app.administrator("Rob").await,
        app.administrator("Dora").await,
    ];
    let [guardian, child] = app.guardian_and_child().await;
    let other = app.user("Otto", CHILD_ID).await;
    let things = Things::create(&app, &guardian, &child).await;
    end_sessions(&app, &admin, [&removed, &demoted]).await;
    let callers = [
        ("nobody", None, false),
        ("removed", Some(&removed), false),
        ("demoted", Some(&demoted), false),
        ("other", Some(&other), true),
        ("child", Some(&child), true),
        ("guardian", Some(&guardian), true),
        ("admin", Some(&admin), true),
    ];
    let callers = callers.map(|(name, user, is_signed_in)| Caller {
        name,
        token: user.map(|user: &TestUser| user.token.as_str()),
        is_signed_in,
    });

    let mut wrong = Vec::new();
    for route in routes() {
        for caller in &callers {
            let expected = refusal(&route, caller);
            // What they may change they must not change here.
            if expected.is_none() && route.method != Method::GET {
                continue;
            }
            let path = things.fill(&route.path, &guardian);
            let (status, body) = call(&app, &route.method, &path, caller.token).await;
            let called = format!("{} {} as {}: {status}", route.method, route.path, caller.name);
            if route.path.starts_with("/v1/") && !is_described(&route, status, &body) {
                wrong.push(format!("{called} {body} is not in the description"));
            }
            let right = match expected {
                Some(expected) => status == expected,
                None if status.is_server_error() => false,
                None if route.access == Access::Public => true,
                None => ![401, 403].contains(&status.as_u16()),
            };
            if !right {
                wrong.push(called);
            }
        }
    }

    assert_eq!(wrong, [""; 0]);
    // Nothing of the guardian's has changed by all that.
    for path in ["/v1/me/activities/{id}", "/v1/copies/{id}", "/v1/links/{id}"] {
        assert_eq!(
            guardian.try_get(&things.fill(path, &guardian)).await.0,
            StatusCode::OK,
            "{path}"
        );
    }
    assert_eq!(guardian.connection().await["state"], "connected");
    assert_eq!(guardian.get("/v1/links/invitations").await["items"][0]["id"], things.invitation);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_route_refuses_a_query_parameter_that_it_does_not_have() {
    let mut app = TestApp::start(Setup::default()).await;
    let user = app.administrator("Root").await;
    let checked: Vec<_> = routes().into_iter().filter(|it| it.path.starts_with("/v1/")).collect();
    assert!(checked.len() > 20);
    for route in checked {
        let path = route.path.replace(['{', '}'], "");
        let path = format!("{path}?nonsense=1");
        let (status, body) = call(&app, &route.method, &path, Some(&user.token)).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{} {path}", route.method);
        assert_eq!(body["errors"][0]["field"], "nonsense", "{} {path}", route.method);
    }
    assert_eq!(user.try_get("/v1/me/connections").await.0, StatusCode::OK, "still signed in");
    app.stop().await;
}
