//! A port with routes behind it: opened on a bound listener, stopped gently with everything else.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use actix_cors::Cors;
use actix_web::App;
use actix_web::dev::ServerHandle;
use actix_web::http::header;
use actix_web::middleware::{Condition, from_fn};
use actix_web::web::{self, ServiceConfig};
use lifecycle::Tasks;

use crate::middleware::{X_REQUEST_ID, nowhere, request_middleware};

/// Longer than gateways in front of us keep theirs, so that they never send into a closed connection.
const KEEP_ALIVE: Duration = Duration::from_secs(75);
/// How long requests in flight may take when we stop.
const LAST_REQUESTS_S: u64 = 10;

/// A door about to be opened.
#[derive(Debug)]
pub struct HttpServer {
    listener: TcpListener,
    workers: usize,
    origins: Vec<String>,
}

/// A door that is open.
#[derive(Clone, Debug)]
pub struct RunningServer {
    address: SocketAddr,
    server: ServerHandle,
}

impl RunningServer {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Closes it before everything else stops: for tests.
    pub async fn stop(&self) {
        self.server.stop(true).await;
    }
}

impl HttpServer {
    /// A door on this listener, with two workers and no foreign origins.
    pub fn new(listener: TcpListener) -> Self {
        Self { listener, workers: 2, origins: Vec::new() }
    }

    /// So many worker threads.
    #[must_use]
    pub fn workers(mut self, workers: usize) -> Self {
        self.workers = workers.max(1);
        self
    }

    /// Pages of these origins may call, with credentials.
    #[must_use]
    pub fn allowed_origins(mut self, origins: Vec<String>) -> Self {
        self.origins = origins;
        self
    }

    /// Opens the door; it closes with the tasks: no new connections after the soft stop, the
    /// workers (whose database connections others may hold) after all else has ended.
    pub fn start(
        self,
        tasks: &Tasks,
        configure: impl Fn(&mut ServiceConfig) + Clone + Send + 'static,
    ) -> io::Result<RunningServer> {
        self.listener.set_nonblocking(true)?;
        let address = self.listener.local_addr()?;
        let origins = self.origins;
        let app = move || {
            App::new()
                .wrap(Condition::new(!origins.is_empty(), cors(&origins)))
                .wrap(from_fn(request_middleware))
                .configure(configure.clone())
                .configure(defaults)
        };
        let server = actix_web::HttpServer::new(app)
            .workers(self.workers)
            .keep_alive(KEEP_ALIVE)
            .client_request_timeout(Duration::from_secs(10))
            .shutdown_timeout(LAST_REQUESTS_S)
            .disable_signals()
            .listen(self.listener)?
            .run();
        let serving = RunningServer { address, server: server.handle() };
        close_with(tasks, serving.server.clone());
        tasks.spawn_dependency("http", async move { Ok(server.await?) });
        Ok(serving)
    }
}

fn close_with(tasks: &Tasks, server: ServerHandle) {
    let (soft, last, hard) = (tasks.soft(), tasks.dependency_stop(), tasks.hard());
    tasks.spawn_dependency("http stop", async move {
        soft.stopped().await;
        server.pause().await;
        last.stopped().await;
        // Dropping what is in flight is the hard stop's wish, at any moment of the gentle one.
        if hard.run_until_stopped(server.stop(true)).await.is_none() {
            server.stop(false).await;
        }
        Ok(())
    });
}

fn cors(origins: &[String]) -> Cors {
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

/// Addresses that lead nowhere answer with a problem; [`HttpServer`] has this already.
fn defaults(config: &mut ServiceConfig) {
    config.default_service(web::to(nowhere));
}
