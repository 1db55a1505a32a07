//! A simulated Strava: OAuth, API v3, uploads and webhooks with real recorded data, and an admin interface under `/_sim/`.

mod admin;
mod clock;
mod content;
mod http;
mod options;
mod sim_state;
mod simulator;
mod times;
mod tracks;
mod webhooks;
mod world;

pub use content::{CHILD_ID, GUARDIAN_ID, RECORDED_ID, files_index};
pub use options::{Consent, Limits, Options};
pub use simulator::{Simulator, StartError};
