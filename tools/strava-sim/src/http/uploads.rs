//! Uploads: read for real, polled to their end.

use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use serde_json::{Value, json};

use super::consent_page::escape;
use super::guard::Caller;
use super::params::Params;
use super::reply::{Fault, answer, ok};
use crate::times::offset_at;
use crate::tracks::summarize::Recorded;
use crate::tracks::{TrackError, gunzip};
use crate::world::{Activity, Athlete, SPORT_TYPES, Sim, Source, Summary, Upload, World};

const LARGEST: usize = 25 * 1024 * 1024;
const TYPES: [&str; 6] = ["fit", "fit.gz", "tcx", "tcx.gz", "gpx", "gpx.gz"];

const PROCESSING: &str = "Your activity is still being processed.";
const READY: &str = "Your activity is ready.";
const ERROR: &str = "There was an error processing your activity.";
const DELETED: &str = "The created activity has been deleted.";

/// `POST /uploads`.
pub(crate) async fn create(
    sim: web::Data<Sim>,
    caller: Caller,
    mut params: Params,
) -> Result<HttpResponse, Fault> {
    caller.may_write()?;
    let file = params
        .file
        .take()
        .filter(|file| !file.bytes.is_empty())
        .ok_or_else(|| Fault::bad("Upload", "data", "empty"))?;
    if file.bytes.len() > LARGEST {
        return Err(Fault::too_large());
    }
    let data_type = params.text("data_type").to_lowercase();
    if !TYPES.contains(&data_type.as_str()) {
        return Err(Fault::bad("Upload", "data_type", "invalid"));
    }
    if params.get("sport_type").is_some_and(|sport| !SPORT_TYPES.contains(&sport)) {
        return Err(Fault::bad("Activity", "sport_type", "invalid"));
    }
    let packed = data_type.strip_suffix(".gz").is_some();
    if packed && gunzip(&file.bytes).is_none() {
        return Err(Fault::bad("upload", "gzip", "invalid encoding"));
    }
    let external_id = match params.get("external_id") {
        Some(id) => format!("{id}.{data_type}"),
        None => file.name.clone(),
    };
    let parsed = {
        let (bytes, data_type) = (file.bytes.clone(), data_type.clone());
        web::block(move || Recorded::read(&data_type, &bytes))
            .await
            .map_err(|_stopped| Fault::unavailable())?
    };
    let now = sim.clock.now_ms();
    let mut world = sim.world();
    world.counters.uploads += 1;
    let id = world.new_id();
    let outcome = outcome(&mut world, &caller, &params, (id, &external_id, now), parsed);
    let upload = Upload {
        id,
        app: caller.app,
        athlete: caller.athlete,
        external_id,
        polls_left: world.upload_settings.polls,
        never: world.upload_settings.never_ready,
        gone: world.upload_settings.deleted,
        outcome,
        finished: false,
    };
    if upload.polls_left == 0 {
        finish(&mut world, upload, now);
        sim.wake.notify_one();
    } else {
        world.uploads.insert(id, upload);
    }
    Ok(answer(StatusCode::CREATED, &body(id, None, PROCESSING, (None, None))))
}

fn outcome(
    world: &mut World,
    caller: &Caller,
    params: &Params,
    (upload, external_id, now): (i64, &str, i64),
    parsed: Result<Recorded, TrackError>,
) -> Result<Arc<Activity>, String> {
    if let Some(error) = &world.upload_settings.error {
        return Err(error.clone());
    }
    let recorded = parsed.map_err(|error| error.to_string())?;
    let athlete = world.athletes.get(&caller.athlete).cloned().ok_or_else(|| READY.to_owned())?;
    let length = recorded.streams.time.last().copied().unwrap_or(0).max(1);
    if let Some(same) =
        world.overlapping(caller.athlete, recorded.start_s, recorded.start_s + length)
    {
        return Err(duplicate(world, external_id, &same));
    }
    let id = world.new_id();
    let activity = build(&athlete, params, recorded, (id, upload, external_id), now);
    Ok(Arc::new(activity))
}

fn duplicate(world: &World, external_id: &str, same: &Activity) -> String {
    let id = same.summary.id;
    if world.upload_settings.duplicate_as_link {
        let name = escape(&same.summary.name);
        return format!(
            "{external_id} duplicate of <a href='/activities/{id}' target='_blank'>{name}</a>"
        );
    }
    format!("{external_id} duplicate of activity {id}")
}

fn build(
    athlete: &Athlete,
    params: &Params,
    recorded: Recorded,
    (id, upload, external_id): (i64, i64, &str),
    now: i64,
) -> Activity {
    let sport = params
        .get("sport_type")
        .or_else(|| params.get("activity_type").filter(|sport| SPORT_TYPES.contains(sport)))
        .or(recorded.track.sport)
        .unwrap_or("Run");
    let mut summary = Summary::blank(id, athlete.id, sport);
    summary.trainer = params.flag("trainer");
    summary.commute = params.flag("commute");
    recorded.fill(&mut summary, athlete.zone);
    let hour =
        (recorded.start_s + offset_at(athlete.zone, recorded.start_s)).rem_euclid(86_400) / 3600;
    let part = match hour {
        0..11 => "Morning",
        11..14 => "Lunch",
        14..18 => "Afternoon",
        18..21 => "Evening",
        _ => "Night",
    };
    let default = recorded.track.name.clone().unwrap_or_else(|| format!("{part} {sport}"));
    summary.name = params.get("name").map_or(default, str::to_owned);
    summary.upload_id = Some(upload);
    summary.upload_id_str = Some(upload.to_string());
    summary.external_id = Some(external_id.to_owned());
    let mut activity = Activity::new(summary, Source::Kept(Arc::new(recorded.streams)));
    activity.description = params.get("description").map(str::to_owned);
    activity.calories = recorded.calories;
    activity.laps = recorded.laps;
    activity.streams_ready_ms = now;
    activity
}

/// Makes the activity, once; a second one that overlaps meanwhile became a duplicate.
fn finish(world: &mut World, mut upload: Upload, now: i64) {
    upload.finished = true;
    if let Ok(activity) = &upload.outcome {
        let end = activity.start_s + activity.summary.elapsed_time.max(1);
        if let Some(same) = world.overlapping(upload.athlete, activity.start_s, end) {
            upload.outcome = Err(duplicate(world, &upload.external_id, &same));
        } else if !upload.never && !upload.gone {
            let made = world.create(Activity::clone(activity), false, now);
            upload.outcome = Ok(made);
        }
    }
    world.uploads.insert(upload.id, upload);
}

fn body(
    id: i64,
    external_id: Option<&str>,
    status: &str,
    (error, activity): (Option<&str>, Option<i64>),
) -> Value {
    json!({
        "id": id, "id_str": id.to_string(), "external_id": external_id, "error": error, "status": status,
        "activity_id": activity,
    })
}

/// `GET /uploads/{id}`.
pub(crate) async fn show(
    sim: web::Data<Sim>,
    caller: Caller,
    id: web::Path<i64>,
) -> Result<HttpResponse, Fault> {
    caller.may_write()?;
    let now = sim.clock.now_ms();
    let mut world = sim.world();
    let mut upload = world
        .uploads
        .get(&id)
        .filter(|upload| (upload.app, upload.athlete) == (caller.app, caller.athlete))
        .cloned()
        .ok_or_else(|| Fault::not_found("Upload"))?;
    if upload.never || upload.polls_left > 0 {
        upload.polls_left = upload.polls_left.saturating_sub(1);
        world.uploads.insert(*id, upload);
        return Ok(ok(&body(*id, None, PROCESSING, (None, None))));
    }
    if !upload.finished {
        finish(&mut world, upload, now);
        sim.wake.notify_one();
    }
    let upload = world.uploads.get(&id).ok_or_else(|| Fault::not_found("Upload"))?;
    let external = Some(upload.external_id.as_str());
    Ok(ok(&match &upload.outcome {
        Err(error) => body(*id, external, ERROR, (Some(error), None)),
        Ok(_) if upload.gone => body(*id, external, DELETED, (None, None)),
        Ok(made) => body(*id, external, READY, (None, Some(made.summary.id))),
    }))
}
