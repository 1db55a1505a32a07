//! A server behind one door: routes, limits, headers, and a graceful stop.

use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderValue};
use actix_web::middleware::{DefaultHeaders, ErrorHandlerResponse, ErrorHandlers, from_fn};
use actix_web::{App, HttpServer, ResponseError, dev::ServiceResponse, web};
use lifecycle::Tasks;

use crate::{Problem, trace};

/// How large a JSON or form body may be unless a route says otherwise.
pub const JSON_LIMIT: usize = 256 * 1024;

/// How a door is kept.
#[derive(Clone, Copy, Debug)]
pub struct Door {
    /// The task's name.
    pub name: &'static str,
    /// Threads that serve it.
    pub workers: usize,
}

/// A listener on this address; port 0 takes any free one.
pub fn bind(address: SocketAddr) -> std::io::Result<TcpListener> {
    let listener = TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// Serves until the soft stop, then finishes what was begun.
pub fn serve<C>(
    listener: TcpListener,
    door: Door,
    tasks: &Tasks,
    configure: C,
) -> std::io::Result<()>
where
    C: Fn(&mut web::ServiceConfig) + Clone + Send + 'static,
{
    let server = HttpServer::new(move || {
        App::new()
            .wrap(
                ErrorHandlers::new()
                    .default_handler_client(as_problem)
                    .default_handler_server(as_problem),
            )
            .wrap(headers())
            .wrap(from_fn(trace::request))
            .app_data(web::JsonConfig::default().limit(JSON_LIMIT))
            .app_data(web::FormConfig::default().limit(JSON_LIMIT))
            .app_data(web::PayloadConfig::default().limit(JSON_LIMIT))
            .configure(configure.clone())
    })
    .workers(door.workers)
    .disable_signals()
    // Longer than a load balancer keeps an idle connection, or it would send into a closed one.
    .keep_alive(Duration::from_secs(75))
    .shutdown_timeout(10)
    .listen(listener)?
    .run();
    let (handle, soft) = (server.handle(), tasks.soft());
    tasks.spawn(door.name, async move {
        tokio::select! {
            ended = server => Ok(ended?),
            () = async { soft.stopped().await; handle.stop(true).await; std::future::pending().await } => Ok(()),
        }
    });
    Ok(())
}

fn headers() -> DefaultHeaders {
    DefaultHeaders::new()
        .add((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .add((header::REFERRER_POLICY, "no-referrer"))
        .add((header::X_FRAME_OPTIONS, "DENY"))
        .add((header::CACHE_CONTROL, "private, no-cache"))
}

/// What actix answers on its own (unknown route, wrong method) becomes a problem document.
#[expect(clippy::unnecessary_wraps, reason = "the shape of actix's error handlers")]
fn as_problem<B>(response: ServiceResponse<B>) -> actix_web::Result<ErrorHandlerResponse<B>> {
    if response.headers().contains_key(header::CONTENT_TYPE) {
        return Ok(ErrorHandlerResponse::Response(response.map_into_left_body()));
    }
    let problem = match response.status() {
        StatusCode::NOT_FOUND => Problem::not_found(),
        StatusCode::METHOD_NOT_ALLOWED => {
            Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed")
        }
        StatusCode::PAYLOAD_TOO_LARGE => Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large"),
        _ => return Ok(ErrorHandlerResponse::Response(response.map_into_left_body())),
    };
    let allow: Option<HeaderValue> = response.headers().get(header::ALLOW).cloned();
    let (request, _) = response.into_parts();
    let mut answer = problem.error_response();
    if let Some(allow) = allow {
        answer.headers_mut().insert(header::ALLOW, allow);
    }
    Ok(ErrorHandlerResponse::Response(ServiceResponse::new(request, answer).map_into_right_body()))
}
