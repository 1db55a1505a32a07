//! Uploads: parsed for real, polled to their end.

use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::web::{self, Path};
use serde_json::{Value, json};

use super::caller::Caller;
use super::consent_page::escape_html;
use super::params::Params;
use super::response::{Fault, HandlerResult, json_response, ok_json};
use crate::sim_state::SimData;
use crate::times::{part_of_day, utc_offset_at};
use crate::tracks::{Recording, TrackError, gunzip};
use crate::world::{Activity, Athlete, SPORT_TYPES, StreamSource, SummaryActivity, Upload, World};

/// Maximum size of a file in bytes.
const MAX_FILE_BYTES: usize = 25 * 1024 * 1024;
const DATA_TYPES: [&str; 6] = ["fit", "fit.gz", "tcx", "tcx.gz", "gpx", "gpx.gz"];

const PROCESSING: &str = "Your activity is still being processed.";
const READY: &str = "Your activity is ready.";
const ERROR: &str = "There was an error processing your activity.";
const DELETED: &str = "The created activity has been deleted.";

/// `POST /uploads`.
pub(super) async fn create(sim: SimData, caller: Caller, mut params: Params) -> HandlerResult {
    caller.require_write()?;
    let file = params
        .file
        .take()
        .filter(|file| !file.bytes.is_empty())
        .ok_or_else(|| Fault::bad_request("Upload", "data", "empty"))?;
    if file.bytes.len() > MAX_FILE_BYTES {
        return Err(Fault::too_large());
    }
    let data_type = params.text("data_type").to_lowercase();
    if !DATA_TYPES.contains(&data_type.as_str()) {
        return Err(Fault::bad_request("Upload", "data_type", "invalid"));
    }
    if params.get("sport_type").is_some_and(|sport| !SPORT_TYPES.contains(&sport)) {
        return Err(Fault::bad_request("Activity", "sport_type", "invalid"));
    }
    if data_type.strip_suffix(".gz").is_some() && gunzip(&file.bytes).is_none() {
        return Err(Fault::bad_request("upload", "gzip", "invalid encoding"));
    }
    let external_id = match params.get("external_id") {
        Some(id) => format!("{id}.{data_type}"),
        None => file.name,
    };
    let recording = web::block(move || Recording::read(&data_type, &file.bytes))
        .await
        .map_err(|_stopped| Fault::unavailable())?;
    let mut world = sim.world();
    world.counters.uploads += 1;
    let settings = world.upload_settings.clone();
    let mut upload = Upload {
        id: world.new_id(),
        app: caller.app,
        athlete: caller.athlete,
        external_id,
        polls_left: settings.polls,
        never_ready: settings.never_ready,
        activity_deleted: settings.deleted,
        result: Err(settings.error.unwrap_or_default()),
        finished: false,
    };
    if world.upload_settings.error.is_none() {
        upload.result = build_activity(&mut world, &upload, &params, recording);
    }
    let answer = upload_json(upload.id, None, PROCESSING);
    if upload.polls_left == 0 {
        finish_upload(&mut world, upload);
    } else {
        world.uploads.insert(upload.id, upload);
    }
    Ok(json_response(StatusCode::CREATED, &answer))
}

/// Builds the activity of an upload; the error is Strava's text.
fn build_activity(
    world: &mut World,
    upload: &Upload,
    params: &Params,
    recording: Result<Recording, TrackError>,
) -> Result<Arc<Activity>, String> {
    let recording = recording.map_err(|error| error.to_string())?;
    let athlete = world.athlete(upload.athlete).ok_or_else(|| READY.to_owned())?;
    let length = recording.streams.time.last().copied().unwrap_or(0).max(1);
    check_duplicate(world, upload, recording.start_s, length)?;
    let summary = build_summary(world.new_id(), &athlete, upload, params, &recording);
    let mut activity = Activity::new(summary, StreamSource::Stored(Arc::new(recording.streams)));
    activity.description = params.get("description").map(str::to_owned);
    activity.calories = recording.calories;
    activity.laps = recording.laps;
    Ok(Arc::new(activity))
}

fn check_duplicate(
    world: &World,
    upload: &Upload,
    start_s: i64,
    length_s: i64,
) -> Result<(), String> {
    let Some(same) = world.find_overlapping(upload.athlete, start_s, start_s + length_s) else {
        return Ok(());
    };
    let (external_id, id) = (&upload.external_id, same.summary.id);
    Err(if world.upload_settings.duplicate_as_link {
        let name = escape_html(&same.summary.name);
        format!("{external_id} duplicate of <a href='/activities/{id}' target='_blank'>{name}</a>")
    } else {
        format!("{external_id} duplicate of activity {id}")
    })
}

fn build_summary(
    id: i64,
    athlete: &Athlete,
    upload: &Upload,
    params: &Params,
    recording: &Recording,
) -> SummaryActivity {
    let sport = params
        .get("sport_type")
        .or_else(|| params.get("activity_type").filter(|sport| SPORT_TYPES.contains(sport)))
        .or(recording.track.sport)
        .unwrap_or("Run");
    let mut summary = SummaryActivity::new(id, athlete.id, sport);
    summary.trainer = params.flag("trainer");
    summary.commute = params.flag("commute");
    summary.fill_from(recording, athlete.zone);
    let local_s = recording.start_s + utc_offset_at(athlete.zone, recording.start_s);
    let name = params.get("name").or(recording.track.name.as_deref()).map(str::to_owned);
    summary.name = name
        .unwrap_or_else(|| format!("{} {sport}", part_of_day(local_s.rem_euclid(86_400) / 3600)));
    summary.set_upload(upload.id, upload.external_id.as_str());
    summary
}

/// Creates the activity; one that overlaps another created meanwhile is a duplicate.
fn finish_upload(world: &mut World, mut upload: Upload) {
    upload.finished = true;
    if let Ok(activity) = &upload.result {
        let length = activity.summary.elapsed_time.max(1);
        if let Err(duplicate) = check_duplicate(world, &upload, activity.start_s, length) {
            upload.result = Err(duplicate);
        } else if !upload.never_ready && !upload.activity_deleted {
            upload.result = Ok(world.create_activity(Activity::clone(activity), false));
        }
    }
    world.uploads.insert(upload.id, upload);
}

fn upload_json(id: i64, external_id: Option<&str>, status: &str) -> Value {
    json!({
        "id": id, "id_str": id.to_string(), "external_id": external_id, "error": null, "status": status,
        "activity_id": null,
    })
}

/// `GET /uploads/{id}`.
pub(super) async fn show(sim: SimData, caller: Caller, id: Path<i64>) -> HandlerResult {
    caller.require_write()?;
    let mut world = sim.world();
    let not_found = || Fault::not_found("Upload");
    let upload = world
        .uploads
        .get_mut(&id)
        .filter(|upload| (upload.app, upload.athlete) == (caller.app, caller.athlete))
        .ok_or_else(not_found)?;
    if upload.never_ready || upload.polls_left > 0 {
        upload.polls_left = upload.polls_left.saturating_sub(1);
        return Ok(ok_json(&upload_json(*id, None, PROCESSING)));
    }
    if !upload.finished {
        let upload = upload.clone();
        finish_upload(&mut world, upload);
    }
    let upload = world.uploads.get(&id).ok_or_else(not_found)?;
    let status = match &upload.result {
        Err(_) => ERROR,
        Ok(_) if upload.activity_deleted => DELETED,
        Ok(_) => READY,
    };
    let mut answer = upload_json(*id, Some(&upload.external_id), status);
    match &upload.result {
        Err(error) => answer["error"] = json!(error),
        Ok(activity) if status == READY => answer["activity_id"] = json!(activity.summary.id),
        Ok(_) => {}
    }
    Ok(ok_json(&answer))
}
