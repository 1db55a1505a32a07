//! Faults that a test injects into transactions, where their statements are executed.

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use sea_orm::{ConnectionTrait, DatabaseConnection, DbErr, RuntimeErr, sqlx};

/// Faults for the transactions of a database; none outside tests, and none before they are armed.
///
/// The first transaction of a name fails at its first statement, the next but one at its second, and so on
/// until one has fewer statements; a connection is killed before and after each. Then the commit of one
/// fails before it happens, and of one after it. All others succeed. So a scenario whose work is tried
/// again meets every fault at every place.
#[derive(Clone, Debug, Default)]
pub struct StoreFaults(Option<Arc<Script>>);

#[derive(Debug)]
struct Script {
    /// Kills connections; none: faults are I/O errors.
    killer: Option<DatabaseConnection>,
    armed: AtomicBool,
    /// The only transactions that fail; all if it is not set.
    only: OnceLock<Vec<&'static str>>,
    next: Mutex<BTreeMap<&'static str, NextFault>>,
}

#[derive(Clone, Copy, Debug)]
struct NextFault {
    step: FaultStep,
    /// True right after a fault: whoever tries again succeeds, and does not wait longer and longer.
    spares: bool,
}

/// The next fault of the transactions of one name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FaultStep {
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
    step: FaultStep,
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
        let armed = AtomicBool::new(false);
        let only = OnceLock::new();
        Self(Some(Arc::new(Script { killer, armed, only, next: Mutex::default() })))
    }

    /// Lets faults happen from now on.
    pub fn arm(&self) {
        if let Some(script) = &self.0 {
            script.armed.store(true, Ordering::SeqCst);
        }
    }

    /// Lets faults happen from now on, to the transactions of these names only.
    pub fn arm_only(&self, names: &[&'static str]) {
        if let Some(script) = &self.0 {
            script.only.get_or_init(|| names.to_vec());
        }
        self.arm();
    }

    /// True if the transactions of this name have met every fault.
    pub fn is_done(&self, name: &str) -> bool {
        self.names()[0].contains(&name)
    }

    /// The names of the transactions that have met every fault, and of those that have not.
    pub fn names(&self) -> [Vec<&'static str>; 2] {
        let Some(script) = &self.0 else { return Default::default() };
        let steps = script.lock();
        let (all, some): (Vec<_>, Vec<_>) =
            steps.iter().partition(|(_, next)| next.step == FaultStep::None);
        [all, some].map(|names| names.into_iter().map(|(name, _)| *name).collect())
    }

    /// The fault of a new transaction.
    pub(crate) fn begin(&self, name: &'static str) -> Option<TxFault> {
        let script = Arc::clone(self.0.as_ref()?);
        let is_left_out = script.only.get().is_some_and(|only| !only.contains(&name));
        if !script.armed.load(Ordering::SeqCst) || is_left_out {
            return None;
        }
        let step = {
            let first = NextFault { step: FaultStep::Before(1), spares: false };
            let mut all = script.lock();
            let next = all.entry(name).or_insert(first);
            if std::mem::take(&mut next.spares) {
                return None;
            }
            next.step
        };
        let statements = Mutex::default();
        (step != FaultStep::None).then(|| TxFault { script, name, step, statements })
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
        if self.step != FaultStep::Before(number) {
            return Ok(());
        }
        let is_kill = self.script.killer.is_some();
        let next = if is_kill { FaultStep::After(number) } else { FaultStep::Before(number + 1) };
        self.script.advance(self.name, next);
        self.strike(conn).await
    }

    /// Called after a statement was executed.
    pub(crate) async fn after(&self, conn: &impl ConnectionTrait) -> Result<(), DbErr> {
        let number = *self.statements.lock().unwrap_or_else(PoisonError::into_inner);
        if self.step != FaultStep::After(number) {
            return Ok(());
        }
        self.script.advance(self.name, FaultStep::Before(number + 1));
        self.strike(conn).await
    }

    /// Called before a commit.
    pub(crate) async fn before_commit(&self, conn: &impl ConnectionTrait) -> Result<(), DbErr> {
        match self.step {
            // It has fewer statements.
            FaultStep::Before(_) => self.script.advance(self.name, FaultStep::BeforeCommit),
            FaultStep::BeforeCommit => {
                self.script.advance(self.name, FaultStep::AfterCommit);
                self.strike(conn).await?;
            }
            FaultStep::After(_) | FaultStep::AfterCommit | FaultStep::None => {}
        }
        Ok(())
    }

    /// Called after a commit that succeeded.
    pub(crate) fn after_commit(&self) -> Result<(), DbErr> {
        if self.step != FaultStep::AfterCommit {
            return Ok(());
        }
        self.script.advance(self.name, FaultStep::None);
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
    fn lock(&self) -> MutexGuard<'_, BTreeMap<&'static str, NextFault>> {
        self.next.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn advance(&self, name: &'static str, step: FaultStep) {
        self.lock().insert(name, NextFault { step, spares: true });
    }
}

fn statement(conn: &impl ConnectionTrait, text: &str) -> sea_orm::Statement {
    sea_orm::Statement::from_string(conn.get_database_backend(), text)
}

fn io_error() -> DbErr {
    let error = io::Error::other("injected by a test");
    DbErr::Exec(RuntimeErr::SqlxError(sqlx::Error::Io(error).into()))
}
