//! The dependencies that services are started with.

use std::pin::Pin;
use std::sync::Arc;

use event_bus::Bus;
use lifecycle::Tasks;
use url::Url;

use super::foundation::Foundation;
use super::running_service::RunningService;

/// The dependencies that services are started with.
#[derive(Clone, Copy)]
pub(crate) struct StartContext<'a> {
    pub(crate) foundation: &'a Foundation,
    pub(crate) bus: &'a Bus,
    pub(crate) addresses: &'a Addresses,
    pub(crate) tasks: &'a Tasks,
    /// The services whose answers complete an erasure.
    pub(crate) erasure_services: &'a [String],
}

/// The start of a service.
pub(crate) type Start<'a> =
    Pin<Box<dyn Future<Output = anyhow::Result<Arc<dyn RunningService>>> + 'a>>;

/// Addresses of this process and of the token service.
#[derive(Clone, Debug)]
pub struct Addresses {
    /// Public address for browsers; that of the public listener when none is set.
    pub public: Url,
    /// True if the operator set a public address, so that Strava can call the webhook.
    pub reachable: bool,
    /// Operations listener of the token service.
    pub token: Url,
}
