//! DB-MTL, its loss part (Lin et al., [*Dual-Balancing for Multi-Task Learning*](https://arxiv.org/abs/2308.12029),
//! 2023): the loss is `Σ_k ln L_k`, so `w_k = 1 / L_k` and the scale of a task's loss does not matter. The gradient
//! part, which equalises the gradients' norms, is not implemented.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{LEAST_LOSS, LossWeighting, Settings, WeightingInput, Weights};
use crate::stream::Stream;

/// `[weighting.db_mtl]`
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a table of settings, such as {}")]
pub struct Config {}

impl Settings for Config {
    fn init(&self, _n_tasks: usize, _stream: Stream) -> Box<dyn LossWeighting> {
        Box::new(DbMtl)
    }
}

struct DbMtl;

impl LossWeighting for DbMtl {
    remembers!();

    fn weights(&mut self, input: &WeightingInput) -> Weights {
        Weights::PerTask(input.mean_losses().iter().map(|loss| 1.0 / loss.max(LEAST_LOSS)).collect())
    }

    fn copy(&self) -> Option<Box<dyn LossWeighting>> {
        Some(Box::new(DbMtl))
    }
}
