//! The public routes: our own summary, and those of the predecessors.

mod cache;
mod errors;
mod predecessor;
mod predecessor_bodies;
mod summary;

use std::sync::Arc;

use actix_web::web::{Data, ServiceConfig};
use utoipa::OpenApi;

use crate::usecases::ServiceContext;

/// The state the handlers share.
#[derive(Clone, Debug)]
pub(crate) struct HttpState {
    ctx: Data<ServiceContext>,
    verifier: Data<Arc<auth::Verifier>>,
    predecessor: Data<predecessor::PredecessorState>,
}

impl HttpState {
    pub(crate) fn new(ctx: &Arc<ServiceContext>, verifier: &Arc<auth::Verifier>) -> Self {
        Self {
            ctx: Data::from(Arc::clone(ctx)),
            verifier: Data::new(Arc::clone(verifier)),
            predecessor: Data::new(predecessor::PredecessorState::new(ctx)),
        }
    }

    /// Registers the routes.
    pub(crate) fn configure(&self, config: &mut ServiceConfig) {
        config
            .app_data(self.ctx.clone())
            .app_data(self.verifier.clone())
            .app_data(self.predecessor.clone());
        summary::configure(config);
        predecessor::configure(config);
    }
}

/// The OpenAPI description of these routes.
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
