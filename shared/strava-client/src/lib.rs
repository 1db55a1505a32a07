//! A typed client of the Strava API v3, and of the lease that guards every call to it.
//!
//! Nothing here retries: a call says exactly what Strava answered, and whoever holds the job
//! decides. Tokens travel in headers only, ids are 64-bit, and unknown fields are harmless.
#![warn(missing_docs)]

mod address;
mod answer;
mod calls;
mod client;
mod error;
pub mod lease;
mod limits;
pub mod model;
mod secret;

pub use address::{Addresses, BadAddress};
pub use answer::Answer;
pub use calls::activities::{ActivityPage, ListQuery, Odd};
pub use calls::oauth::{Exchanged, Refreshed};
pub use calls::subscriptions::Subscription;
pub use client::Client;
pub use error::{ErrorKind, StravaError};
pub use limits::{Figures, RateLimits};
pub use model::{
    AthleteSummary, DetailedActivity, Raw, StreamSet, Streams, SummaryActivity, Upload,
    UploadOutcome, UploadStatus,
};
pub use secret::{AccessToken, AppCredentials, RefreshToken};
