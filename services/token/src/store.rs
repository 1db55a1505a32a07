//! The token service's tables; the only place that names the database's own crates.

mod budgets;
mod connections;
mod leases;
mod migrations;
mod sealing;
mod states;

pub(crate) use budgets::{budget, lock_budget, save_budget};
pub(crate) use connections::{
    by_athlete, by_id, due, holder_of, insert, keep_tokens, next_due, of_athlete, page, save,
    subject_of_hint,
};
pub(crate) use leases::{
    GrantedLease, close_lease, find_lease, in_flight, insert_lease, lease_of_attempt, purge_leases,
    retire_attempt, spent_by,
};
pub(crate) use migrations::migrations;
pub(crate) use sealing::{Column, print_of};
pub use sealing::{Keyring, KeyringError};
pub(crate) use states::{NewState, State as OauthState, insert_state, take_state};
