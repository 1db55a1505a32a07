//! What happens around every call: counting, faults, tokens, rate limits, headers.

use std::future::{Ready, ready};
use std::time::Duration;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::http::header::{AUTHORIZATION, DATE, HeaderMap, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{Error, FromRequest, HttpMessage, HttpRequest, HttpResponse, ResponseError, web};

use super::params::Params;
use super::{Fault, delay, limits};
use crate::times::http_date;
use crate::world::{FaultKind, FaultRule, Scopes, Sight, Sim, Verdict};

/// Whose token came with the call.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    pub(crate) app: i64,
    pub(crate) athlete: i64,
    pub(crate) scopes: Scopes,
}

impl Caller {
    /// Refuses without a scope.
    pub(crate) fn require(&self, scope: &str, permission: &str) -> Result<(), Fault> {
        if self.scopes.has(scope) {
            return Ok(());
        }
        Err(Fault::scope_missing(permission))
    }

    /// How much of activities this token sees; refuses when nothing.
    pub(crate) fn sight(&self) -> Result<Sight, Fault> {
        if self.scopes.has("activity:read_all") {
            return Ok(Sight::All);
        }
        self.require("activity:read", "activity:read_permission")?;
        Ok(Sight::Limited)
    }

    /// Refuses without the right to write activities.
    pub(crate) fn may_write(&self) -> Result<(), Fault> {
        self.require("activity:write", "activity:write_permission")
    }
}

impl FromRequest for Caller {
    type Error = Fault;
    type Future = Ready<Result<Self, Fault>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(request.extensions().get::<Self>().cloned().ok_or_else(Fault::dead_token))
    }
}

/// `GET /activities/{id}/streams` of a method and a path under either base.
fn endpoint(method: &str, path: &str) -> String {
    let mut out = format!("{method} ");
    let path = path.strip_prefix("/api/v3").unwrap_or(path);
    for segment in path.split('/').skip(1) {
        let rest = segment.strip_prefix(['b', 'g']).unwrap_or(segment);
        let number = !rest.is_empty() && rest.bytes().all(|digit| digit.is_ascii_digit());
        out.push('/');
        out.push_str(if number { "{id}" } else { segment });
    }
    out
}

/// The token that came with a request: header, or query until June 2027.
fn bearer(request: &ServiceRequest) -> Option<String> {
    let header = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    match header.and_then(|text| text.split_once(' ')) {
        Some((kind, token)) if kind.eq_ignore_ascii_case("bearer") => Some(token.trim().to_owned()),
        _ if request.query_string().contains("access_token=") => {
            Params::of_query(request.query_string()).get("access_token").map(str::to_owned)
        }
        _ => None,
    }
}

struct Entry {
    caller: Option<Caller>,
    verdict: Option<Verdict>,
    fault: Option<FaultRule>,
    refusal: Option<Fault>,
}

/// Counts the call and decides about it, all under one lock.
fn enter(sim: &Sim, request: &ServiceRequest, name: &str) -> Entry {
    let path = format!("{} {}", request.method(), request.path());
    let open = name.contains("/oauth/") || name.contains("/push_subscriptions");
    let now = sim.clock.now_s();
    let token = bearer(request);
    let mut world = sim.world();
    let world = &mut *world;
    *world.counters.calls.entry(name.to_owned()).or_default() += 1;
    let caller = token
        .and_then(|token| world.tokens.access.get(&token))
        .filter(|token| token.expires_s > now)
        .map(|token| Caller {
            app: token.app,
            athlete: token.athlete,
            scopes: token.scopes.clone(),
        });
    let fault = fault(&mut world.faults, name, &path, caller.as_ref().map(|caller| caller.athlete));
    world.counters.faults += u64::from(fault.is_some());
    let counted = caller.as_ref().filter(|_| !open || name.contains("deauthorize"));
    let app = counted.and_then(|caller| world.apps.get(&caller.app));
    let write = matches!(name, "POST /activities" | "POST /uploads");
    let verdict =
        app.map(|app| world.usage.entry(app.id).or_default().count(app.limits, now, write));
    let refusal = if open {
        None
    } else if let (Some(app), Some(verdict)) = (app, &verdict) {
        let spelling = world.rate_limit_field.as_deref();
        match (app.active, verdict.over) {
            (false, _) => Some(Fault::inactive()),
            (_, Some(field)) => Some(Fault::rate_limit(spelling.unwrap_or(field))),
            _ => None,
        }
    } else {
        Some(Fault::dead_token())
    };
    Entry { caller, verdict, fault, refusal }
}

fn fault(
    rules: &mut Vec<FaultRule>,
    name: &str,
    path: &str,
    athlete: Option<i64>,
) -> Option<FaultRule> {
    let index = rules.iter().position(|rule| {
        rule.fits(name, path)
            && rule.athlete.is_none_or(|only| athlete == Some(only))
            && rule.count != Some(0)
    })?;
    let rule = &mut rules[index];
    if rule.skip > 0 {
        rule.skip -= 1;
        return None;
    }
    let found = rule.clone();
    if let Some(count) = &mut rule.count {
        *count -= 1;
        if *count == 0 {
            rules.remove(index);
        }
    }
    Some(found)
}

/// The middleware.
pub(crate) async fn guard(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let path = request.path();
    if path.starts_with("/_sim") || path == "/" {
        return Ok(next.call(request).await?.map_into_boxed_body());
    }
    let Some(sim) = request.app_data::<web::Data<Sim>>().cloned() else {
        return Ok(request.into_response(HttpResponse::InternalServerError().finish()));
    };
    let name = endpoint(request.method().as_str(), path);
    let entry = enter(&sim, &request, &name);
    if let Some(caller) = &entry.caller {
        request.extensions_mut().insert(caller.clone());
    }
    let mut response = match entry.fault.as_ref() {
        Some(rule) => faulty(rule, request, next, entry.refusal.as_ref()).await?,
        None => plain(request, next, entry.refusal.as_ref()).await?,
    };
    if let Some(verdict) = &entry.verdict {
        limits::write(response.headers_mut(), verdict);
    }
    date(response.headers_mut(), sim.clock.now_s());
    response.response_mut().head_mut().set_camel_case_headers(true);
    *sim.world().counters.statuses.entry(response.status().as_str().to_owned()).or_default() += 1;
    Ok(response)
}

/// The simulator's own clock, also where the machine's says otherwise.
fn date(headers: &mut HeaderMap, now_s: i64) {
    if let Ok(value) = HeaderValue::from_str(&http_date(now_s)) {
        headers.insert(DATE, value);
    }
}

async fn plain(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
    refusal: Option<&Fault>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    match refusal {
        Some(fault) => Ok(request.into_response(fault.error_response())),
        None => Ok(next.call(request).await?.map_into_boxed_body()),
    }
}

async fn faulty(
    rule: &FaultRule,
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
    refusal: Option<&Fault>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let pause = Duration::from_millis(rule.delay_ms.unwrap_or(3000));
    let answer = match rule.kind {
        FaultKind::Unauthorized => Fault::dead_token().error_response(),
        FaultKind::ScopeMissing => Fault::scope_missing("activity:read_permission").error_response(),
        FaultKind::Inactive => Fault::inactive().error_response(),
        FaultKind::NotFound => Fault::not_found("Activity").error_response(),
        FaultKind::RateLimit => Fault::rate_limit("rate limit").error_response(),
        FaultKind::Unavailable => Fault::unavailable().error_response(),
        FaultKind::ServerError => HttpResponse::InternalServerError()
            .content_type("text/html; charset=utf-8")
            .body("<!DOCTYPE html><html><head><title>Strava | 500</title></head><body><h1>Something went wrong</h1></body></html>"),
        FaultKind::BadGateway => HttpResponse::BadGateway().content_type("text/plain").body("upstream connect error"),
        FaultKind::Timeout => {
            tokio::time::sleep(pause).await;
            HttpResponse::GatewayTimeout().content_type("text/plain").body("upstream request timeout")
        }
        FaultKind::Reset => delay::broken(),
        FaultKind::AnswerLost => {
            let done = plain(request, next, refusal).await?;
            return Ok(done.into_response(delay::broken()));
        }
        FaultKind::Truncated => return Ok(delay::truncated(plain(request, next, refusal).await?).await),
        FaultKind::Slow => return Ok(delay::slow(plain(request, next, refusal).await?, pause).await),
    };
    Ok(request.into_response(answer))
}
