//! Errors of a store, distinguished by what to do about them.

use event_bus::HandleError;
use sea_orm::sqlx;
use sea_orm::{DbErr, RuntimeErr, SqlErr};

/// MySQL's "Unknown database", which every new connection gets once the database is dropped.
const ER_BAD_DB_ERROR: u16 = 1049;

/// An error of a store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Deadlock, lock time-out or busy: the same work may well succeed at once.
    #[error("conflict with another transaction")]
    Conflict(#[source] DbErr),
    /// The database cannot be reached, or refuses to write: nothing is wrong with the work.
    #[error("the database is unavailable")]
    Unavailable(#[source] DbErr),
    /// The commit failed, and may have happened or not: what is stored decides. Never retried blindly.
    #[error("it is unknown if the transaction was committed")]
    CommitUnknown(#[source] DbErr),
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

    /// True if nothing is wrong with the work: the same may succeed later.
    pub const fn is_temporary(&self) -> bool {
        matches!(self, Self::Conflict(_) | Self::Unavailable(_) | Self::CommitUnknown(_))
    }

    /// True if the server says that it has no database of this name: not merely that it cannot be reached.
    pub fn is_unknown_database(&self) -> bool {
        let Self::Other(
            DbErr::Conn(RuntimeErr::SqlxError(error))
            | DbErr::Exec(RuntimeErr::SqlxError(error))
            | DbErr::Query(RuntimeErr::SqlxError(error)),
        ) = self
        else {
            return false;
        };
        let error = error.as_database_error();
        let error = error.and_then(|it| it.try_downcast_ref::<sqlx::mysql::MySqlDatabaseError>());
        error.is_some_and(|error| error.number() == ER_BAD_DB_ERROR)
    }

    /// True if a row with this unique key exists already.
    pub const fn is_unique_violation(&self) -> bool {
        matches!(self, Self::UniqueViolation)
    }
}

impl From<DbErr> for StoreError {
    fn from(error: DbErr) -> Self {
        match Failure::classify(&error) {
            Failure::UniqueViolation => Self::UniqueViolation,
            Failure::Conflict => Self::Conflict(error),
            Failure::Unavailable => Self::Unavailable(error),
            Failure::Other => Self::Other(error),
        }
    }
}

/// The kind of a failed statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// A row with this unique key exists.
    UniqueViolation,
    /// Deadlock, lock time-out or busy.
    Conflict,
    /// The server or the disk is unavailable.
    Unavailable,
    /// Anything else.
    Other,
}

impl Failure {
    pub(crate) fn classify(error: &DbErr) -> Self {
        if matches!(error.sql_err(), Some(SqlErr::UniqueConstraintViolation(_))) {
            return Self::UniqueViolation;
        }
        match error {
            DbErr::ConnectionAcquire(_) => Self::Unavailable,
            DbErr::Conn(RuntimeErr::SqlxError(cause))
            | DbErr::Exec(RuntimeErr::SqlxError(cause))
            | DbErr::Query(RuntimeErr::SqlxError(cause)) => kind_of(cause),
            _ => Self::Other,
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
            StoreError::Conflict(_) | StoreError::Unavailable(_) | StoreError::CommitUnknown(_) => {
                Self::Unavailable(error.into())
            }
            StoreError::Inconsistent { .. } => Self::Rejected(error.into()),
            StoreError::UniqueViolation | StoreError::Other(_) => Self::Failed(error.into()),
        }
    }
}

fn kind_of(error: &sqlx::Error) -> Failure {
    let sqlx::Error::Database(error) = error else {
        return match error {
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::Protocol(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed => Failure::Unavailable,
            _ => Failure::Other,
        };
    };
    if let Some(error) = error.try_downcast_ref::<sqlx::mysql::MySqlDatabaseError>() {
        return match error.number() {
            // record changed (snapshot isolation), lock time-out, deadlock
            1020 | 1205 | 1213 => Failure::Conflict,
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
            | 2013 => Failure::Unavailable,
            _ => Failure::Other,
        };
    }
    // SQLite's extended codes carry the primary one in the low byte.
    match error.code().and_then(|code| code.parse::<i64>().ok()).map(|code| code & 0xff) {
        Some(5 | 6) => Failure::Conflict,
        // read-only, input/output error, disk full, cannot open
        Some(8 | 10 | 13 | 14) => Failure::Unavailable,
        _ => Failure::Other,
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
