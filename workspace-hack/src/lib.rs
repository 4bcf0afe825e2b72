//! Nothing: this crate exists for the features its `Cargo.toml` turns on.
