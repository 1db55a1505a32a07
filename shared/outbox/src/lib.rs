//! The effect transaction, the outbox relay, parked events, fences: what every store shares.
