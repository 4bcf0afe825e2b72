//! Everything with parameters: state encoder, backbones, critics, replay, target networks, losses, weightings, and
//! the updates of actor and critics. This crate opens no file, reads no clock and prints nothing.
//!
//! A reader follows the data: rows become tensors in [`batch`], fields in [`encoder`], probabilities in [`backbone`];
//! [`actor`] and [`critic`] hold the two updates, [`weighting`] stands between them.

pub mod actor;
pub mod backbone;
pub mod batch;
pub mod critic;
pub mod encoder;
pub mod exploration;
pub mod layer;
pub mod loss;
pub mod numeric;
pub mod optimizer;
pub mod pass;
pub mod replay;
pub mod state;
pub mod stream;
pub mod target;
pub mod transition;
pub mod weighting;
pub mod weights;
