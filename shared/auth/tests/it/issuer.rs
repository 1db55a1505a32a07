//! A test issuer that counts the requests for its key set.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::web::{self, Data};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::{Jwk, JwkSet};
use lifecycle::Tasks;
use serde_json::{Value, json};
use testkit::TokenSigner;

pub(crate) const NOW: i64 = 1_800_000_000;
pub(crate) const ATHLETE: &str = "0190163d-8694-739b-aea5-966c26f8ad91";

/// Claims of a valid token.
pub(crate) fn claims() -> Value {
    json!({
        "sub": ATHLETE, "iss": "https://issuer.example", "token_use": "access", "client_id": "web",
        "exp": NOW + 3600, "iat": NOW, "cognito:groups": ["User"],
    })
}

/// Valid claims with one replaced.
pub(crate) fn claims_with(name: &str, value: Value) -> Value {
    let mut claims = claims();
    claims[name] = value;
    claims
}

/// A token with this header and signature.
pub(crate) fn forged(header: &Value, signature: &[u8]) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}.{}", part(header), part(&claims()), URL_SAFE_NO_PAD.encode(signature))
}

/// An issuer with its key set.
#[derive(Clone, Default)]
pub(crate) struct Issuer {
    pub(crate) keys: Arc<Mutex<Vec<Jwk>>>,
    pub(crate) requests: Arc<AtomicUsize>,
    pub(crate) unavailable: Arc<AtomicBool>,
}

impl Issuer {
    pub(crate) fn with(keys: &[&TokenSigner]) -> Self {
        let issuer = Self::default();
        issuer.publish(keys);
        issuer
    }

    pub(crate) fn publish(&self, keys: &[&TokenSigner]) {
        *self.keys.lock().unwrap() = keys.iter().map(|key| key.public_key().clone()).collect();
    }

    pub(crate) fn request_count(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }

    /// Starts a server and returns the URL of the key set.
    pub(crate) fn start(&self, tasks: &Tasks) -> String {
        let issuer = self.clone();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let routes = move |config: &mut web::ServiceConfig| {
            config.app_data(Data::new(issuer.clone())).route("/jwks", web::get().to(jwks));
        };
        let server = http_kit::HttpServer::new(listener).workers(1).start(tasks, routes).unwrap();
        format!("http://{}/jwks", server.address())
    }
}

async fn jwks(issuer: Data<Issuer>) -> HttpResponse {
    issuer.requests.fetch_add(1, Ordering::SeqCst);
    // Slow enough that concurrent fetches would overlap here if they were not prevented.
    tokio::time::sleep(Duration::from_millis(30)).await;
    if issuer.unavailable.load(Ordering::SeqCst) {
        return HttpResponse::ServiceUnavailable().finish();
    }
    let keys = issuer.keys.lock().unwrap().clone();
    HttpResponse::Ok().json(JwkSet { keys })
}
