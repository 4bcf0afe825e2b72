//! What is fitted on the training rows: vocabularies, and the moments of numeric fields.

pub(crate) mod exact_sum;
pub(crate) mod moments;
pub(crate) mod vocabulary;
