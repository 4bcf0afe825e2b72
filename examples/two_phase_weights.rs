//! Weights that change once: what the best constant and the best schedule of the planted log (docs/planted.md) are worth.
//!
//! `cargo run --release --no-default-features --features flex --example two_phase_weights [SEEDS [RUN.toml]]`
//!
//! Every row of the table is a training of its own, some ten seconds long; with one seed there are fourteen of them.

use std::error::Error;
use std::path::Path;

use rmtl::config::{Override, RunFile};
use rmtl::launch;
use rmtl::output::report::{Report, TaskBlock};
use rmtl_agents::stream::Stream;
use rmtl_agents::weighting::{self, LossWeighting, Settings, WeightingInput, Weights};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `[weighting.two_phase]`: a weight for the second half of the tasks, the rare family; the common one has 1. All are then scaled to
/// sum to the number of tasks, so that schedules differ in what they share out and not in the length of their steps.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct TwoPhase {
    /// Weight of the rare family at first.
    before: f64,
    /// Its weight afterwards.
    after: f64,
    /// The step with which the second phase begins.
    switch: u64,
}

impl Default for TwoPhase {
    fn default() -> Self {
        Self { before: 1.0, after: 1.0, switch: 0 }
    }
}

impl Settings for TwoPhase {
    fn check(&self) -> Result<(), String> {
        let is_weight = |weight: f64| weight.is_finite() && weight > 0.0;
        let holds = is_weight(self.before) && is_weight(self.after);
        holds.then_some(()).ok_or_else(|| format!("weights are above 0; found {self:?}"))
    }

    fn init(&self, n_tasks: usize, _stream: Stream) -> Box<dyn LossWeighting> {
        Box::new(Running { settings: self.clone(), n_tasks, step: 0 })
    }
}

struct Running {
    settings: TwoPhase,
    n_tasks: usize,
    step: u64,
}

impl LossWeighting for Running {
    fn weights(&mut self, _input: &WeightingInput) -> Weights {
        let TwoPhase { before, after, switch } = self.settings;
        let rare = if self.step < switch { before } else { after };
        self.step += 1;
        let of = |task: usize| if task < self.n_tasks / 2 { 1.0 } else { rare };
        let sum: f64 = (0..self.n_tasks).map(of).sum();
        Weights::PerTask((0..self.n_tasks).map(|task| of(task) * self.n_tasks as f64 / sum).collect())
    }
}

/// Weights of the rare family: before, after, and the share of the steps at which they change.
const TRIED: [(f64, f64, f64); 14] = [
    (1.0, 1.0, 0.0),
    (3.0, 3.0, 0.0),
    (10.0, 10.0, 0.0),
    (30.0, 30.0, 0.0),
    (50.0, 50.0, 0.0),
    (70.0, 70.0, 0.0),
    (100.0, 100.0, 0.0),
    (0.1, 50.0, 0.3),
    (0.1, 70.0, 0.3),
    (0.1, 100.0, 0.2),
    (0.1, 100.0, 0.3),
    (0.1, 100.0, 0.5),
    (0.1, 200.0, 0.6),
    // The control: a good schedule the other way round.
    (100.0, 0.1, 0.7),
];

/// Mean AUC of the common family, of the rare one, and of all tasks.
fn means(tasks: &TaskBlock) -> [f64; 3] {
    let aucs: Vec<f64> = tasks.values().map(|task| task.auc.unwrap_or(f64::NAN)).collect();
    let (common, rare) = aucs.split_at(aucs.len() / 2);
    [common, rare, &aucs[..]].map(|of| of.iter().sum::<f64>() / of.len() as f64)
}

fn main() -> Result<(), Box<dyn Error>> {
    weighting::register::<TwoPhase>("two_phase", "one weight for the second half of the tasks, then another");
    let mut arguments = std::env::args().skip(1);
    let n_seeds: u64 = arguments.next().map_or(Ok(1), |seeds| seeds.parse())?;
    let run_file = arguments.next().unwrap_or_else(|| "configs/planted/equal.toml".into());
    let out = tempfile::tempdir()?;
    let train =
        |name: String, seed: u64, [before, after]: [f64; 2], switch: u64| -> Result<_, Box<dyn Error>> {
            let weighting =
                format!("weighting.two_phase={{before={before:?}, after={after:?}, switch={switch}}}");
            let set = [weighting, format!("seed={seed}"), "log.tensorboard=false".into()];
            let set = set.iter().map(|set| set.parse()).collect::<Result<Vec<Override>, _>>()?;
            let config = RunFile::read(Path::new(&run_file), &set)?;
            let report: Report = launch::train_into(&out.path().join(name), &config)?;
            let steps = report.phases.values().next().map_or(0, |phase| phase.steps);
            Ok((report, steps))
        };
    println!("| weight of the rare family | common | rare | mean AUC (test) | on validation |");
    println!("| --- | --- | --- | --- | --- |");
    let mut n_steps = 0;
    for (index, (before, after, share)) in TRIED.into_iter().enumerate() {
        let switch = (share * n_steps as f64) as u64;
        let (mut test, mut validation) = ([0.0; 3], 0.0);
        for seed in 1..=n_seeds {
            let (report, steps) = train(format!("{index}-{seed}"), seed, [before, after], switch)?;
            // Constants come first, so the length of a training is known to the schedules.
            n_steps = n_steps.max(steps);
            test.iter_mut().zip(means(&report.actors.tasks)).for_each(|(sum, mean)| *sum += mean);
            validation += means(&report.validation.tasks)[2];
        }
        let [common, rare, all] = test.map(|sum| sum / n_seeds as f64);
        let name = match share {
            0.0 => format!("{after}"),
            _ => format!("{before}, after {:.0} % of the steps {after}", 100.0 * share),
        };
        println!("| {name} | {common:.3} | {rare:.3} | {all:.4} | {:.4} |", validation / n_seeds as f64);
    }
    Ok(())
}
