//! Jobs in the database: claim with lease and fencing epoch, priority, wanted, back-off.
