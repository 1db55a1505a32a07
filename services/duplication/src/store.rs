//! The service's own tables: the only place that writes SQL.

pub(crate) mod connections;
pub(crate) mod copies;
pub(crate) mod links;
pub(crate) mod migrations;
pub(crate) mod seen;

mod rows {
    //! Rows as the tables hold them.
    pub(super) mod connection;
    pub(super) mod copy;
    pub(super) mod link;
    pub(super) mod seen;
}

use kernel::AthleteId;
use outbox::StoreError;
use sea_orm::{ColumnTrait, Condition};

/// An id out of a column; anything else there is a broken row.
fn id<T: std::str::FromStr>(
    text: &str,
    table: &'static str,
    column: &'static str,
) -> Result<T, StoreError> {
    text.parse().map_err(|_unreadable| inconsistent(table, column, text))
}

/// Rows in which somebody takes part, on either side.
fn takes_part(sides: [impl ColumnTrait; 2], athlete: AthleteId) -> Condition {
    let athlete = athlete.to_string();
    sides.iter().fold(Condition::any(), |either, side| either.add(side.eq(athlete.as_str())))
}

fn inconsistent(table: &'static str, column: &'static str, found: &str) -> StoreError {
    StoreError::inconsistent(format!("{table}.{column} of {found:?} cannot be read"))
}
