//! The running program: listeners, services, and their stop.

use std::net::{IpAddr, SocketAddr, TcpListener};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use contracts::Topic;
use event_bus::Bus;
use http_kit::{HttpServer, Metrics, OpsEndpoints, Probe, TrustedProxies, Version};
use lifecycle::{StopSignals, Tasks};
use service_kit::Service;
use url::Url;

use crate::compose::{
    Addresses, Foundation, ServiceNames, Services, StartContext, all, data_dir, erasure_services,
};
use crate::connection_limits::ConnectionLimits;
use crate::internal_routes::InternalRoutes;
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

struct Listeners {
    public: TcpListener,
    ops: TcpListener,
}

impl Program {
    /// Opens listeners, log and databases and starts the named services.
    pub async fn start(settings: &Settings, names: &ServiceNames) -> anyhow::Result<Self> {
        let alone = *names == all();
        if !alone && settings.kafka.brokers.is_none() {
            bail!("kafka.brokers is not set: services in processes of their own meet on Kafka");
        }
        let foundation = Foundation::build(settings.clone(), alone)?;
        let listeners = Listeners {
            public: bind(settings.server.listen)?,
            ops: bind(settings.server.ops_listen)?,
        };
        data_dir::record_ops_address(&settings.data.dir, &local(&listeners.ops)?);
        warn_of_public_ops(settings.server.ops_listen);
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
        let limits = ConnectionLimits::of_process(settings.server.max_connections);
        HttpServer::new(listeners.ops).workers(1).max_connections(limits.ops).start(
            &tasks,
            move |routes| {
                ops_routes(routes);
                own_routes(routes);
                internal.internal_routes(routes);
            },
        )?;
        HttpServer::new(listeners.public)
            .workers(settings.server.workers)
            .max_connections(limits.public)
            .trusted_proxies(trusted_proxies(settings)?)
            .allowed_origins(settings.server.origins.clone())
            .start(&tasks, public_routes::public(&services))?;
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

fn trusted_proxies(settings: &Settings) -> anyhow::Result<TrustedProxies> {
    let proxies = settings.server.trusted_proxies.iter().map(String::as_str);
    TrustedProxies::parse(proxies)
        .map_err(|wrong| anyhow!("server.trusted_proxies: {wrong:?} is no address or network"))
}

/// Warns where strangers may reach the operations port.
fn warn_of_public_ops(address: SocketAddr) {
    if may_be_public(address.ip()) {
        tracing::warn!(
            %address,
            "the operations port is open beyond this machine and its private network: metrics and readiness are for everybody who reaches it; close it with --ops-listen 127.0.0.1:9090 or a firewall"
        );
    }
}

/// True unless the address is that of this machine, of a private network or of a link.
fn may_be_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => !(v4.is_loopback() || v4.is_private() || v4.is_link_local()),
        IpAddr::V6(v6) => !(v6.is_loopback() || v6.is_unique_local() || v6.is_unicast_link_local()),
    }
}

fn bind(address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address)
        .with_context(|| format!("cannot listen on {address}: is another program there? choose another with --listen and --ops-listen"))
}

fn addresses(
    settings: &Settings,
    listeners: &Listeners,
    names: &ServiceNames,
) -> anyhow::Result<Addresses> {
    let public = match &settings.server.public_url {
        Some(url) => with_slash(url.clone()),
        None => local(&listeners.public)?,
    };
    let token = match &settings.internal.token_url {
        Some(url) => with_slash(url.clone()),
        None if names.contains(token::Service::NAME) => local(&listeners.ops)?,
        // Only these two ask for leases.
        None if !names.contains("ingest") && !names.contains("duplication") => {
            local(&listeners.ops)?
        }
        None => {
            bail!("internal.token_url is not set: name the operations port of the token service")
        }
    };
    Ok(Addresses { public, reachable: settings.server.public_url.is_some(), token })
}

/// The address of a listener on this machine.
fn local(listener: &TcpListener) -> anyhow::Result<Url> {
    let mut address = listener.local_addr()?;
    if address.ip().is_unspecified() {
        address.set_ip(std::net::Ipv4Addr::LOCALHOST.into());
    }
    Ok(Url::parse(&format!("http://{address}/"))?)
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
    let url = local(&listeners.public)?;
    let bare = |url: &Url| url.as_str().trim_end_matches('/').to_owned();
    Ok(Ready {
        ready: true,
        ops_url: bare(&local(&listeners.ops)?),
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
    HttpServer::new(listeners.ops.try_clone()?)
        .workers(1)
        .start(&tasks, move |routes| internal.internal_routes(routes))?;
    services.spawn(bus, &foundation.runtime, &tasks);
    while bus.total_lag().await? > 0 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    tasks.join(Duration::from_secs(20)).await;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operations_port_on_a_public_or_on_every_address_is_told_from_a_private_one() {
        let public = |address: &str| may_be_public(address.parse().unwrap());
        for address in ["0.0.0.0", "::", "203.0.113.7", "2001:db8::1", "::ffff:203.0.113.7"] {
            assert!(public(address), "{address}");
        }
        for address in
            ["127.0.0.1", "10.0.0.3", "192.168.1.2", "::1", "fd00::1", "fe80::1", "::ffff:10.0.0.3"]
        {
            assert!(!public(address), "{address}");
        }
    }
}
