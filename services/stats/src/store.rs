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
        .ok()
        .ok_or_else(|| StoreError::inconsistent(format!("the stored day {text:?} is not a date")))
}
