//! The messages that can be published, and the keys of their records.

use kernel::AthleteId;

use crate::wire::envelope::Payload;
use crate::{
    EnvelopeError, Topic, accounts, activities, athletes, copies, erasures, exports, journal,
    replays, strava,
};

/// A message that can be published and handled.
pub trait Event: Clone + Send + Sync + 'static {
    /// The message's name in logs and in `parked list`.
    const NAME: &'static str;

    /// Wraps the message as an envelope's payload.
    fn into_payload(self) -> Payload;

    /// Takes the message out of an envelope's payload.
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

        /// Returns the name of the message in a payload.
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
    AccountChanged => accounts::AccountChanged;
    ActivityChanged => activities::ActivityChanged;
    CopyChanged => copies::CopyChanged;
    Erased => erasures::Erased;
    ExportRequested => exports::ExportRequested;
    ExportPartWritten => exports::ExportPartWritten;
    ReplayRequested => replays::ReplayRequested;
    ReplayDone => replays::ReplayDone;
    JournalEntry => journal::JournalEntry;
}

/// Returns the key of a record: order is kept within a key.
pub fn record_key(topic: Topic, athlete: Option<AthleteId>, payload: &Payload) -> String {
    match (topic, payload, athlete) {
        (Topic::StravaEvents, Payload::Hint(hint), _) => {
            format!("{}:{}", hint.application, hint.owner)
        }
        (_, _, Some(athlete)) => athlete.to_string(),
        (_, _, None) => String::new(),
    }
}
