//! The simulated world: applications, athletes, activities, tokens, events.

mod activity;
mod apps;
mod athlete;
mod counters;
mod events;
mod faults;
mod measures;
mod rate_limits;
mod settings;
mod state;
mod summary;
mod tokens;

pub(crate) use activity::{Activity, ReadAccess, RenderedBody, StreamSource};
pub(crate) use apps::{App, Scopes, Subscription};
pub(crate) use athlete::Athlete;
pub(crate) use counters::Counters;
pub(crate) use events::{DeliveryLogEntry, PendingEvent};
pub(crate) use faults::{FaultKind, FaultRule};
pub(crate) use rate_limits::RateLimitCheck;
pub(crate) use settings::{ConsentSettings, UploadSettings, WebhookSettings};
pub(crate) use state::{ActivityTimeline, Upload, World};
pub(crate) use summary::{OptionalField, SPORT_TYPES, SummaryActivity};
pub(crate) use tokens::{Authorization, IssuedTokens, RefreshTokenRotation};
