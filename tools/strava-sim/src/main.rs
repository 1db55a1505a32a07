//! A Strava to test against.

fn main() {}
