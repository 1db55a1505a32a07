//! Streams of an activity.

use actix_web::http::StatusCode;
use actix_web::web::{self, Path};

use super::activities::find_own_activity;
use super::caller::Caller;
use super::params::Params;
use super::response::{Fault, HandlerResult, rendered_response};
use crate::content;
use crate::sim_state::SimData;
use crate::world::{ReadAccess, RenderedBody};

/// `GET /activities/{id}/streams`.
pub(super) async fn show(
    sim: SimData,
    caller: Caller,
    id: Path<i64>,
    params: Params,
) -> HandlerResult {
    let access = caller.read_access()?;
    let (activity, athlete) = find_own_activity(&sim, &caller, *id, access)?;
    let by_type = params.flag("key_by_type");
    let ready = activity.streams_ready_ms <= sim.clock.now_ms();
    // without keys only the distance comes, as recorded
    let keys = params.get("keys").unwrap_or("distance").to_owned();
    // reading a recorded file takes a while the first time
    let json = web::block(move || {
        let streams =
            content::load_streams(&activity).ok_or_else(|| Fault::not_found("Activity"))?;
        if !ready {
            return Ok(if by_type { "{}" } else { "[]" }.to_owned());
        }
        let kinds: Vec<&str> = keys.split(',').map(str::trim).collect();
        Ok(match (access, athlete.privacy_zone) {
            (ReadAccess::Limited, Some(zone)) => {
                streams.without_zone(&zone).to_json(&kinds, by_type)
            }
            _ => streams.to_json(&kinds, by_type),
        })
    })
    .await
    .map_err(|_stopped| Fault::unavailable())??;
    Ok(rendered_response(StatusCode::OK, RenderedBody::new(json)))
}
