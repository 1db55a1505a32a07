//! The envelope in our words: typed ids around a message of `proto/`.

use kernel::{ApplicationId, AthleteId, EventId, Generation, Timestamp};
use prost::Message;
use uuid::Uuid;

use crate::wire;
pub use crate::wire::Cause;
use crate::wire::envelope::Payload;

/// A connection that something stems from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin {
    /// The Strava application.
    pub application: ApplicationId,
    /// The athlete's generation of the connection.
    pub generation: Generation,
}

/// One record's value: who, why, from where, and the message itself.
#[derive(Clone, Debug, PartialEq)]
pub struct Envelope {
    /// The same on every try.
    pub event_id: EventId,
    /// When it came about.
    pub occurred_at: Timestamp,
    /// Whose it is; none where the owner is not known yet (hints) or for everybody (replays).
    pub athlete: Option<AthleteId>,
    /// Every connection it draws on: one that is fenced drops the message.
    pub origins: Vec<Origin>,
    /// Why it came about.
    pub cause: Cause,
    /// Whether it answers a replay request.
    pub replay: bool,
    /// W3C Trace Context; empty when there is none.
    pub traceparent: String,
    /// The message.
    pub payload: Payload,
}

/// Why bytes are no record of ours.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum EnvelopeError {
    /// Not Protobuf at all.
    #[error("the record is not an envelope")]
    NotAnEnvelope(#[from] prost::DecodeError),
    /// A field that must be there is missing.
    #[error("the envelope's {0} is missing")]
    MissingField(&'static str),
    /// A field that must be a UUID is none.
    #[error("the envelope's {field} is no UUID")]
    InvalidUuid {
        /// The field.
        field: &'static str,
        /// Why it is none.
        source: uuid::Error,
    },
    /// The payload is not what this topic carries.
    #[error("the payload is not what the topic {0} carries")]
    UnexpectedPayload(&'static str),
}

impl Envelope {
    /// The record's value.
    pub fn encode(&self) -> Vec<u8> {
        wire::Envelope {
            event_id: self.event_id.to_string(),
            occurred_at_us: self.occurred_at.as_micros(),
            athlete: self.athlete.map(|athlete| athlete.to_string()).unwrap_or_default(),
            origins: self
                .origins
                .iter()
                .map(|origin| wire::Origin {
                    application: origin.application.get(),
                    generation: origin.generation.get(),
                })
                .collect(),
            cause: self.cause.into(),
            replay: self.replay,
            traceparent: self.traceparent.clone(),
            payload: Some(self.payload.clone()),
        }
        .encode_to_vec()
    }

    /// The envelope in these bytes. Unknown fields are ignored, an unknown cause reads as unspecified.
    pub fn decode(bytes: &[u8]) -> Result<Self, EnvelopeError> {
        let wire = wire::Envelope::decode(bytes)?;
        let cause = wire.cause();
        Ok(Self {
            event_id: id(&wire.event_id, "event_id", EventId::from_uuid)?,
            occurred_at: Timestamp::from_micros(wire.occurred_at_us),
            athlete: match wire.athlete.as_str() {
                "" => None,
                text => Some(id(text, "athlete", AthleteId::from_uuid)?),
            },
            origins: wire
                .origins
                .iter()
                .map(|origin| Origin {
                    application: ApplicationId::new(origin.application),
                    generation: Generation::new(origin.generation),
                })
                .collect(),
            cause,
            replay: wire.replay,
            traceparent: wire.traceparent,
            payload: wire.payload.ok_or(EnvelopeError::MissingField("payload"))?,
        })
    }
}

fn id<T>(text: &str, field: &'static str, make: fn(Uuid) -> T) -> Result<T, EnvelopeError> {
    Uuid::parse_str(text).map(make).map_err(|source| EnvelopeError::InvalidUuid { field, source })
}
