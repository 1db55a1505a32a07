//! The transaction runner: opens, retries on conflict, commits, wakes relay and workers.

use std::future::Future;
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use kernel::AthleteId;

use crate::athlete_row::LockedAthlete;
use crate::athletes_tx::AthletesTx;
use crate::tx::Tx;
use crate::{AthleteTx, Database, IsConflict, StoreError};

/// Retries after a conflict; the caller hears of the next one.
const MAX_RETRIES: usize = 4;
const MIN_DELAY: Duration = Duration::from_millis(5);
const MAX_DELAY: Duration = Duration::from_millis(50);

impl Database {
    /// Runs a transaction that holds the athlete's row, again after a deadlock, lock time-out or busy.
    ///
    /// `work` may run several times, so nothing outside the database happens in it. `Err` rolls back,
    /// and so does `Ok(tx.unchanged(value))`. `name` appears in logs and errors.
    ///
    /// # Errors
    ///
    /// Those of `work`; [`StoreError`] when the transaction cannot be opened or committed, or when a
    /// handle outlives `work`.
    pub async fn run<T, E, F, Fut>(
        &self,
        name: &'static str,
        athlete: AthleteId,
        work: F,
    ) -> Result<T, E>
    where
        F: Fn(AthleteTx) -> Fut + Send,
        Fut: Future<Output = Result<T, E>> + Send,
        E: From<StoreError> + IsConflict,
    {
        self.run_locked(name, &[athlete], move |tx| work(AthleteTx::new(tx, athlete))).await
    }

    /// Runs a transaction that holds the rows of several athletes, locked in the order of their ids by
    /// its first statement. Nothing else locks more than one. See [`Database::run`].
    ///
    /// # Errors
    ///
    /// As [`Database::run`].
    pub async fn run_many<T, E, F, Fut>(
        &self,
        name: &'static str,
        athletes: &[AthleteId],
        work: F,
    ) -> Result<T, E>
    where
        F: Fn(AthletesTx) -> Fut + Send,
        Fut: Future<Output = Result<T, E>> + Send,
        E: From<StoreError> + IsConflict,
    {
        let mut ids = athletes.to_vec();
        ids.sort_unstable();
        ids.dedup();
        self.run_locked(name, &ids, move |tx| work(AthletesTx::new(tx))).await
    }

    /// Runs a transaction without an athlete: jobs, sign-in states, replay bookkeeping. See
    /// [`Database::run`].
    ///
    /// # Errors
    ///
    /// As [`Database::run`].
    pub async fn run_plain<T, E, F, Fut>(&self, name: &'static str, work: F) -> Result<T, E>
    where
        F: Fn(Tx) -> Fut + Send,
        Fut: Future<Output = Result<T, E>> + Send,
        E: From<StoreError> + IsConflict,
    {
        self.run_locked(name, &[], work).await
    }

    async fn run_locked<T, E, F, Fut>(
        &self,
        name: &'static str,
        athletes: &[AthleteId],
        work: F,
    ) -> Result<T, E>
    where
        F: Fn(Tx) -> Fut + Send,
        Fut: Future<Output = Result<T, E>> + Send,
        E: From<StoreError> + IsConflict,
    {
        let mut delays = retry_delays();
        loop {
            let outcome = match self.begin_locked(name, athletes).await {
                Ok(tx) => match work(tx.share()).await {
                    Ok(value) => tx.finish(name).await.map(|()| value).map_err(E::from),
                    Err(error) => Err(error),
                },
                Err(error) => Err(error.into()),
            };
            let conflict = outcome.as_ref().is_err_and(E::is_conflict);
            match delays.next().filter(|_| conflict) {
                Some(delay) => {
                    metrics::counter!("store_contended_total").increment(1);
                    tracing::debug!(transaction = name, ?delay, "a transaction is retried");
                    tokio::time::sleep(delay).await;
                }
                None => return outcome,
            }
        }
    }

    async fn begin_locked(
        &self,
        name: &'static str,
        athletes: &[AthleteId],
    ) -> Result<Tx, StoreError> {
        let tx = Tx::begin(self, name).await?;
        if !athletes.is_empty() {
            LockedAthlete::lock(tx.conn(), athletes).await?;
        }
        for athlete in athletes {
            let locked = LockedAthlete::load(tx.conn(), *athlete).await?;
            tx.athletes().insert(*athlete, locked);
        }
        Ok(tx)
    }
}

/// A few milliseconds, growing, never the same for two transactions that collided.
fn retry_delays() -> impl Iterator<Item = Duration> + Send {
    ExponentialBuilder::default()
        .with_min_delay(MIN_DELAY)
        .with_max_delay(MAX_DELAY)
        .with_max_times(MAX_RETRIES)
        .with_jitter()
        .build()
}
