//! Loss weightings: how much every task's loss counts.
//!
//! A weighting is one file with a `Config` that implements [`Settings`], and one line in the list below. For a
//! weighting of another crate a call of [`register`] takes the line's place. A weighting gets tensors without a graph
//! and is never differentiated. It gives [`Weights`] per row and task, or, as most methods do, per task alone.

use std::path::Path;
use std::sync::Arc;

use burn::tensor::{Device, Tensor, TensorData};

use crate::parameter::host;
use crate::registry::{Written, choice};
use crate::stream::{Stream, Streams};

/// How a weighting tells its state, and takes it over: the fields that change from step to step.
macro_rules! remembers {
    ($($field:tt),*) => {
        fn state(&self) -> Option<serde_json::Value> {
            serde_json::to_value(($(&self.$field,)*)).ok()
        }

        fn restore(&mut self, state: serde_json::Value) -> serde_json::Result<()> {
            ($(self.$field,)*) = serde_json::from_value(state)?;
            Ok(())
        }
    };
}

mod adam;
mod bounds;
mod entries;
mod gram;
mod loss_weighting;
mod q_values;
mod quadratic;

pub use bounds::{Normalize, WeightBounds};
pub use entries::{ParameterGradients, TaskGradients};
pub use gram::Gram;
pub(crate) use loss_weighting::times_rows;
pub use loss_weighting::{LossWeighting, weigh, weigh_rows_and_tasks};
pub use q_values::QValues;

/// What a weighting sees of a batch, all without a graph.
#[derive(Clone, Debug)]
pub struct WeightingInput {
    /// Unweighted loss of every row and task, `[batch, task]`.
    pub losses: Tensor<2>,
    /// Q_k(s, π_k(s)); present when [`LossWeighting::asks_critics`] says so.
    pub q_values: Option<QValues>,
    /// Inner products of the tasks' gradients on the shared parameters; present when [`LossWeighting::signal`] says
    /// so.
    pub gram: Option<Gram>,
}

impl WeightingInput {
    /// Number of tasks.
    pub fn n_tasks(&self) -> usize {
        self.losses.dims()[1]
    }

    /// Every task's mean loss over the batch, read from the device.
    pub fn mean_losses(&self) -> Vec<f64> {
        host(self.losses.clone().mean_dim(0)).into_iter().map(f64::from).collect()
    }

    /// The inner products of [`Signal::Gradients`].
    pub fn gram(&self) -> &Gram {
        self.gram.as_ref().expect("computed, as `signal` says")
    }

    /// `weights` for the rows of this batch, `[batch, task]`.
    pub fn of_rows(&self, weights: Weights) -> Tensor<2> {
        weights.of_rows(self.losses.dims()[0], &self.losses.device())
    }
}

/// What a weighting needs besides the losses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Signal {
    /// Nothing.
    #[default]
    Losses,
    /// The critics' values.
    QValues,
    /// The tasks' gradients. The weights then act on the parameters the backbone declares shared, all others get the plain
    /// sum of the tasks' gradients. Such a weighting gives every row of a batch the same weights.
    Gradients,
    /// The same, entry by entry, by [`LossWeighting::adjust`].
    Entries,
}

impl Signal {
    /// Whether every task's gradient is computed by itself, and the weights act on what the tasks share alone.
    pub fn is_by_task(self) -> bool {
        matches!(self, Self::Gradients | Self::Entries)
    }
}

/// The weights w of the loss `Σ_k mean_i w_ik · L_ik`.
#[expect(
    clippy::large_enum_variant,
    reason = "there is one a step, and boxing it would cost more than it saves"
)]
#[derive(Clone, Debug)]
pub enum Weights {
    /// `[task]`: a task's weight is the same in every row.
    PerTask(Vec<f64>),
    /// `[batch, task]`
    PerRow(Tensor<2>),
}

impl Weights {
    /// # Shapes
    /// - output: `[n_rows, task]`
    pub fn of_rows(self, n_rows: usize, device: &Device) -> Tensor<2> {
        match self {
            Self::PerTask(weights) => {
                let n_tasks = weights.len();
                let weights: Vec<f32> = weights.iter().map(|&weight| weight as f32).collect();
                let weights = TensorData::new(weights, [1, n_tasks]);
                Tensor::<2>::from_data(weights, device).expand([n_rows, n_tasks])
            }
            Self::PerRow(weights) => weights,
        }
    }
}

/// The settings of a weighting: `[weighting.<name>]` of a run file.
pub trait Settings: Send + Sync {
    /// Settings that between them turn every switch, for the tests that every weighting passes.
    fn variants() -> Vec<Self>
    where
        Self: Sized + Default,
    {
        vec![Self::default()]
    }

    /// Why these settings cannot work, in words for the author of the run file.
    fn check(&self) -> Result<(), String> {
        Ok(())
    }

    /// Why these settings cannot work with batches of that many rows.
    fn check_batch(&self, _batch_size: usize) -> Result<(), String> {
        Ok(())
    }

    /// Why these settings cannot work for that many tasks.
    fn check_tasks(&self, _n_tasks: usize) -> Result<(), String> {
        Ok(())
    }

    /// Whether it weighs everything 0, so that only other terms of the loss are learnt from.
    fn is_silent(&self) -> bool {
        false
    }

    /// Numbers it keeps for every shared parameter, tables included.
    fn numbers_per_parameter(&self, _n_tasks: usize) -> usize {
        0
    }

    /// The file of a learnt policy that it needs. Who runs it reads the file: no file is opened here.
    fn policy(&self) -> Option<&Path> {
        None
    }

    /// The same with the policy's file in another place; nothing where it has none.
    fn with_policy(&self, _path: &Path) -> Option<WeightingConfig> {
        None
    }

    /// The weighting at its first step. `stream` is for those that draw.
    fn init(&self, n_tasks: usize, stream: Stream) -> Box<dyn LossWeighting>;
}

choice! {
    /// A weighting with its settings: `[weighting.<name>]` of a run file.
    WeightingConfig in WEIGHTINGS of dyn Settings {
        critic => Critic: "RMTL: w = 1 - lambda * Q(s, a) of the task's critic, per sample",
        equal => Equal: "every task and row counts 1",
        constant => Constant: "a fixed weight per task",
        exponential => Exponential: "RMTL's baseline: a weight per task that decays with every step",
        uw => Uw: "uncertainty weighting: learned log variances",
        uw_so => UwSo: "soft optimal uncertainty weighting: a softmax of the losses' inverses",
        dwa => Dwa: "dynamic weight average: tasks whose loss falls slowly count more",
        rlw => Rlw: "random loss weighting: a new softmax of normals every step",
        gls => Gls: "geometric loss strategy: the gradient of the geometric mean of the losses",
        stch => Stch: "smooth Tchebycheff scalarisation: the task worst against its nadir counts most",
        db_mtl => DbMtl: "DB-MTL, loss part: the gradient of the losses' logarithms",
        famo => Famo: "fast adaptive multitask optimisation: every task's log loss falls alike",
        imtl => Imtl: "IMTL-G: a direction with equal projections on all tasks' gradients",
        gradnorm => Gradnorm: "GradNorm: tasks that learn slowly get larger gradients",
        pcgrad => Pcgrad: "PCGrad: a task's gradient loses what points against another's",
        gradvac => Gradvac: "gradient vaccine: gradients are turned towards their usual angles",
        mgda => Mgda: "the shortest combination of the tasks' gradients",
        cagrad => Cagrad: "conflict-averse gradient: near the mean, best for the task worst off",
        aligned_mtl => AlignedMtl: "principal components of the gradients made equally long",
        nash_mtl => NashMtl: "the update all tasks would agree on in a bargaining game",
        fairgrad => Fairgrad: "FairGrad: the tasks' progress shared out alpha-fairly",
        upgrad => Upgrad: "UPGrad: the mean of the gradients, each projected to where it opposes no task",
        pe_ltr => PeLtr: "PE-LTR: the shortest combination in which every task keeps a least weight",
        gradcraft => Gradcraft: "GradCraft: gradients made equally long, then freed of all conflicts at once",
        multibalance => Multibalance: "the shortest combination, lengths evened out by their moving means",
        sdmgrad => Sdmgrad: "SDMGrad: the shortest combination, drawn towards the mean gradient",
        modo => Modo: "MoDo: the shortest combination, followed by a step of descent per batch",
        graddrop => Graddrop: "GradDrop: where tasks disagree about an entry's sign, one sign is drawn",
        moco => Moco: "MoCo: the shortest combination of gradients tracked from batch to batch",
        excess_mtl => ExcessMtl: "ExcessMTL: tasks far from the best they can do count more",
        controller => Controller: "weights that a learnt policy, or a schedule, changes from block to block",
    }
}

/// Makes a weighting of another crate known to run files as `[weighting.<name>]`. Called before a run file is read.
///
/// # Panics
/// If the name stands for something else already.
pub fn register<S: Settings + Written>(name: &'static str, summary: &'static str) {
    WEIGHTINGS.register::<S>(name, summary, |settings| Arc::new(settings));
}

impl WeightingConfig {
    /// See [`Settings::init`].
    pub fn init(&self, n_tasks: usize, stream: Stream) -> Box<dyn LossWeighting> {
        self.settings().init(n_tasks, stream)
    }

    /// See [`LossWeighting::signal`].
    pub fn signal(&self) -> Signal {
        // No draw is made; one task is as good as many.
        self.init(1, Streams::new(0).named("signal")).signal()
    }

    /// See [`LossWeighting::asks_critics`].
    pub fn asks_critics(&self) -> bool {
        self.init(1, Streams::new(0).named("signal")).asks_critics()
    }

    /// The weighting of this name with its default settings.
    ///
    /// # Errors
    /// There is none of the name.
    pub fn named(name: &str) -> Result<Self, String> {
        let settings = serde_json::json!({ name: {} });
        serde_json::from_value(settings).map_err(|error| error.to_string())
    }

    /// See [`Settings::policy`].
    pub fn policy(&self) -> Option<&Path> {
        self.settings().policy()
    }

    /// See [`Settings::with_policy`].
    pub fn with_policy(&self, path: &Path) -> Option<Self> {
        self.settings().with_policy(path)
    }

    /// See [`Settings::check`].
    pub fn check(&self) -> Result<(), String> {
        self.settings().check()
    }

    /// See [`Settings::check_batch`].
    pub fn check_batch(&self, batch_size: usize) -> Result<(), String> {
        self.settings().check_batch(batch_size)
    }

    /// See [`Settings::check_tasks`].
    pub fn check_tasks(&self, n_tasks: usize) -> Result<(), String> {
        self.settings().check_tasks(n_tasks)
    }

    /// See [`Settings::numbers_per_parameter`].
    pub fn numbers_per_parameter(&self, n_tasks: usize) -> usize {
        self.settings().numbers_per_parameter(n_tasks)
    }

    /// See [`Settings::is_silent`].
    pub fn is_silent(&self) -> bool {
        self.settings().is_silent()
    }
}

/// Refuses a number that is not above 0 and finite.
fn check_positive(key: &str, value: f64) -> Result<(), String> {
    if value > 0.0 && value <= 1e6 {
        return Ok(());
    }
    Err(format!("`{key}` must be a number above 0, at most 1e6; found {value}"))
}

/// Refuses a list that has not one number from 0 to 1e6 per task.
fn check_list(key: &str, values: &[f64], n_tasks: usize) -> Result<(), String> {
    if values.len() != n_tasks {
        return Err(format!("`{key}` needs one number per task: expected {n_tasks}, found {}", values.len()));
    }
    match values.iter().find(|value| !(0.0..=1e6).contains(*value)) {
        Some(value) => Err(format!("`{key}` holds numbers from 0 to 1e6; found {value}")),
        None => Ok(()),
    }
}

/// `softmax(x)`
fn softmax(x: &[f64]) -> Vec<f64> {
    let largest = x.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let powers: Vec<f64> = x.iter().map(|x| (x - largest).exp()).collect();
    let sum: f64 = powers.iter().sum();
    powers.iter().map(|power| power / sum).collect()
}

/// Losses are kept this far from 0 where they are divided by.
const LEAST_LOSS: f64 = 1e-12;

#[cfg(test)]
mod tests;
