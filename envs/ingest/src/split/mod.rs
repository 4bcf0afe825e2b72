//! The three splits: where they meet, what is known by their ends, what their sizes allow.

pub(crate) mod boundary;
pub(crate) mod end;
pub(crate) mod late_labels;
pub(crate) mod marks;
pub(crate) mod warnings;
