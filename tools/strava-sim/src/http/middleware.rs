//! The middleware around every public call: counters, faults, tokens, rate limits, headers.

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{AUTHORIZATION, DATE, HeaderMap, HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage, HttpResponse};

use super::caller::Caller;
use super::fault_injection::{call_handler, inject_fault};
use super::params::Params;
use super::response::Fault;
use crate::sim_state::{SimData, SimState};
use crate::times::format_http_date;
use crate::world::{FaultRule, RateLimitCheck};

/// The path without `/api/v3`, as fault rules name it.
fn without_api_prefix(path: &str) -> &str {
    path.strip_prefix("/api/v3").unwrap_or(path)
}

/// The pattern of an endpoint, such as `GET /activities/{id}/streams`, under either base.
fn endpoint_pattern(method: &str, path: &str) -> String {
    let mut out = format!("{method} ");
    let path = without_api_prefix(path);
    for segment in path.split('/').skip(1) {
        let digits = segment.strip_prefix(['b', 'g']).unwrap_or(segment);
        let is_id = !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit());
        out.push('/');
        out.push_str(if is_id { "{id}" } else { segment });
    }
    out
}

/// The token of a request: from the header, or from the query, which Strava accepts until June 2027.
fn bearer_token(request: &ServiceRequest) -> Option<String> {
    let header = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    match header.and_then(|text| text.split_once(' ')) {
        Some((kind, token)) if kind.eq_ignore_ascii_case("bearer") => Some(token.trim().to_owned()),
        _ => Params::from_query(request.query_string()).get("access_token").map(str::to_owned),
    }
}

/// The decision about a call, made before its handler runs.
struct CallDecision {
    caller: Option<Caller>,
    rate_limit: Option<RateLimitCheck>,
    fault: Option<FaultRule>,
    refusal: Option<Fault>,
}

/// Counts the call and decides about it, all under one lock.
fn decide_call(sim: &SimState, request: &ServiceRequest, endpoint: &str) -> CallDecision {
    let path = format!("{} {}", request.method(), without_api_prefix(request.path()));
    let needs_no_token = endpoint.contains("/oauth/") || endpoint.contains("/push_subscriptions");
    let now = sim.clock.now_s();
    let token = bearer_token(request);
    let mut world = sim.world();
    let world = &mut *world;
    *world.counters.calls.entry(endpoint.to_owned()).or_default() += 1;
    let caller = token
        .and_then(|token| world.tokens.access.get(&token))
        .filter(|token| token.expires_s > now)
        .map(|token| Caller {
            app: token.app,
            athlete: token.athlete,
            scopes: token.scopes.clone(),
        });
    let fault = world.take_fault(endpoint, &path, caller.as_ref().map(|caller| caller.athlete));
    let counted = caller.as_ref().filter(|_| !needs_no_token || endpoint.contains("deauthorize"));
    let app = counted.and_then(|caller| world.apps.get(&caller.app));
    let is_write = matches!(endpoint, "POST /activities" | "POST /uploads");
    let rate_limit =
        app.map(|app| world.usage.entry(app.id).or_default().count_call(app.limits, now, is_write));
    let refusal = match (app, &rate_limit) {
        _ if needs_no_token => None,
        (Some(app), _) if !app.active => Some(Fault::inactive()),
        (Some(_), Some(RateLimitCheck { exceeded: Some(bucket), .. })) => {
            Some(Fault::rate_limit(world.rate_limit_field.as_deref().unwrap_or(bucket)))
        }
        (Some(_), _) => None,
        (None, _) => Some(Fault::invalid_token()),
    };
    CallDecision { caller, rate_limit, fault, refusal }
}

/// The middleware; calls of the admin interface pass untouched.
pub(crate) async fn handle_call(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let path = request.path();
    if path.starts_with("/_sim") || path == "/" {
        return Ok(next.call(request).await?.map_into_boxed_body());
    }
    let Some(sim) = request.app_data::<SimData>().cloned() else {
        return Ok(request.into_response(HttpResponse::InternalServerError().finish()));
    };
    let endpoint = endpoint_pattern(request.method().as_str(), path);
    let decision = decide_call(&sim, &request, &endpoint);
    if let Some(caller) = decision.caller {
        request.extensions_mut().insert(caller);
    }
    let refusal = decision.refusal.as_ref();
    let mut response = match &decision.fault {
        Some(rule) => inject_fault(rule, request, next, refusal).await?,
        None => call_handler(request, next, refusal).await?,
    };
    if let Some(check) = &decision.rate_limit {
        write_rate_limits(response.headers_mut(), check);
    }
    // the simulator's own clock, also where the machine's differs
    insert_header(response.headers_mut(), DATE, &format_http_date(sim.clock.now_s()));
    response.response_mut().head_mut().set_camel_case_headers(true);
    *sim.world().counters.statuses.entry(response.status().as_str().to_owned()).or_default() += 1;
    Ok(response)
}

/// Writes the four headers; on a write the read usage is a bare comma.
fn write_rate_limits(headers: &mut HeaderMap, check: &RateLimitCheck) {
    let limits = check.limits;
    let pair = |[quarter, day]: [u32; 2]| format!("{quarter},{day}");
    for (name, value) in [
        ("x-ratelimit-limit", pair([limits.overall_15min, limits.overall_day])),
        ("x-ratelimit-usage", pair(check.overall)),
        ("x-readratelimit-limit", pair([limits.read_15min, limits.read_day])),
        ("x-readratelimit-usage", check.read.map_or_else(|| ",".to_owned(), pair)),
    ] {
        insert_header(headers, HeaderName::from_static(name), &value);
    }
}

fn insert_header(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}
