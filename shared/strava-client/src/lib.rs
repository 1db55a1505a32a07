//! A typed client of the Strava API v3, and a client of the leases that guard every call to it.
//!
//! Nothing here retries: a call returns exactly what Strava answered, and the caller decides. Tokens
//! are sent in headers only, ids are 64-bit, and unknown fields are ignored.
#![warn(missing_docs)]

mod base_urls;
mod client;
mod endpoints;
mod error;
pub mod lease;
mod limits;
pub mod model;
mod response;
mod secret;

pub use base_urls::InvalidBaseUrl;
pub use client::Client;
pub use endpoints::activities::{ActivityPage, ListQuery, UnreadableActivity};
pub use endpoints::oauth::{ExchangedTokens, RefreshedTokens};
pub use endpoints::subscriptions::Subscription;
pub use error::{ErrorKind, StravaError};
pub use limits::{RateLimits, WindowCounts};
pub use model::{
    AthleteSummary, DetailedActivity, StreamSet, Streams, SummaryActivity, Upload, UploadOutcome,
    UploadStatus,
};
pub use response::ApiResponse;
pub use secret::{AccessToken, AppCredentials, RefreshToken};
