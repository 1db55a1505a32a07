//! Started services, whatever their types.

use actix_web::web::ServiceConfig;
use event_bus::Bus;
use http_kit::{Collector, Probe};
use lifecycle::Tasks;
use outbox::ParkedEvents;
use service_kit::{Runtime, Service};

/// A started service, whatever its type.
pub(crate) trait RunningService: Send + Sync {
    fn name(&self) -> &'static str;
    fn routes(&self, routes: &mut ServiceConfig);
    fn internal_routes(&self, routes: &mut ServiceConfig);
    fn probes(&self) -> Vec<Probe>;
    fn collectors(&self) -> Vec<Collector>;
    fn parked(&self) -> ParkedEvents;
    fn spawn(&self, bus: &Bus, runtime: &Runtime, tasks: &Tasks);
}

impl<S: Service> RunningService for S {
    fn name(&self) -> &'static str {
        S::NAME
    }

    fn routes(&self, routes: &mut ServiceConfig) {
        Service::routes(self, routes);
    }

    fn internal_routes(&self, routes: &mut ServiceConfig) {
        Service::internal_routes(self, routes);
    }

    fn probes(&self) -> Vec<Probe> {
        Service::probes(self)
    }

    fn collectors(&self) -> Vec<Collector> {
        Service::collectors(self)
    }

    fn parked(&self) -> ParkedEvents {
        ParkedEvents::new(Service::database(self).clone())
    }

    fn spawn(&self, bus: &Bus, runtime: &Runtime, tasks: &Tasks) {
        service_kit::spawn(self, bus, runtime, tasks);
    }
}
