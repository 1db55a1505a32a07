//! Connections, sealed tokens, leases and the call budget.
