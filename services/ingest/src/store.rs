//! The tables of ingest. Only this folder knows SQL.

pub(crate) mod activities;
pub(crate) mod connections;
pub(crate) mod imports;
pub(crate) mod journal;
pub(crate) mod migrations;
pub(crate) mod observations;
pub(crate) mod outgoing;
mod row;
pub(crate) mod subscriptions;
