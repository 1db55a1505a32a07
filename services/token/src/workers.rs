//! What runs on its own: checks of connections, and work that outlives the request that wanted it.

mod checks;
mod owned;

pub(crate) use checks::run_checks;
pub(crate) use owned::run_owned;
