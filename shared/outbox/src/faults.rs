//! Faults that a test injects into transactions, where their statements are executed.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sea_orm::{ConnectionTrait, DatabaseConnection, DbErr, RuntimeErr, sqlx};

/// Faults for the transactions of a database; none outside tests.
///
/// The first transaction of a name fails at its first statement, the second one at its second, and so on
/// until one has fewer statements; a connection is killed before and after each. Then the commit of one fails before it happens, and of one after it.
/// All later ones succeed. So a scenario whose work is tried again meets every fault at every place.
#[derive(Clone, Debug, Default)]
pub struct StoreFaults(Option<Arc<Script>>);

#[derive(Debug)]
struct Script {
    /// Kills connections; none: faults are I/O errors.
    killer: Option<DatabaseConnection>,
    next: Mutex<BTreeMap<&'static str, Step>>,
}

/// The next fault of the transactions of one name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// Before the execution of the statement of this number, from 1.
    Before(usize),
    /// After its execution: the answer is lost.
    After(usize),
    BeforeCommit,
    AfterCommit,
    None,
}

/// The fault of one transaction.
#[derive(Debug)]
pub(crate) struct TxFault {
    script: Arc<Script>,
    name: &'static str,
    step: Step,
    statements: Mutex<usize>,
}

impl StoreFaults {
    /// I/O errors.
    pub fn io_errors() -> Self {
        Self::with_killer(None)
    }

    /// Connections killed at the server, by this connection.
    pub fn kills(killer: DatabaseConnection) -> Self {
        Self::with_killer(Some(killer))
    }

    fn with_killer(killer: Option<DatabaseConnection>) -> Self {
        Self(Some(Arc::new(Script { killer, next: Mutex::default() })))
    }

    /// The names of the transactions that have met every fault, and of those that have not.
    pub fn names(&self) -> [Vec<&'static str>; 2] {
        let Some(script) = &self.0 else { return Default::default() };
        let steps = script.lock();
        let (all, some): (Vec<_>, Vec<_>) =
            steps.iter().partition(|(_, step)| **step == Step::None);
        [all, some].map(|names| names.into_iter().map(|(name, _)| *name).collect())
    }

    /// The fault of a new transaction.
    pub(crate) fn begin(&self, name: &'static str) -> Option<TxFault> {
        let script = Arc::clone(self.0.as_ref()?);
        let step = *script.lock().entry(name).or_insert(Step::Before(1));
        (step != Step::None).then(|| TxFault { script, name, step, statements: Mutex::default() })
    }
}

impl TxFault {
    /// Called before a statement is executed.
    pub(crate) async fn before(&self, conn: &impl ConnectionTrait) -> Result<(), DbErr> {
        let number = {
            let mut statements = self.statements.lock().unwrap_or_else(PoisonError::into_inner);
            *statements += 1;
            *statements
        };
        if self.step != Step::Before(number) {
            return Ok(());
        }
        let is_kill = self.script.killer.is_some();
        let next = if is_kill { Step::After(number) } else { Step::Before(number + 1) };
        self.script.advance(self.name, next);
        self.strike(conn).await
    }

    /// Called after a statement was executed.
    pub(crate) async fn after(&self, conn: &impl ConnectionTrait) -> Result<(), DbErr> {
        let number = *self.statements.lock().unwrap_or_else(PoisonError::into_inner);
        if self.step != Step::After(number) {
            return Ok(());
        }
        self.script.advance(self.name, Step::Before(number + 1));
        self.strike(conn).await
    }

    /// Called before a commit.
    pub(crate) async fn before_commit(&self, conn: &impl ConnectionTrait) -> Result<(), DbErr> {
        match self.step {
            // It has fewer statements.
            Step::Before(_) => self.script.advance(self.name, Step::BeforeCommit),
            Step::BeforeCommit => {
                self.script.advance(self.name, Step::AfterCommit);
                self.strike(conn).await?;
            }
            Step::After(_) | Step::AfterCommit | Step::None => {}
        }
        Ok(())
    }

    /// Called after a commit that succeeded.
    pub(crate) fn after_commit(&self) -> Result<(), DbErr> {
        if self.step != Step::AfterCommit {
            return Ok(());
        }
        self.script.advance(self.name, Step::None);
        Err(io_error())
    }

    async fn strike(&self, conn: &impl ConnectionTrait) -> Result<(), DbErr> {
        let Some(killer) = &self.script.killer else { return Err(io_error()) };
        let id = conn.query_one_raw(statement(conn, "SELECT CONNECTION_ID()")).await?;
        let id: u64 = id.ok_or_else(io_error)?.try_get_by_index(0)?;
        let kill = statement(killer, &format!("KILL CONNECTION {id}"));
        killer.execute_raw(kill).await.map(drop)
    }
}

impl Script {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<&'static str, Step>> {
        self.next.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn advance(&self, name: &'static str, step: Step) {
        self.lock().insert(name, step);
    }
}

fn statement(conn: &impl ConnectionTrait, text: &str) -> sea_orm::Statement {
    sea_orm::Statement::from_string(conn.get_database_backend(), text)
}

fn io_error() -> DbErr {
    let error = io::Error::other("injected by a test");
    DbErr::Exec(RuntimeErr::SqlxError(sqlx::Error::Io(error).into()))
}
