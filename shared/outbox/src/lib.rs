//! Transactions, the outbox and its relay, parked events, fences, replay: shared by every store.
#![warn(missing_docs)]

mod athlete_row;
mod athlete_tx;
mod athletes_tx;
mod connect;
mod connection_health;
mod database;
mod database_checks;
mod epochs;
mod error;
mod faults;
mod fence;
mod gauges;
mod migrate;
pub mod migrations;
mod outbox_message;
mod parked;
mod raw_tx;
mod relay;
mod replay;
pub mod replay_state;
pub mod revoked_sessions;
mod runner;
mod schema_change;
mod signal;
mod singleton;
pub mod snapshot;
pub mod sql;
mod tx;
mod tx_connection;
mod write_check;

pub use athlete_tx::AthleteTx;
pub use athletes_tx::AthletesTx;
pub use connect::Target;
pub use database::Database;
pub use epochs::{EpochError, EpochKeeper, Recover};
pub use error::{IsConflict, StoreError};
pub use faults::StoreFaults;
pub use gauges::{METRICS, set_gauges};
pub use outbox_message::OutboxMessage;
pub use parked::{ParkedEvent, ParkedEvents, ReplayError};
pub use relay::{FAILPOINTS, RecordSink, Relay};
pub use replay::{IsNeedless, ReplayDoneHandler, ReplayMonitor, ReplaySource};
pub use schema_change::{
    Rebuild, add_column, change_mysql, change_rows, create_index, create_table, rebuild_table,
    rename_column, rename_table,
};
pub use signal::Signal;
pub use singleton::Singleton;
pub use tx::Tx;
pub use write_check::NotWritable;
