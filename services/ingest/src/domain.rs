//! Activities, their observations and the schedules of fetches: no I/O.

pub(crate) mod activity;
pub(crate) mod backfill;
pub(crate) mod connection;
pub(crate) mod expiring;
pub(crate) mod export;
pub(crate) mod facts;
pub(crate) mod hint;
pub(crate) mod journal;
pub(crate) mod observation;
pub(crate) mod observation_key;
pub(crate) mod retry_schedule;
pub(crate) mod signature;
pub(crate) mod streams;
pub(crate) mod wall_clock;
