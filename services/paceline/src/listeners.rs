//! The two listeners of a process: the public one, and the operations port.

use std::net::{IpAddr, SocketAddr, TcpListener};

use actix_web::web::ServiceConfig;
use anyhow::{Context, anyhow};
use http_kit::{HttpServer, PathPrefix, TrustedProxies};
use lifecycle::Tasks;
use url::Url;

use crate::connection_limits::ConnectionLimits;
use crate::settings::Settings;

/// The bound listeners.
pub(crate) struct Listeners {
    public: TcpListener,
    ops: TcpListener,
}

impl Listeners {
    /// Binds both, and warns where strangers may reach the operations port.
    pub(crate) fn bind(settings: &Settings) -> anyhow::Result<Self> {
        let ops = settings.server.ops_listen;
        if may_be_public(ops.ip()) {
            tracing::warn!(
                address = %ops,
                "the operations port is open beyond this machine and its private network: metrics and readiness are for everybody who reaches it; close it with --ops-listen 127.0.0.1:9090 or a firewall"
            );
        }
        Ok(Self { public: bind(settings.server.listen)?, ops: bind(ops)? })
    }

    /// The address of the public listener on this machine.
    pub(crate) fn public_url(&self) -> anyhow::Result<Url> {
        local(&self.public)
    }

    /// The address of the operations port on this machine.
    pub(crate) fn ops_url(&self) -> anyhow::Result<Url> {
        local(&self.ops)
    }

    /// A second handle of the operations port.
    pub(crate) fn try_clone_ops(&self) -> anyhow::Result<TcpListener> {
        Ok(self.ops.try_clone()?)
    }

    /// Serves these routes on them until the tasks stop.
    pub(crate) fn serve(
        self,
        settings: &Settings,
        tasks: &Tasks,
        ops: impl Fn(&mut ServiceConfig) + Clone + Send + 'static,
        public: impl Fn(&mut ServiceConfig) + Clone + Send + 'static,
    ) -> anyhow::Result<()> {
        let limits = ConnectionLimits::of_process(settings.server.max_connections);
        HttpServer::new(self.ops).workers(1).max_connections(limits.ops).start(tasks, ops)?;
        HttpServer::new(self.public)
            .workers(settings.server.workers)
            .max_connections(limits.public)
            .path_prefix(path_prefix(settings))
            .trusted_proxies(trusted_proxies(settings)?)
            .allowed_origins(settings.server.origins.clone())
            .start(tasks, public)?;
        Ok(())
    }
}

fn bind(address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address)
        .with_context(|| format!("cannot listen on {address}: is another program there? choose another with --listen and --ops-listen"))
}

/// The address of a listener on this machine.
fn local(listener: &TcpListener) -> anyhow::Result<Url> {
    let mut address = listener.local_addr()?;
    if address.ip().is_unspecified() {
        address.set_ip(std::net::Ipv4Addr::LOCALHOST.into());
    }
    Ok(Url::parse(&format!("http://{address}/"))?)
}

/// The path of the public address, under which a proxy may serve us.
pub(crate) fn path_prefix(settings: &Settings) -> PathPrefix {
    let public = settings.server.public_url.as_ref();
    public.map_or_else(PathPrefix::default, |url| PathPrefix::from_path(url.path()))
}

fn trusted_proxies(settings: &Settings) -> anyhow::Result<TrustedProxies> {
    let proxies = settings.server.trusted_proxies.iter().map(String::as_str);
    TrustedProxies::parse(proxies)
        .map_err(|wrong| anyhow!("server.trusted_proxies: {wrong:?} is no address or network"))
}

/// True unless the address is that of this machine, of a private network or of a link.
fn may_be_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => !(v4.is_loopback() || v4.is_private() || v4.is_link_local()),
        IpAddr::V6(v6) => !(v6.is_loopback() || v6.is_unique_local() || v6.is_unicast_link_local()),
    }
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
