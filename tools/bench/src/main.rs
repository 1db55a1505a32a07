//! Benchmarks and the load driver.

fn main() {}
