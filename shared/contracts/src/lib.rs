//! Messages of `proto/`, topics, and the envelope of every record.
#![warn(missing_docs)]

mod envelope;
mod erasure;
mod event;
mod messages;
mod source;
pub mod streams_codec;
mod topic;

pub use envelope::{Cause, Envelope, EnvelopeError, Origin};
pub use erasure::Erasure;
pub use event::{Event, payload_name, record_key};
pub use messages::{
    accounts, activities, athletes, copies, erasures, exports, journal, replays, strava, streams,
    wire,
};
pub use source::strava_ids;
pub use topic::{DEFAULT_PARTITIONS, Topic, UnknownTopic};

/// The compiled descriptor of `proto/`, for tools that transcode or compare messages.
pub const DESCRIPTOR: &[u8] = include_bytes!("generated/descriptor.bin");
/// Maximum size of a record in bytes, envelope included.
pub const MAX_RECORD_BYTES: usize = 16 * 1024;
