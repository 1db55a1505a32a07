//! The world outside: the ledger of erasures.

pub(crate) mod erasure_ledger;
