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
use crate::sim_state::SimState;
use crate::{admin, http, webhooks};

/// Time that deliveries under way have to end.
const STOP_TIMEOUT: Duration = Duration::from_secs(3);

/// A failure to start a simulator.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address is in use or not an address of this machine.
    #[error("cannot listen on {0}: {1}")]
    Listen(SocketAddr, std::io::Error),
    /// The HTTP client for webhooks could not be built.
    #[error("cannot build the webhook client: {0}")]
    Client(#[from] reqwest::Error),
}

/// A running simulator; dropping it stops it, `stop` waits for the end.
pub struct Simulator {
    /// Address it listens on.
    pub address: SocketAddr,
    server: ServerHandle,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Simulator {
    /// Starts on the options' address; it accepts requests when this returns.
    pub async fn start(options: Options) -> Result<Self, StartError> {
        let listen = options.listen;
        let client = webhooks::build_client()?;
        let sim = SimState::new(options);
        let data = web::Data::from(sim.clone());
        let factory = move || {
            App::new()
                .app_data(data.clone())
                .app_data(
                    web::PathConfig::default()
                        .error_handler(|_, _| http::Fault::not_found("resource").into()),
                )
                .wrap(from_fn(http::handle_call))
                .configure(admin::configure)
                .configure(http::configure)
                .default_service(web::to(admin::route_not_found))
        };
        let server = HttpServer::new(factory)
            .workers(2)
            .disable_signals()
            // On a busy machine a test may take long to send what it began.
            .client_request_timeout(Duration::from_mins(1))
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

    /// Base URL, such as `http://127.0.0.1:5050`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Stops, and waits until deliveries under way have ended, three seconds at most.
    pub async fn stop(self) {
        self.stop.cancel();
        self.server.stop(false).await;
        self.tasks.close();
        let _ = tokio::time::timeout(STOP_TIMEOUT, self.tasks.wait()).await;
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.stop.cancel();
        // the command to stop is sent at once; its future only waits for the end
        drop(self.server.stop(false));
    }
}
