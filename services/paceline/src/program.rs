//! The running program: listeners, services, and their stop.

use std::process::ExitCode;
use std::time::Duration;

use actix_web::web::ServiceConfig;
use anyhow::{Context, bail};
use contracts::Topic;
use event_bus::Bus;
use http_kit::{HttpServer, Metrics, OpsEndpoints, Probe, Version};
use lifecycle::{StopSignals, Tasks};
use service_kit::Service;
use url::Url;

use crate::compose::{
    Addresses, Foundation, ServiceNames, Services, StartContext, all, data_dir, erasure_services,
};
use crate::internal_routes::InternalRoutes;
use crate::listeners::{Listeners, path_prefix};
use crate::program_metrics;
use crate::public_routes;
use crate::ready::Ready;
use crate::settings::Settings;

/// Name of the program, as `/version` tells it.
pub(crate) const NAME: &str = "paceline";
/// Time limit for draining the built-in log before Kafka is used.
const DRAIN_TIMEOUT: Duration = Duration::from_mins(30);

/// A running program.
pub struct Program {
    /// The ready message.
    pub ready: Ready,
    /// The services.
    pub services: Services,
    /// The log.
    pub bus: Bus,
    tasks: Tasks,
    /// Holds the lock of the data directory.
    _foundation: Box<Foundation>,
}

impl Program {
    /// Opens listeners, log and databases and starts the named services.
    pub async fn start(settings: &Settings, names: &ServiceNames) -> anyhow::Result<Self> {
        let alone = *names == all();
        if !alone && settings.kafka.brokers.is_none() {
            bail!("kafka.brokers is not set: services in processes of their own meet on Kafka");
        }
        let foundation = Foundation::build(settings.clone(), alone)?;
        let listeners = Listeners::bind(settings)?;
        data_dir::record_ops_address(&settings.data.dir, &listeners.ops_url()?);
        let addresses = addresses(settings, &listeners, names)?;
        let metrics = Metrics::install()?;
        program_metrics::register(names);
        drain_built_in_log(&foundation, names, &addresses, &listeners).await?;
        let bus = foundation.bus().await?;
        let prepare = async {
            bus.ensure_topics(&Topic::ALL).await.context("the log's topics cannot be made")?;
            bus.warm_up().await.context("the log does not answer")
        };
        let tasks = Tasks::new();
        let with = StartContext {
            foundation: &foundation,
            bus: &bus,
            addresses: &addresses,
            tasks: &tasks,
            erasure_services: &erasure_services(&foundation.settings),
        };
        let services = Services::start(names, with);
        let (services, ()) = tokio::try_join!(services, prepare)?;
        let ready = ready_message(&services, &bus, &listeners, &addresses)?;
        metrics.spawn_upkeep(&tasks);
        let version = version(&services);
        let mut collectors = services.collectors();
        collectors.push(program_metrics::space_collector(&settings.data.dir));
        let probes = probes(&services, &bus);
        let ops = OpsEndpoints::new(probes, metrics, version.clone(), tasks.soft())
            .collectors(collectors);
        let own = InternalRoutes {
            foundation: foundation.clone(),
            bus: bus.clone(),
            services: services.clone(),
            version,
        };
        let (ops_routes, own_routes, internal) = (ops.routes(), own.routes(), services.clone());
        let ops_routes = move |routes: &mut ServiceConfig| {
            ops_routes(routes);
            own_routes(routes);
            internal.internal_routes(routes);
        };
        listeners.serve(
            settings,
            &tasks,
            ops_routes,
            public_routes::public(&services, &path_prefix(settings)),
        )?;
        services.spawn(&bus, &foundation.runtime, &tasks);
        Ok(Self { ready, services, bus, tasks, _foundation: Box::new(foundation) })
    }

    /// Runs until a signal, or until a task fails.
    pub async fn run(self, signals: StopSignals) -> ExitCode {
        self.tasks.run_until_signal(signals).await
    }

    /// Stops softly.
    pub async fn stop(self) {
        self.tasks.join(Duration::from_secs(20)).await;
    }
}

fn addresses(
    settings: &Settings,
    listeners: &Listeners,
    names: &ServiceNames,
) -> anyhow::Result<Addresses> {
    let public = match &settings.server.public_url {
        Some(url) => with_slash(url.clone()),
        None => listeners.public_url()?,
    };
    let token = match &settings.internal.token_url {
        Some(url) => with_slash(url.clone()),
        None if names.contains(token::Service::NAME) => listeners.ops_url()?,
        // Only these two ask for leases.
        None if !names.contains("ingest") && !names.contains("duplication") => {
            listeners.ops_url()?
        }
        None => {
            bail!("internal.token_url is not set: name the operations port of the token service")
        }
    };
    Ok(Addresses { public, reachable: settings.server.public_url.is_some(), token })
}

fn with_slash(mut url: Url) -> Url {
    if !url.path().ends_with('/') {
        let path = format!("{}/", url.path());
        url.set_path(&path);
    }
    url
}

fn ready_message(
    services: &Services,
    bus: &Bus,
    listeners: &Listeners,
    addresses: &Addresses,
) -> anyhow::Result<Ready> {
    let url = listeners.public_url()?;
    let bare = |url: &Url| url.as_str().trim_end_matches('/').to_owned();
    Ok(Ready {
        ready: true,
        ops_url: bare(&listeners.ops_url()?),
        public_url: addresses.reachable.then(|| bare(&addresses.public)),
        docs_url: format!("{}{}", bare(&url), public_routes::DOCS),
        url: bare(&url),
        log: if bus.is_built_in() { "built-in" } else { "kafka" }.to_owned(),
        services: services.names(),
    })
}

/// The checks of the services and of the log.
fn probes(services: &Services, bus: &Bus) -> Vec<Probe> {
    let (mut probes, bus) = (services.probes(), bus.clone());
    // Shown, not vital: what needs the log waits for it, and intake has the database besides.
    let log = Probe::new("log", move || {
        let bus = bus.clone();
        async move { bus.check_health().await }
    });
    probes.push(log.optional());
    probes
}

fn version(services: &Services) -> Version {
    Version {
        name: NAME.to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        commit: option_env!("PACELINE_COMMIT").map(str::to_owned),
        services: services.names(),
    }
}

/// Handles what the built-in log of this data directory still holds, before Kafka is used: again, if the last work
/// published something while the consumers were stopping.
async fn drain_built_in_log(
    foundation: &Foundation,
    names: &ServiceNames,
    addresses: &Addresses,
    listeners: &Listeners,
) -> anyhow::Result<()> {
    if foundation.settings.kafka.brokers.is_none() || !foundation.log_file().exists() {
        return Ok(());
    }
    let bus = foundation.built_in_log().await?;
    let work_off = async {
        loop {
            let waiting = bus.total_lag().await?;
            if waiting == 0 {
                return anyhow::Ok(());
            }
            tracing::info!(
                waiting,
                "working off what the built-in log still holds, before Kafka takes over"
            );
            handle_waiting(foundation, &bus, names, addresses, listeners).await?;
        }
    };
    match tokio::time::timeout(DRAIN_TIMEOUT, work_off).await {
        Ok(done) => done,
        Err(_elapsed) => bail!(
            "the built-in log still holds unhandled records after {DRAIN_TIMEOUT:?}; run without --kafka and look at `paceline parked list`"
        ),
    }
}

/// Runs the services on this log until nothing waits in it, and stops them.
async fn handle_waiting(
    foundation: &Foundation,
    bus: &Bus,
    names: &ServiceNames,
    addresses: &Addresses,
    listeners: &Listeners,
) -> anyhow::Result<()> {
    let tasks = Tasks::new();
    let erasure_services = &erasure_services(&foundation.settings);
    let with = StartContext { foundation, bus, addresses, tasks: &tasks, erasure_services };
    let services = Services::start(names, with).await?;
    // Leases are asked for over the operations port, so it must answer meanwhile.
    let internal = services.clone();
    HttpServer::new(listeners.try_clone_ops()?)
        .workers(1)
        .start(&tasks, move |routes| internal.internal_routes(routes))?;
    services.spawn(bus, &foundation.runtime, &tasks);
    while bus.total_lag().await? > 0 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    tasks.join(Duration::from_secs(20)).await;
    Ok(())
}
