//! Uniform actions in [0, 1], whatever the policy says.

use rand::RngExt;
use rmtl_envs::Row;

use super::{Explore, Settings};
use crate::stream::Stream;

/// Uniform in [0, 1], whatever the state.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Config {}

impl Settings for Config {
    fn init(&self, _n_tasks: usize, stream: Stream) -> Box<dyn Explore> {
        Box::new(Uniform(stream))
    }
}

struct Uniform(Stream);

impl Explore for Uniform {
    fn needs_policy(&self) -> bool {
        false
    }

    fn explore(&mut self, _rows: &[Row], actions: &mut [f32]) {
        actions.iter_mut().for_each(|action| *action = self.0.random());
    }
}
