//! Results on the standard output.

use std::fmt::Display;
use std::io::{self, Write};

/// Prints a line. That nobody reads any more (a closed pipe) is no mistake of the run.
pub(super) fn print(line: impl Display) {
    drop(writeln!(io::stdout(), "{line}"));
}

/// The same on the standard error stream.
pub(super) fn complain(line: impl Display) {
    drop(writeln!(io::stderr(), "{line}"));
}
