//! Errors of a store, distinguished by what to do about them.

use event_bus::HandleError;
use sea_orm::sqlx;
use sea_orm::{DbErr, RuntimeErr, SqlErr};

/// An error of a store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Deadlock, lock time-out or busy: the same work may well succeed at once.
    #[error("conflict with another transaction")]
    Conflict(#[source] DbErr),
    /// The database cannot be reached, or refuses to write: nothing is wrong with the work.
    #[error("the database is unavailable")]
    Unavailable(#[source] DbErr),
    /// A row with this unique key exists already.
    #[error("a row with this key exists already")]
    UniqueViolation,
    /// Stored or new data breaks a rule; trying again does not help.
    #[error("{what}")]
    Inconsistent {
        /// The broken rule, as a fact.
        what: String,
    },
    /// Anything else.
    #[error("the database refused a statement")]
    Other(#[source] DbErr),
}

impl StoreError {
    /// An error that names a broken rule.
    pub fn inconsistent(what: impl Into<String>) -> Self {
        Self::Inconsistent { what: what.into() }
    }

    /// True if a row with this unique key exists already.
    pub const fn is_unique_violation(&self) -> bool {
        matches!(self, Self::UniqueViolation)
    }
}

impl From<DbErr> for StoreError {
    fn from(error: DbErr) -> Self {
        if matches!(error.sql_err(), Some(SqlErr::UniqueConstraintViolation(_))) {
            return Self::UniqueViolation;
        }
        match &error {
            DbErr::ConnectionAcquire(_) => Self::Unavailable(error),
            DbErr::Conn(RuntimeErr::SqlxError(cause))
            | DbErr::Exec(RuntimeErr::SqlxError(cause))
            | DbErr::Query(RuntimeErr::SqlxError(cause)) => match kind_of(cause) {
                Kind::Conflict => Self::Conflict(error),
                Kind::Unavailable => Self::Unavailable(error),
                Kind::Other => Self::Other(error),
            },
            _ => Self::Other(error),
        }
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        Self::from(DbErr::Conn(RuntimeErr::SqlxError(error.into())))
    }
}

impl From<StoreError> for HandleError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Conflict(_) | StoreError::Unavailable(_) => Self::Unavailable(error.into()),
            StoreError::Inconsistent { .. } => Self::Rejected(error.into()),
            StoreError::UniqueViolation | StoreError::Other(_) => Self::Failed(error.into()),
        }
    }
}

enum Kind {
    Conflict,
    Unavailable,
    Other,
}

fn kind_of(error: &sqlx::Error) -> Kind {
    let sqlx::Error::Database(error) = error else {
        return match error {
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::Protocol(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed => Kind::Unavailable,
            _ => Kind::Other,
        };
    };
    if let Some(error) = error.try_downcast_ref::<sqlx::mysql::MySqlDatabaseError>() {
        return match error.number() {
            // record changed (snapshot isolation), lock time-out, deadlock
            1020 | 1205 | 1213 => Kind::Conflict,
            // too many connections, shutting down, network, killed, gone; 1290, 1792 and 1836
            // are a server that became read-only under us (a failover)
            1040
            | 1053
            | 1077..=1080
            | 1152..=1161
            | 1203
            | 1290
            | 1317
            | 1792
            | 1836
            | 1927
            | 2006
            | 2013 => Kind::Unavailable,
            _ => Kind::Other,
        };
    }
    // SQLite's extended codes carry the primary one in the low byte.
    match error.code().and_then(|code| code.parse::<i64>().ok()).map(|code| code & 0xff) {
        Some(5 | 6) => Kind::Conflict,
        // read-only, input/output error, disk full, cannot open
        Some(8 | 10 | 13 | 14) => Kind::Unavailable,
        _ => Kind::Other,
    }
}

/// An error of a transaction that may be a conflict with another one.
pub trait IsConflict {
    /// True if the same work may well succeed at once: deadlock, lock time-out or busy.
    fn is_conflict(&self) -> bool;
}

impl IsConflict for StoreError {
    fn is_conflict(&self) -> bool {
        matches!(self, Self::Conflict(_))
    }
}
