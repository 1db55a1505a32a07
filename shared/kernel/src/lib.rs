//! Typed ids, the clock, randomness and units: no I/O, no framework.
#![warn(missing_docs)]

pub mod clock;
pub mod ids;
pub mod random;
pub mod source;
pub mod sport;
pub mod time;
pub mod units;

pub use clock::{Clock, ManualClock, SystemClock};
pub use ids::{
    ActivityId, ApplicationId, AthleteId, CopyId, EventId, Generation, JobId, LeaseId, LinkId,
    Revision, StravaActivityId, StravaAthleteId, Ticket,
};
pub use random::{Ids, SystemIds};
pub use source::{InvalidSource, Source, SourceId, SourceKey};
pub use sport::Sport;
pub use time::Timestamp;
