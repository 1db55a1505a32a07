//! The tables of this service, and every statement on them.

use chrono::NaiveDate;
use outbox::StoreError;

pub(crate) mod connections;
pub(crate) mod database_id;
pub(crate) mod facts;
pub(crate) mod migrations;
pub(crate) mod totals;

fn parse_local_date(text: &str) -> Result<NaiveDate, StoreError> {
    NaiveDate::parse_from_str(text, "%Y-%m-%d")
        .map_err(|error| StoreError::inconsistent(format!("the stored day {text:?}: {error}")))
}
