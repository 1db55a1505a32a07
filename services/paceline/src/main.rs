//! The program: every service in one process, or any of them alone.

fn main() {}
