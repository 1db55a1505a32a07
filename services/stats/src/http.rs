//! The doors: our own summary, and the predecessors' public routes.

mod cache;
mod errors;
mod predecessor;
mod predecessor_bodies;
mod summary;

use std::sync::Arc;

use actix_web::web::{Data, ServiceConfig};
use utoipa::OpenApi;

use crate::usecases::Core;

/// What the handlers share.
#[derive(Clone, Debug)]
pub(crate) struct Doors {
    core: Data<Core>,
    verifier: Data<Arc<auth::Verifier>>,
    told: Data<predecessor::Told>,
}

impl Doors {
    pub(crate) fn new(core: &Arc<Core>, verifier: &Arc<auth::Verifier>) -> Self {
        Self {
            core: Data::from(Arc::clone(core)),
            verifier: Data::new(Arc::clone(verifier)),
            told: Data::new(predecessor::Told::new(Arc::clone(core))),
        }
    }

    /// Registers the routes.
    pub(crate) fn configure(&self, config: &mut ServiceConfig) {
        config
            .app_data(self.core.clone())
            .app_data(self.verifier.clone())
            .app_data(self.told.clone());
        summary::configure(config);
        predecessor::configure(config);
    }
}

/// The description of these doors.
#[derive(OpenApi)]
#[openapi(paths(
    summary::get_summary,
    predecessor::health,
    predecessor::ytd,
    predecessor::activities,
    predecessor::monthly,
    predecessor::distance
))]
pub(crate) struct Api;
