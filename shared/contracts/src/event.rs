//! What a message must say of itself to travel: its topic and its place in the envelope.

use kernel::AthleteId;

use crate::wire::envelope::Payload;
use crate::{
    EnvelopeError, Topic, activities, athletes, copies, erasures, journal, replays, strava,
};

/// A message that can be published and handled.
pub trait Event: Clone + Send + Sync + 'static {
    /// What it is called in logs and in `parked list`.
    const NAME: &'static str;

    /// The message in its place in the envelope.
    fn into_payload(self) -> Payload;

    /// The message out of the envelope.
    fn from_payload(payload: Payload) -> Result<Self, EnvelopeError>;
}

macro_rules! events {
    ($($variant:ident => $message:ty;)*) => {
        $(impl Event for $message {
            const NAME: &'static str = stringify!($variant);

            fn into_payload(self) -> Payload {
                Payload::$variant(self)
            }

            fn from_payload(payload: Payload) -> Result<Self, EnvelopeError> {
                match payload {
                    Payload::$variant(message) => Ok(message),
                    _ => Err(EnvelopeError::UnexpectedPayload(Self::NAME)),
                }
            }
        })*

        /// The name of the message an envelope carries.
        pub fn payload_name(payload: &Payload) -> &'static str {
            match payload {
                $(Payload::$variant(_) => stringify!($variant),)*
            }
        }
    };
}

events! {
    Hint => strava::Hint;
    AthleteChanged => athletes::AthleteChanged;
    ActivityChanged => activities::ActivityChanged;
    CopyChanged => copies::CopyChanged;
    Erased => erasures::Erased;
    ReplayRequested => replays::ReplayRequested;
    ReplayDone => replays::ReplayDone;
    JournalEntry => journal::JournalEntry;
}

/// What an erase asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Erasure {
    /// What stems from this application up to this generation.
    Connection {
        /// The Strava application.
        application: kernel::ApplicationId,
        /// The last generation that goes.
        through: kernel::Generation,
    },
    /// Everything: the account is gone.
    Everything,
}

/// The key a record travels under: order is kept within it.
pub fn record_key(topic: Topic, athlete: Option<AthleteId>, payload: &Payload) -> String {
    match (topic, payload, athlete) {
        (Topic::StravaEvents, Payload::Hint(hint), _) => {
            format!("{}:{}", hint.application, hint.owner)
        }
        (_, _, Some(athlete)) => athlete.to_string(),
        (_, _, None) => String::new(),
    }
}
