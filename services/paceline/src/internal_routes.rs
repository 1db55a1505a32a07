//! The program's own routes on the operations port, for the commands beside it. Each takes the internal credential.

use actix_web::http::StatusCode;
use actix_web::web::{self, Data, ServiceConfig};
use actix_web::{HttpResponse, http::header};
use auth::{InternalCaller, ServiceCredential};
use event_bus::Bus;
use http_kit::{Path, Problem, Version};
use outbox::{ParkedEvents, ReplayError, StoreError};

use crate::compose::{Foundation, Services};
use crate::doctor::{self, RunningProgram};
use crate::parked::{MAX_LISTED, ParkedRecord, ParkedSummary};

/// The parts of the running program that the commands ask about.
#[derive(Clone)]
pub(crate) struct InternalRoutes {
    pub(crate) foundation: Foundation,
    pub(crate) bus: Bus,
    pub(crate) services: Services,
    pub(crate) version: Version,
}

impl InternalRoutes {
    /// Returns the route configuration.
    pub(crate) fn routes(self) -> impl Fn(&mut ServiceConfig) + Clone + Send + 'static {
        move |routes| {
            let credential: ServiceCredential = self.foundation.credential.clone();
            routes
                .app_data(Data::new(credential))
                .app_data(Data::new(self.clone()))
                .route("/internal/v1/program", web::get().to(program))
                .route("/internal/v1/doctor", web::get().to(check))
                .route("/internal/v1/parked", web::get().to(list))
                .service(
                    web::resource("/internal/v1/parked/{service}/{id}")
                        .route(web::get().to(show))
                        .route(web::delete().to(remove)),
                )
                .route("/internal/v1/parked/{service}/{id}/replay", web::post().to(replay));
        }
    }

    fn find_service(&self, name: &str) -> Result<ParkedEvents, Problem> {
        self.services.parked(name).ok_or_else(|| {
            let running = self.services.names().join(", ");
            Problem::new(StatusCode::CONFLICT, "service-not-running")
                .detail(format!("this program runs {running}"))
        })
    }
}

/// The version, for a caller with the credential.
async fn program(_caller: InternalCaller, own: Data<InternalRoutes>) -> HttpResponse {
    HttpResponse::Ok().json(&own.version)
}

/// The findings of the doctor.
async fn check(_caller: InternalCaller, own: Data<InternalRoutes>) -> HttpResponse {
    let program = RunningProgram {
        foundation: &own.foundation,
        bus: &own.bus,
        services: &own.version.services,
    };
    let findings = doctor::check(&own.foundation.settings, Some(program)).await;
    HttpResponse::Ok().insert_header((header::CACHE_CONTROL, "no-store")).json(findings)
}

async fn list(_caller: InternalCaller, own: Data<InternalRoutes>) -> Result<HttpResponse, Problem> {
    let mut listed = Vec::new();
    for name in own.services.names() {
        let Some(parked) = own.services.parked(&name) else { continue };
        let events = parked.list(MAX_LISTED).await.map_err(store_problem)?;
        listed.extend(events.iter().map(|event| ParkedSummary::new(&name, event)));
    }
    Ok(HttpResponse::Ok().json(listed))
}

async fn show(
    _caller: InternalCaller,
    path: Path<(String, String)>,
    own: Data<InternalRoutes>,
) -> Result<HttpResponse, Problem> {
    let Path((service, id)) = path;
    let event = own.find_service(&service)?.show(&id).await.map_err(store_problem)?;
    let event = event.ok_or_else(Problem::not_found)?;
    Ok(HttpResponse::Ok().json(ParkedRecord::new(&service, &event)))
}

async fn replay(
    _caller: InternalCaller,
    path: Path<(String, String)>,
    own: Data<InternalRoutes>,
) -> Result<HttpResponse, Problem> {
    let Path((service, id)) = path;
    answer(own.find_service(&service)?.replay(&id).await.map_err(replay_problem)?)
}

async fn remove(
    _caller: InternalCaller,
    path: Path<(String, String)>,
    own: Data<InternalRoutes>,
) -> Result<HttpResponse, Problem> {
    let Path((service, id)) = path;
    answer(own.find_service(&service)?.drop(&id).await.map_err(store_problem)?)
}

fn answer(done: bool) -> Result<HttpResponse, Problem> {
    if done { Ok(HttpResponse::NoContent().finish()) } else { Err(Problem::not_found()) }
}

fn replay_problem(error: ReplayError) -> Problem {
    match error {
        ReplayError::Store(error) => store_problem(error),
        error @ (ReplayError::Topic(_) | ReplayError::TooLarge(_)) => {
            Problem::new(StatusCode::CONFLICT, "not-replayable").detail(error)
        }
    }
}

fn store_problem(error: StoreError) -> Problem {
    match error {
        StoreError::Unavailable(_) | StoreError::Conflict(_) | StoreError::CommitUnknown(_) => {
            Problem::unavailable(error)
        }
        other => Problem::internal(other),
    }
}
