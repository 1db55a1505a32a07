//! The address of the client behind a request, also behind proxies of ours.

use std::net::{IpAddr, Ipv4Addr};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use futures::future::{Ready, ready};
use ipnet::IpNet;

use crate::Problem;

/// Networks of proxies whose `X-Forwarded-For` is believed; `HttpServer` registers them with `app_data`.
#[derive(Clone, Debug, Default)]
pub struct TrustedProxies(Vec<IpNet>);

impl TrustedProxies {
    /// Parses addresses and networks, such as `10.0.0.0/8`.
    ///
    /// # Errors
    ///
    /// Fails with the first that is neither.
    pub fn parse<'a>(proxies: impl IntoIterator<Item = &'a str>) -> Result<Self, String> {
        let parse = |proxy: &str| {
            let proxy = proxy.trim();
            let network =
                proxy.parse().or_else(|_no_network| proxy.parse::<IpAddr>().map(IpNet::from));
            network.map_err(|_neither| proxy.to_owned())
        };
        proxies.into_iter().map(parse).collect::<Result<_, _>>().map(Self)
    }

    fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }

    /// Returns the last address that no proxy of ours has: what stands before it, anybody may have written.
    fn client(&self, peer: IpAddr, forwarded_for: &str) -> IpAddr {
        let mut client = peer;
        for next in forwarded_for.rsplit(',') {
            if !self.contains(client) {
                break;
            }
            let Ok(next) = next.trim().parse() else { break };
            client = next;
        }
        client
    }
}

/// The address of the client of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientAddress(pub IpAddr);

impl FromRequest for ClientAddress {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let peer = request.peer_addr().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.ip());
        let headers = request.headers().get_all("x-forwarded-for");
        let headers: Vec<_> = headers.filter_map(|value| value.to_str().ok()).collect();
        let client = request
            .app_data::<TrustedProxies>()
            .map_or(peer, |proxies| proxies.client(peer, &headers.join(",")));
        ready(Ok(Self(client)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(trusted: &str, peer: &str, forwarded_for: &str) -> String {
        let proxies = TrustedProxies::parse(trusted.split(',')).unwrap();
        proxies.client(peer.parse().unwrap(), forwarded_for).to_string()
    }

    #[test]
    fn only_what_proxies_of_ours_wrote_is_believed() {
        let ours = "10.0.0.0/8,192.0.2.1";
        assert_eq!(client(ours, "10.1.2.3", "203.0.113.7"), "203.0.113.7");
        assert_eq!(client(ours, "10.1.2.3", "198.51.100.1, 203.0.113.7"), "203.0.113.7");
        assert_eq!(client(ours, "10.1.2.3", "203.0.113.7, 192.0.2.1, 10.9.9.9"), "203.0.113.7");
        assert_eq!(client(ours, "203.0.113.7", "10.0.0.1"), "203.0.113.7", "not through a proxy");
        assert_eq!(client(ours, "::ffff:10.1.2.3", "2001:db8::1"), "2001:db8::1");
        assert_eq!(client(ours, "10.1.2.3", "unknown, x"), "10.1.2.3");
        assert_eq!(client(ours, "10.1.2.3", ""), "10.1.2.3");
    }

    #[test]
    fn what_is_no_network_is_named() {
        assert_eq!(TrustedProxies::parse(["10.0.0.1", "proxy"]).unwrap_err(), "proxy");
    }
}
