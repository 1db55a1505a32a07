//! The HTTP server on a bound listener; it stops gracefully with the tasks of the process.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use actix_cors::Cors;
use actix_web::App;
use actix_web::body::BoxBody;
use actix_web::dev::ServerHandle;
use actix_web::http::header;
use actix_web::middleware::{Condition, Next, from_fn};
use actix_web::web::{self, ServiceConfig};
use lifecycle::Tasks;

use crate::middleware::{X_REQUEST_ID, request_middleware, unrouted};
use crate::{AllowedOrigins, PathPrefix, TrustedProxies};

/// Idle time of a connection; longer than that of common gateways, so that they never reuse a closed one.
const KEEP_ALIVE: Duration = Duration::from_secs(75);
/// Maximum time for requests in flight during a graceful stop, in seconds.
const SHUTDOWN_TIMEOUT_S: u64 = 10;

/// A server that is not started yet.
#[derive(Debug)]
pub struct HttpServer {
    listener: TcpListener,
    workers: usize,
    max_connections: usize,
    allowed_origins: AllowedOrigins,
    trusted_proxies: TrustedProxies,
    path_prefix: PathPrefix,
}

/// A started server.
#[derive(Clone, Debug)]
pub struct RunningServer {
    address: SocketAddr,
    server: ServerHandle,
}

impl RunningServer {
    /// Returns the address that the server listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops the server before the tasks stop, for tests.
    pub async fn stop(&self) {
        self.server.stop(true).await;
    }
}

impl HttpServer {
    /// A server with two worker threads and no CORS origins.
    pub fn new(listener: TcpListener) -> Self {
        Self {
            listener,
            workers: 2,
            max_connections: 1024,
            allowed_origins: AllowedOrigins::default(),
            trusted_proxies: TrustedProxies::default(),
            path_prefix: PathPrefix::default(),
        }
    }

    /// Sets the number of worker threads, at least one.
    #[must_use]
    pub fn workers(mut self, workers: usize) -> Self {
        self.workers = workers.max(1);
        self
    }

    /// Sets the maximum number of open connections, 1,024 by default: further ones wait until others end.
    #[must_use]
    pub fn max_connections(mut self, connections: usize) -> Self {
        self.max_connections = connections;
        self
    }

    /// Allows cross-origin requests with credentials from these origins (CORS).
    #[must_use]
    pub fn allowed_origins(mut self, origins: Vec<String>) -> Self {
        self.allowed_origins = AllowedOrigins(origins);
        self
    }

    /// Believes what these proxies say about their clients' addresses.
    #[must_use]
    pub fn trusted_proxies(mut self, proxies: TrustedProxies) -> Self {
        self.trusted_proxies = proxies;
        self
    }

    /// Serves the routes under this prefix too, and leads back under it.
    #[must_use]
    pub fn path_prefix(mut self, prefix: PathPrefix) -> Self {
        self.path_prefix = prefix;
        self
    }

    /// Starts the server. At the soft stop it accepts no new connections; its workers end after all
    /// other tasks, which may still hold their database connections.
    pub fn start(
        self,
        tasks: &Tasks,
        configure: impl Fn(&mut ServiceConfig) + Clone + Send + 'static,
    ) -> io::Result<RunningServer> {
        self.listener.set_nonblocking(true)?;
        let address = self.listener.local_addr()?;
        let (origins, proxies) = (self.allowed_origins, self.trusted_proxies);
        let prefix = self.path_prefix;
        let app = move || {
            App::new()
                .app_data(origins.clone())
                .app_data(proxies.clone())
                .wrap(Condition::new(!origins.0.is_empty(), build_cors(&origins.0)))
                .wrap(from_fn(request_middleware))
                // The outermost: the others see the path without its prefix.
                .wrap(Condition::new(
                    !prefix.is_empty(),
                    from_fn({
                        let prefix = prefix.clone();
                        move |request, next: Next<BoxBody>| prefix.clone().serve(request, next)
                    }),
                ))
                .configure(configure.clone())
                .default_service(web::to(unrouted))
        };
        let server = actix_web::HttpServer::new(app)
            .workers(self.workers)
            .max_connections((self.max_connections / self.workers).max(1))
            .keep_alive(KEEP_ALIVE)
            .client_request_timeout(Duration::from_secs(10))
            .shutdown_timeout(SHUTDOWN_TIMEOUT_S)
            .disable_signals()
            .listen(self.listener)?
            .run();
        let running = RunningServer { address, server: server.handle() };
        spawn_stop(tasks, running.server.clone());
        tasks.spawn_dependency("http", async move { Ok(server.await?) });
        Ok(running)
    }
}

fn spawn_stop(tasks: &Tasks, server: ServerHandle) {
    let (soft, last, hard) = (tasks.soft(), tasks.dependency_stop(), tasks.hard());
    tasks.spawn_dependency("http stop", async move {
        soft.stopped().await;
        server.pause().await;
        last.stopped().await;
        // A hard stop during the graceful one drops the requests in flight.
        if hard.run_until_stopped(server.stop(true)).await.is_none() {
            server.stop(false).await;
        }
        Ok(())
    });
}

fn build_cors(origins: &[String]) -> Cors {
    let cors = Cors::default()
        .allowed_methods(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"])
        .allowed_headers([
            header::AUTHORIZATION,
            header::CONTENT_TYPE,
            header::IF_MATCH,
            header::IF_NONE_MATCH,
        ])
        .allowed_headers(["idempotency-key", "x-api-key", "x-request-id", "traceparent"])
        .expose_headers([
            header::ETAG,
            header::LINK,
            header::LOCATION,
            header::RETRY_AFTER,
            X_REQUEST_ID,
        ])
        .supports_credentials()
        .max_age(600);
    origins.iter().fold(cors, |cors, origin| cors.allowed_origin(origin))
}
