//! The envelope of every record: typed ids around a message of `proto/`.

use kernel::{ApplicationId, AthleteId, EventId, Generation, Timestamp};
use prost::Message;
use uuid::Uuid;

use crate::wire;
pub use crate::wire::Cause;
use crate::wire::envelope::Payload;

/// The connection that data came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin {
    /// The Strava application.
    pub application: ApplicationId,
    /// The generation of the athlete's connection.
    pub generation: Generation,
}

/// The value of a record: the message with its athlete, origins and cause.
#[derive(Clone, Debug, PartialEq)]
pub struct Envelope {
    /// The event's id, the same on every attempt to publish it.
    pub event_id: EventId,
    /// The instant at which it happened.
    pub occurred_at: Timestamp,
    /// The athlete it belongs to; none while the owner is not known (hints) or if it is for all (replays).
    pub athlete: Option<AthleteId>,
    /// Every connection it draws on; if one of them is fenced, the message is dropped.
    pub origins: Vec<Origin>,
    /// The cause of the event.
    pub cause: Cause,
    /// True if it answers a replay request.
    pub replay: bool,
    /// W3C Trace Context; empty if there is none.
    pub traceparent: String,
    /// The message.
    pub payload: Payload,
}

/// The reason why bytes are not a valid envelope.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum EnvelopeError {
    /// Not Protobuf.
    #[error("the record is not an envelope")]
    NotAnEnvelope(#[from] prost::DecodeError),
    /// A required field is missing.
    #[error("the envelope's {0} is missing")]
    MissingField(&'static str),
    /// A field is not a UUID.
    #[error("the envelope's {field} is not a UUID")]
    InvalidUuid {
        /// The field.
        field: &'static str,
        /// The error of the parser.
        source: uuid::Error,
    },
    /// The payload is another message than expected.
    #[error("the payload is not a {0} message")]
    UnexpectedPayload(&'static str),
}

impl Envelope {
    /// Encodes the envelope as a record's value.
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

    /// Decodes an envelope. Unknown fields are ignored, an unknown cause becomes unspecified.
    pub fn decode(bytes: &[u8]) -> Result<Self, EnvelopeError> {
        let wire = wire::Envelope::decode(bytes)?;
        let cause = wire.cause();
        Ok(Self {
            event_id: parse_id(&wire.event_id, "event_id", EventId::from_uuid)?,
            occurred_at: Timestamp::from_micros(wire.occurred_at_us),
            athlete: match wire.athlete.as_str() {
                "" => None,
                text => Some(parse_id(text, "athlete", AthleteId::from_uuid)?),
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

fn parse_id<T>(text: &str, field: &'static str, make: fn(Uuid) -> T) -> Result<T, EnvelopeError> {
    Uuid::parse_str(text).map(make).map_err(|source| EnvelopeError::InvalidUuid { field, source })
}
