//! A running simulator.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::middleware::from_fn;
use actix_web::{App, HttpServer, web};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::options::Options;
use crate::world::Sim;
use crate::{admin, http, webhooks};

/// Why a simulator did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address is taken or not ours.
    #[error("cannot listen on {0}: {1}")]
    Listen(SocketAddr, std::io::Error),
    /// The HTTP client for webhooks could not be made.
    #[error("cannot make the webhook client: {0}")]
    Client(#[from] reqwest::Error),
}

/// A running simulator; dropping it stops it, `stop` waits for the end.
pub struct Simulator {
    /// Where it listens.
    pub address: SocketAddr,
    server: ServerHandle,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Simulator {
    /// Starts on the options' address; ready when this returns.
    pub async fn start(options: Options) -> Result<Self, StartError> {
        let listen = options.listen;
        let client = webhooks::client()?;
        let sim = Sim::new(options);
        let data = web::Data::from(sim.clone());
        let factory = move || {
            App::new()
                .app_data(data.clone())
                .app_data(
                    web::PathConfig::default()
                        .error_handler(|_, _| http::Fault::not_found("resource").into()),
                )
                .wrap(from_fn(http::guard))
                .configure(admin::configure)
                .configure(http::configure)
                .default_service(web::to(admin::unknown))
        };
        let server = HttpServer::new(factory)
            .workers(2)
            .disable_signals()
            .shutdown_timeout(1)
            .bind(listen)
            .map_err(|error| StartError::Listen(listen, error))?;
        let address = server.addrs().first().copied().unwrap_or(listen);
        let server = server.run();
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let handle = server.handle();
        tasks.spawn(server);
        tasks.spawn(webhooks::run(Arc::clone(&sim), client, tasks.clone(), stop.clone()));
        Ok(Self { address, server: handle, tasks, stop })
    }

    /// `http://127.0.0.1:5050`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Stops and waits until everything ended.
    pub async fn stop(self) {
        self.stop.cancel();
        self.server.stop(false).await;
        self.tasks.close();
        // an event on its way has two seconds
        let _late = tokio::time::timeout(Duration::from_secs(3), self.tasks.wait()).await;
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.stop.cancel();
        // the server stops when the command arrives; nobody waits for it here
        drop(self.server.stop(false));
    }
}
