//! Streams of an activity.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};

use super::activities::own;
use super::guard::Caller;
use super::params::Params;
use super::reply::{self, Fault};
use crate::world::{Sight, Sim};

/// `GET /activities/{id}/streams`.
pub(crate) async fn show(
    sim: web::Data<Sim>,
    caller: Caller,
    id: web::Path<i64>,
    params: Params,
) -> Result<HttpResponse, Fault> {
    let sight = caller.sight()?;
    let (activity, athlete) = own(&sim, &caller, *id, sight)?;
    let by_type = params.flag("key_by_type");
    let ready = activity.streams_ready_ms <= sim.clock.now_ms();
    let asked = params.text("keys").to_owned();
    // reading a recorded file takes a while the first time
    let json = web::block(move || {
        let streams = activity.streams().ok_or_else(|| Fault::not_found("Activity"))?;
        if !ready {
            return Ok(if by_type { "{}" } else { "[]" }.to_owned());
        }
        // without keys only the distance comes, as recorded
        let kinds: Vec<&str> = if asked.is_empty() {
            vec!["distance"]
        } else {
            asked.split(',').map(str::trim).collect()
        };
        Ok(match (sight, athlete.privacy_zone) {
            (Sight::Limited, Some((home, radius))) => {
                streams.without_zone(home, radius).json(&kinds, by_type)
            }
            _ => streams.json(&kinds, by_type),
        })
    })
    .await
    .map_err(|_stopped| Fault::unavailable())??;
    Ok(reply::rendered(StatusCode::OK, reply::body(json)))
}
