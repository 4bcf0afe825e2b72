//! Losses: binary cross-entropy per task, and optional extra terms.
//!
//! A term is one file with a `Config` that implements [`LossTerm`], and one line in the `losses!` list below. Its
//! name in the list is its name in run files and in its TensorBoard tag.

use burn::tensor::Tensor;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::backbone::Predictions;

mod task;

pub use task::TaskLosses;

/// Probabilities are kept this far from 0 and 1 inside logarithms.
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
    /// For every task, the share of training rows with label 1; 0 where the label is a number.
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
    /// Whether the run trains critics.
    pub has_critics: bool,
    /// Whether the training beside critics goes on from a pretrained actor.
    pub starts_pretrained: bool,
}

/// The terms of a run, bound to its tasks.
pub struct Losses {
    names: Vec<&'static str>,
    terms: Vec<Box<dyn LossTerm>>,
    tasks: TaskFacts,
}

impl Losses {
    /// The terms' names, in the order of [`Losses::values`].
    pub fn names(&self) -> &[&'static str] {
        &self.names
    }

    /// Those that act without critics.
    pub fn without_agent(self) -> Self {
        let terms = self.names.into_iter().zip(self.terms).filter(|(_, term)| !term.is_of_agent());
        let (names, terms) = terms.unzip();
        Self { names, terms, tasks: self.tasks }
    }

    /// Whether [`Losses::values`] needs the agent's side.
    pub fn need_agent(&self) -> bool {
        self.terms.iter().any(|term| term.is_of_agent())
    }

    /// The loss of every row and task; see [`TaskLosses::of`].
    pub fn of_tasks(
        &self,
        predictions: Tensor<2>,
        labels: &Tensor<2>,
        counts: Option<&Tensor<2>>,
    ) -> Tensor<2> {
        self.tasks.losses.of(predictions, labels, counts)
    }

    /// Every term's value, each one element.
    pub fn values(
        &self,
        predictions: &Predictions,
        labels: &Tensor<2>,
        losses: &Tensor<2>,
        fields: &[Tensor<3>],
        agent: Option<&AgentInput>,
    ) -> Vec<Tensor<1>> {
        let input = LossInput { predictions, labels, losses, fields, tasks: &self.tasks, agent };
        self.terms.iter().map(|term| term.value(&input)).collect()
    }
}

/// Binary cross-entropy of every row and task, not reduced.
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

macro_rules! losses {
    ($($file:ident => $name:ident: $summary:literal),+ $(,)?) => {
        $(pub mod $file;)+

        /// The optional terms of a run file: `[losses.<name>]`, absent = off.
        #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields, default)]
        pub struct LossesConfig {
            $(#[doc = concat!("See [`", stringify!($file), "`].")]
            #[serde(skip_serializing_if = "Option::is_none")]
            pub $file: Option<$file::Config>),+
        }

        /// Name and one-line summary of every optional term.
        pub const LOSSES: &[(&str, &str)] = &[$((stringify!($file), $summary)),+];

        impl LossesConfig {
            /// The terms that are on, for these tasks.
            pub fn bind(&self, tasks: TaskFacts) -> Losses {
                let (names, terms) = self.terms().into_iter().unzip();
                Losses { names, terms, tasks }
            }

            /// The terms that are on, with their names.
            pub fn terms(&self) -> Vec<(&'static str, Box<dyn LossTerm>)> {
                let mut terms: Vec<(&'static str, Box<dyn LossTerm>)> = Vec::new();
                $(if let Some(config) = &self.$file {
                    terms.push((stringify!($file), Box::new(config.clone())));
                })+
                terms
            }
        }
    };
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

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::{Device, Tolerance};

    /// The value of one term of cumulative probabilities alone.
    pub(super) fn value_of<const N: usize, const K: usize>(
        term: &dyn LossTerm,
        probabilities: [[f32; K]; N],
        labels: [[f32; K]; N],
        parents: &[Option<usize>],
    ) -> f32 {
        let device = Device::default();
        let probabilities = Tensor::<2>::from_floats(probabilities, &device);
        value(term, probabilities.into(), Tensor::from_floats(labels, &device), parents)
    }

    /// The value of one term; fields are not looked at.
    pub(super) fn value(
        term: &dyn LossTerm,
        predictions: Predictions,
        labels: Tensor<2>,
        parents: &[Option<usize>],
    ) -> f32 {
        let tasks = TaskFacts {
            losses: TaskLosses::default(),
            parents: parents.to_vec(),
            positive_rates: vec![0.5; parents.len()],
        };
        let losses = task_bce(predictions.probabilities.clone(), &labels);
        let input = LossInput {
            predictions: &predictions,
            labels: &labels,
            losses: &losses,
            fields: &[],
            tasks: &tasks,
            agent: None,
        };
        term.value(&input).into_scalar()
    }

    /// Value and gradient, in the predictions `p` of two independent tasks, of a term of the agent.
    pub(super) fn of_agent(term: &dyn LossTerm, p: Tensor<2>, agent: &AgentInput) -> (f32, Vec<f32>) {
        let labels = Tensor::zeros(p.dims(), &Device::default());
        let value = term.value(&LossInput {
            predictions: &p.clone().into(),
            labels: &labels,
            losses: &task_bce(p.clone(), &labels),
            fields: &[],
            tasks: &TaskFacts {
                losses: TaskLosses::default(),
                parents: vec![None, None],
                positive_rates: vec![0.5; 2],
            },
            agent: Some(agent),
        });
        let gradients = value.clone().backward();
        (value.into_scalar(), crate::encoder::host(p.grad(&gradients).unwrap()))
    }

    #[test]
    fn bce_by_hand() {
        let device = Device::default();
        let p = Tensor::from_floats([[0.8, 0.25], [1.0, 0.0]], &device);
        let y = Tensor::from_floats([[1.0, 0.0], [1.0, 1.0]], &device);
        // −ln 0.8, −ln 0.75, −ln(1 − 1e-7), −ln 1e-7
        let expected =
            Tensor::<2>::from_floats([[0.223_143_55, 0.287_682_07], [1.19e-7, 16.118_095]], &device);
        let tolerance = Tolerance::absolute(1e-5);
        task_bce(p, &y).into_data().assert_approx_eq::<f32>(&expected.into_data(), tolerance);
    }

    #[test]
    fn bce_gradient_by_hand() {
        let device = Device::default().autodiff();
        let p = Tensor::<2>::from_floats([[0.8, 0.25]], &device).require_grad();
        let y = Tensor::from_floats([[1.0, 0.0]], &device);
        let gradients = task_bce(p.clone(), &y).sum().backward();
        // d/dp −ln p = −1/0.8; d/dp −ln(1 − p) = 1/0.75
        let expected = Tensor::<2>::from_floats([[-1.25, 1.333_333_4]], &Device::default());
        p.grad(&gradients)
            .unwrap()
            .into_data()
            .assert_approx_eq::<f32>(&expected.into_data(), Tolerance::default());
    }
}
