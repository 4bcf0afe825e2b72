//! What the query yields, column by column: which is what, and whether its values may stand there.

pub(crate) mod columns;
pub(crate) mod layout;
pub(crate) mod raw;
