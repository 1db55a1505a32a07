//! Typed ids, so that an athlete's id cannot be used in place of an activity's.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Declares an id that is a UUID.
macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// Wraps a UUID.
            pub const fn from_uuid(raw: Uuid) -> Self {
                Self(raw)
            }

            /// Returns the UUID.
            pub const fn as_uuid(self) -> Uuid {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.as_hyphenated().fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::parse_str(text).map(Self)
            }
        }
    };
}

/// Declares an id that is a 64-bit number, assigned by Strava or by a counter.
macro_rules! number_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(i64);

        impl $name {
            /// Wraps a number.
            pub const fn new(raw: i64) -> Self {
                Self(raw)
            }

            /// Returns the number.
            pub const fn get(self) -> i64 {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = std::num::ParseIntError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }
    };
}

uuid_id! {
    /// A signed-in person: the `sub` of the token.
    AthleteId
}
uuid_id! {
    /// One activity, derived from all observations of it.
    ActivityId
}
uuid_id! {
    /// One event; the same on every attempt to publish it.
    EventId
}
uuid_id! {
    /// One job.
    JobId
}
uuid_id! {
    /// One permission to call Strava.
    LeaseId
}
uuid_id! {
    /// One guardian-child link.
    LinkId
}
uuid_id! {
    /// One copy of an activity in a child's account.
    CopyId
}
number_id! {
    /// A Strava application: its client id.
    ApplicationId
}
number_id! {
    /// An athlete as Strava numbers them.
    StravaAthleteId
}
number_id! {
    /// An activity as Strava numbers it (beyond 2^53 at times).
    StravaActivityId
}
number_id! {
    /// The number of an athlete's connection: one rising sequence per athlete, never reused.
    Generation
}
number_id! {
    /// A number drawn from the athlete's counter before a request, so that a slow old response never overwrites
    /// a newer one.
    Ticket
}
number_id! {
    /// A number drawn from the athlete's counter inside the committing transaction: revisions are in commit order.
    Revision
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_survives_being_written_and_read() {
        let id = AthleteId::from_uuid(Uuid::from_u128(7));
        assert_eq!(id.to_string().parse::<AthleteId>(), Ok(id));
        assert_eq!(serde_json::to_string(&id).unwrap(), format!("\"{id}\""));
    }

    #[test]
    fn a_number_beyond_2_to_the_53_survives() {
        let id = StravaActivityId::new(2_732_944_259_699_241_346);
        assert_eq!(
            serde_json::from_str::<StravaActivityId>(&serde_json::to_string(&id).unwrap()).unwrap(),
            id
        );
    }
}
