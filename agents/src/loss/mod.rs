//! Losses: binary cross-entropy per task, and optional extra terms.
//!
//! A term is one file with a `Config` that implements [`LossTerm`], and one line in the list below; one of another crate is
//! the same and a call of [`register`]. Its name is its name in run files and in its TensorBoard tag.

use std::sync::Arc;

use burn::tensor::Tensor;
use burn::tensor::activation::log_sigmoid;

use crate::backbone::Predictions;
use crate::registry::{Registry, Written};

mod at_floor;
mod bound;
mod config;
mod task;

pub use at_floor::{AtFloor, FloorRows};
pub use bound::Losses;
use config::losses;
pub use task::TaskLosses;

/// Probabilities are kept this far from 0 and 1 inside logarithms where no logits are known.
pub const PROBABILITY_MARGIN: f64 = 1e-7;

/// What a loss term sees.
#[derive(Debug)]
pub struct LossInput<'a> {
    /// Predictions in the graph.
    pub predictions: &'a Predictions,
    /// `[batch, task]` of zeros and ones, or shares of a number's cap.
    pub labels: &'a Tensor<2>,
    /// The loss of every row and task in the graph, `[batch, task]`; see [`TaskLosses`].
    pub losses: &'a Tensor<2>,
    /// Looked-up embeddings in the graph, `[batch, field, dim]` per view.
    pub fields: &'a [Tensor<3>],
    /// What is known of the tasks.
    pub tasks: &'a TaskFacts,
    /// The agent's side; there whenever a term says it is of the agent.
    pub agent: Option<&'a AgentInput>,
}

/// What the terms of the agent see.
#[derive(Clone, Debug)]
pub struct AgentInput {
    /// Q_k(s, π_k(s)) in the graph of the prediction, `[batch, task]`; the critics are constants.
    pub q_values: Tensor<2>,
    /// The pretrained actor's prediction, `[batch, task]` without a graph, where training went on from one.
    pub pretrained: Option<Tensor<2>>,
}

/// What loss terms know of the tasks before training.
#[derive(Clone, Debug, PartialEq)]
pub struct TaskFacts {
    /// What their predictions are trained by.
    pub losses: TaskLosses,
    /// For every task, the task it depends on.
    pub parents: Vec<Option<usize>>,
    /// For every task, the share of label 1 among the rows it is trained on, as much as they count; 0 where the label is
    /// a number.
    pub positive_rates: Vec<f64>,
}

/// An extra term of the actor's loss.
pub trait LossTerm: Send + Sync {
    /// The term with its coefficient, one element.
    fn value(&self, input: &LossInput<'_>) -> Tensor<1>;

    /// Whether it acts only where critics are, and sees [`LossInput::agent`].
    fn is_of_agent(&self) -> bool {
        false
    }

    /// Whether it is what critics are trained for; other terms of the agent go without where nothing else needs them.
    fn needs_critics(&self) -> bool {
        false
    }

    /// Whether an actor can learn from it alone, where every task's loss weighs 0.
    fn is_enough(&self) -> bool {
        false
    }

    /// Where it weighs rows by inverse probabilities, how many of them its floor bounds: what a run logs, and warns of.
    fn at_floor(&self, _input: &LossInput<'_>) -> Vec<AtFloor> {
        Vec::new()
    }

    /// Why the term cannot work for these tasks and this backbone, in words for the author of the run file.
    fn check(&self, setting: &Setting<'_>) -> Result<(), String>;
}

/// What a loss term is checked against.
#[derive(Clone, Copy, Debug, Default)]
pub struct Setting<'a> {
    /// For every task, the task it depends on.
    pub parents: &'a [Option<usize>],
    /// Whether the backbone gives [`Predictions::conditional`].
    pub gives_conditionals: bool,
    /// The tasks that are trained where their parent happened alone, by index.
    pub local: &'a [usize],
    /// Whether the run trains critics.
    pub has_critics: bool,
    /// Whether the training beside critics goes on from a pretrained actor.
    pub starts_pretrained: bool,
}

/// Binary cross-entropy of every row and task from logits x, not reduced.
///
/// `max(x, 0) − x y + ln(1 + e^{−|x|})`, for y 0 or 1: the same as `−ln σ((2y − 1) x)`. It is exact, and so is its
/// gradient `σ(x) − y`, however small the probability is.
///
/// # Shapes
/// - logits, labels, output: `[batch, task]`, labels 0 or 1
pub fn bce_of_logits(logits: Tensor<2>, labels: &Tensor<2>) -> Tensor<2> {
    log_sigmoid(logits * (labels.clone() * 2.0 - 1.0)).neg()
}

/// The same of probabilities, for backbones that give no logits.
///
/// `−y ln p − (1 − y) ln(1 − p)`, p clamped to [1e-7, 1 − 1e-7]; where the clamp acts the gradient is zero.
///
/// # Shapes
/// - probabilities, labels, output: `[batch, task]`
pub fn task_bce(probabilities: Tensor<2>, labels: &Tensor<2>) -> Tensor<2> {
    let p = probabilities.clamp(PROBABILITY_MARGIN, 1.0 - PROBABILITY_MARGIN);
    let positive = labels.clone() * p.clone().log();
    let negative = (labels.clone().neg() + 1.0) * (p.neg() + 1.0).log();
    (positive + negative).neg()
}

losses! {
    behaviour_cloning => BehaviourCloning: "TD3+BC: the actor stays near the pretrained one's predictions",
    calibrator => Calibrator: "BPCM: a task must not be likelier than the task it depends on",
    class_balance => ClassBalance: "positives count more, by the classes' shares in the training rows",
    counterfactual => Counterfactual: "ESCM2: the conditional loss of all rows, by inverse propensities or doubly robust",
    dependence => Dependence: "SDMTL (APEM): the gap between dependent tasks' predictions follows the labels' gap",
    embedding_l2 => EmbeddingL2: "squared length of the embeddings of the batch",
    policy_gradient => PolicyGradient: "DDPG: the actor follows the critics, -mean Q",
}

static LOSSES: Registry<dyn LossTerm> = Registry::new(LossesConfig::BUILT_IN);

/// Makes a loss term of another crate known to run files as `[losses.<name>]`. Called before a run file is read.
///
/// # Panics
/// If the name stands for something else already.
pub fn register<S: LossTerm + Written>(name: &'static str, summary: &'static str) {
    LOSSES.register::<S>(name, summary, |term| Arc::new(term));
}

/// Cross-entropy from logits where there are any, from probabilities otherwise.
fn cross_entropy(probabilities: Tensor<2>, logits: Option<Tensor<2>>, labels: &Tensor<2>) -> Tensor<2> {
    match logits {
        Some(logits) => bce_of_logits(logits, labels),
        None => task_bce(probabilities, labels),
    }
}

/// Column `task` of `[batch, task]`, as `[batch, 1]`.
fn column(values: &Tensor<2>, task: usize) -> Tensor<2> {
    values.clone().narrow(1, task, 1)
}

/// Every pair (parent, child) of dependent tasks.
fn pairs(parents: &[Option<usize>]) -> impl Iterator<Item = (usize, usize)> + '_ {
    parents.iter().enumerate().filter_map(|(child, parent)| parent.map(|parent| (parent, child)))
}

/// The sum of a term's values, one per pair; zero where there is none.
fn sum(terms: impl Iterator<Item = Tensor<1>>, like: &Tensor<2>) -> Tensor<1> {
    terms.reduce(|a, b| a + b).unwrap_or_else(|| Tensor::zeros([1], &like.device()))
}

fn check_strength(key: &str, strength: f64) -> Result<(), String> {
    if (0.0..=1e6).contains(&strength) {
        return Ok(());
    }
    Err(format!("`{key}` must be a number from 0 to 1e6; found {strength}"))
}

fn check_has_pairs(name: &str, setting: &Setting<'_>) -> Result<(), String> {
    if pairs(setting.parents).next().is_some() {
        return Ok(());
    }
    Err(format!(
        "`losses.{name}` compares a task with the one it depends on, but no task of this dataset has `after = ..`; \
         declare the chain in the dataset file or remove the term"
    ))
}

/// Refuses a comparison of cumulative predictions with those of a local task, which are conditional unless the backbone
/// multiplies along the chain.
fn check_cumulative(name: &str, setting: &Setting<'_>) -> Result<(), String> {
    let is_local =
        |(parent, child): &(usize, usize)| setting.local.contains(parent) || setting.local.contains(child);
    if setting.gives_conditionals || !pairs(setting.parents).any(|pair| is_local(&pair)) {
        return Ok(());
    }
    Err(format!(
        "`losses.{name}` compares probabilities along the chain, and with this backbone a task of `local_tasks` predicts \
         its probability given its parent; use a backbone that multiplies along the chain, such as `esmm`, or leave the \
         term or `local_tasks` out"
    ))
}

#[cfg(test)]
mod tests;
