//! Settings in layers: defaults, file, environment, flags; secrets from files; redacted print.
