//! Messages of `proto/`, topics, and the envelope of every record.
#![warn(missing_docs)]

mod envelope;
mod event;
#[expect(
    unreachable_pub,
    missing_docs,
    clippy::all,
    clippy::pedantic,
    reason = "generated from proto/ by `cargo xtask codegen`"
)]
mod generated {
    include!("generated/generated.rs");
}
pub mod streams_codec;
mod topic;

pub use envelope::{Cause, Envelope, EnvelopeError, Origin};
pub use event::{Erasure, Event, payload_name, record_key};
pub use generated::paceline::{
    activities::v1 as activities, athletes::v1 as athletes, copies::v1 as copies,
    envelope::v1 as wire, erasures::v1 as erasures, journal::v1 as journal, replays::v1 as replays,
    strava::v1 as strava, streams::v1 as streams,
};
pub use topic::{DEFAULT_PARTITIONS, Topic, UnknownTopic};

/// The compiled descriptor of `proto/`, for tools that transcode or compare messages.
pub const DESCRIPTOR: &[u8] = include_bytes!("generated/descriptor.bin");
/// Maximum size of a record in bytes, envelope included.
pub const MAX_RECORD_BYTES: usize = 16 * 1024;
