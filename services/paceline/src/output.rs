//! Output of the commands.

/// Prints a line of a result.
pub(crate) fn print_line(line: impl std::fmt::Display) {
    use std::io::Write;
    // A closed pipe is no error.
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}
