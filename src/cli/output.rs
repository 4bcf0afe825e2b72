//! Results on the standard output.

use std::fmt::Display;
use std::io::{self, Write};

use crate::log::printable::{escaped, printable};

/// Prints a line. That nobody reads any more (a closed pipe) is no mistake of the run.
pub(super) fn print(line: impl Display) {
    drop(writeln!(io::stdout(), "{}", escaped(&line.to_string())));
}

/// The same on the standard error stream.
pub(super) fn complain(line: impl Display) {
    drop(writeln!(io::stderr(), "{}", printable(&line.to_string())));
}
