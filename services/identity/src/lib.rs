//! Local accounts, sessions and the key set they are checked with.
