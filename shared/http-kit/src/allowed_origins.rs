//! The origins whose pages may call with credentials.

/// The origins whose pages may call with credentials; `HttpServer` registers them with `app_data`.
#[derive(Clone, Debug, Default)]
pub struct AllowedOrigins(pub(crate) Vec<String>);

impl AllowedOrigins {
    /// Returns true if this is exactly one of the origins.
    pub fn contains(&self, origin: &str) -> bool {
        self.0.iter().any(|allowed| allowed == origin)
    }
}
