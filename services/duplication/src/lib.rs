//! Guardian-child links, rules and copies.
