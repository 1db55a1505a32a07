//! A transaction of several athletes.

use std::ops::Deref;

use kernel::AthleteId;

use crate::athlete_tx::AthleteTx;
use crate::error::StoreError;
use crate::tx::Tx;

/// A write transaction that holds the rows of several athletes.
#[derive(Debug)]
pub struct AthletesTx {
    tx: Tx,
}

impl AthletesTx {
    pub(crate) fn new(tx: Tx) -> Self {
        Self { tx }
    }

    /// The handle for one of the locked athletes. It must end with the closure, as this one.
    ///
    /// # Errors
    ///
    /// [`StoreError::Inconsistent`] if the transaction did not lock this athlete.
    pub fn athlete(&self, athlete: AthleteId) -> Result<AthleteTx, StoreError> {
        if !self.tx.athletes().contains_key(&athlete) {
            return Err(StoreError::inconsistent("the transaction does not hold this athlete"));
        }
        Ok(AthleteTx::new(self.tx.share(), athlete))
    }
}

impl Deref for AthletesTx {
    type Target = Tx;

    fn deref(&self) -> &Tx {
        &self.tx
    }
}
