//! A weighting of your own: the less a task's loss has fallen since the first batch, the more it counts.
//!
//! `cargo run --release --no-default-features --features flex --example custom_weighting`

use std::error::Error;
use std::path::Path;

use rmtl::config::{Override, RunFile};
use rmtl::launch;
use rmtl_agents::stream::Stream;
use rmtl_agents::weighting::{self, LossWeighting, Settings, WeightingInput, Weights};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `[weighting.catch_up]`
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct CatchUp {
    /// How much of the running mean of a loss is kept at every step.
    memory: f64,
}

impl Default for CatchUp {
    fn default() -> Self {
        Self { memory: 0.95 }
    }
}

impl Settings for CatchUp {
    fn check(&self) -> Result<(), String> {
        let is_share = (0.0..1.0).contains(&self.memory);
        is_share.then_some(()).ok_or_else(|| format!("`memory` is a share in [0, 1); found {}", self.memory))
    }

    fn init(&self, n_tasks: usize, _stream: Stream) -> Box<dyn LossWeighting> {
        Box::new(Running { memory: self.memory, first: None, now: vec![0.0; n_tasks] })
    }
}

struct Running {
    memory: f64,
    first: Option<Vec<f64>>,
    now: Vec<f64>,
}

impl LossWeighting for Running {
    fn weights(&mut self, input: &WeightingInput) -> Weights {
        let losses = input.mean_losses();
        let first = self.first.get_or_insert_with(|| losses.clone());
        if self.now.iter().all(|now| *now == 0.0) {
            self.now.copy_from_slice(&losses);
        }
        for (now, loss) in self.now.iter_mut().zip(&losses) {
            *now = self.memory * *now + (1.0 - self.memory) * loss;
        }
        let left: Vec<f64> = self.now.iter().zip(first).map(|(now, first)| now / first.max(1e-12)).collect();
        let mean = left.iter().sum::<f64>() / left.len() as f64;
        Weights::PerTask(left.iter().map(|left| left / mean).collect())
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    weighting::register::<CatchUp>("catch_up", "tasks that have learnt little count more");
    let set = ["weighting.catch_up.memory=0.9", "schedule.two_stage.pretrain.max_epochs=2"];
    let set = set.into_iter().map(str::parse).collect::<Result<Vec<Override>, _>>()?;
    let config = RunFile::read(Path::new("configs/quickstart.toml"), &set)?;
    let out = tempfile::tempdir()?;
    let report = launch::train_into(&out.path().join("run"), &config)?;
    println!("{}", report.actors.to_table(&report.weighting));
    Ok(())
}
