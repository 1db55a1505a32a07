//! The service's own tables: the only place that writes SQL.

pub(crate) mod activity_revisions;
pub(crate) mod connections;
pub(crate) mod copies;
pub(crate) mod invitations;
pub(crate) mod links;
pub(crate) mod migrations;

use std::str::FromStr;

use outbox::StoreError;

/// Parses a stored value; anything unreadable is a broken row.
fn parse_column<T: FromStr>(text: &str, column: &'static str) -> Result<T, StoreError> {
    text.parse().map_err(|_unreadable| unreadable_column(column, text))
}

fn unreadable_column(column: &'static str, found: &str) -> StoreError {
    StoreError::inconsistent(format!("{column} of {found:?} cannot be read"))
}
