//! Facts, daily totals, and the predecessors' statistics routes.
