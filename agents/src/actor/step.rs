//! One update of an actor.

use burn::module::Module;
use burn::optim::GradientsParams;
use burn::tensor::Tensor;

use super::update::{Gradients, clip};
use super::{Actor, Network};
use crate::backbone::{Backbone, Predictions};
use crate::critic::Values;
use crate::embedding::{SparseGradient, norm};
use crate::input::StateBatch;
use crate::loss::{AgentInput, AtFloor, FloorRows, Losses};
use crate::parameter::moments::Moments;
use crate::parameter::{gradient_norm, host};
use crate::pass::Pass;
use crate::progress::Progress;
use crate::weighting::{LossWeighting, WeightingInput, weigh_rows_and_tasks};

/// One training batch.
pub struct ActorBatch<'a> {
    /// The states.
    pub states: &'a StateBatch,
    /// `[batch, task]` of zeros and ones, or shares of a number's cap.
    pub labels: Tensor<2>,
    /// How much every row counts for every task, `[batch, task]`; absent = all alike.
    pub counts: Option<Tensor<2>>,
    /// The critics' values, where the weighting or a loss term needs them.
    pub critic: Option<Values<'a>>,
    /// The pretrained actor's prediction, `[batch, task]`, where there is one and terms of the agent.
    pub pretrained: Option<Tensor<2>>,
}

/// What happened in one update of the actor.
#[derive(Clone, Debug, PartialEq)]
pub struct ActorStep {
    /// The weighted losses and the terms together: what is minimised, but for gradient-based weightings, whose weights act
    /// on the shared parameters only.
    pub loss: f64,
    /// Unweighted loss per task (BCE where labels are 0 and 1), mean over the batch.
    pub task_losses: Vec<f64>,
    /// The same with the weights.
    pub weighted_losses: Vec<f64>,
    /// Value of every extra term and of every auxiliary loss of the backbone, by name.
    pub terms: Vec<(&'static str, f64)>,
    /// The weights, `[batch, task]` row-major.
    pub weights: Vec<f32>,
    /// The same, `[batch, task]` row-major; when asked for.
    pub losses: Vec<f32>,
    /// What the backbone shows of itself, a name and a value per row; when asked for.
    pub diagnostics: Vec<(&'static str, Vec<f32>)>,
    /// Rows that the floors of loss terms bound, by term and task; when asked for.
    pub at_floor: Vec<FloorRows>,
    /// Euclidean norm of the dense gradients; when asked for.
    pub dense_gradient_norm: Option<f64>,
    /// Euclidean norm of the tables' gradients.
    pub embedding_gradient_norm: f64,
    /// Where gradients are clipped and this batch ended in a step: the norm of what was stepped along over that before.
    pub clip_factor: Option<f64>,
}

/// What an update knows before parameters move.
pub(super) struct Backward {
    /// Unweighted BCE, `[batch, task]` without a graph.
    pub(super) losses: Tensor<2>,
    /// Value of every extra term and auxiliary loss.
    pub(super) terms: Vec<(&'static str, f64)>,
    /// `[batch, task]` without a graph.
    pub(super) weights: Tensor<2>,
    /// `mean_i w_ik · BCE_ik` per task.
    pub(super) weighted_losses: Vec<f64>,
    pub(super) diagnostics: Vec<(&'static str, Tensor<1>)>,
    /// When asked for.
    pub(super) at_floor: Vec<(&'static str, AtFloor)>,
    pub(super) dense: GradientsParams,
    /// The tables' gradients, where they have not stepped along them yet.
    pub(super) held: Option<Vec<SparseGradient>>,
    /// What else the optimisers take: with [`Moments::Unweighted`] the gradient of the unweighted loss, with
    /// [`Moments::PerTask`] those of the tasks after the first, on what the tasks share; the first one's is in
    /// `dense` and `held`.
    pub(super) beside: Vec<Gradients>,
    pub(super) embedding_gradient_norm: f64,
}

impl ActorBatch<'_> {
    /// What the terms of the agent see, given predictions in the graph.
    pub(super) fn agent(&self, extra: &Losses, predictions: &Predictions) -> Option<AgentInput> {
        extra.need_agent().then(|| AgentInput {
            q_values: self.critic().at(self.states, predictions.probabilities.clone()),
            pretrained: self.pretrained.clone(),
        })
    }

    pub(super) fn critic(&self) -> &Values<'_> {
        self.critic.as_ref().expect("critics, for a weighting or a loss term that needs them")
    }
}

impl Actor {
    /// One update along `Σ_k mean_i w_ik · BCE_ik + Σ terms`, the weights taken as constants.
    ///
    /// A weighting that looks at the tasks' gradients ([`Signal::is_by_task`](crate::weighting::Signal::is_by_task)) acts
    /// on the shared parameters alone; a task's own layers keep the gradient of its unweighted loss, unless rows are
    /// weighed, too.
    pub fn step(
        &mut self,
        batch: ActorBatch<'_>,
        weighting: &mut dyn LossWeighting,
        extra: &Losses,
        pass: &mut Pass<'_>,
        with_diagnostics: bool,
    ) -> ActorStep {
        // π as it is before the update.
        let policy = weighting.asks_critics().then(|| self.network.valid().for_prediction());
        let masks = pass.mark();
        let backward = match weighting.signal().is_by_task() || self.config.moments == Moments::PerTask {
            true => self.descend_by_task(&batch, policy, weighting, extra, (&mut *pass, with_diagnostics)),
            false => self.descend(&batch, policy, weighting, extra, (&mut *pass, with_diagnostics)),
        };
        let dense_gradient_norm = with_diagnostics.then(|| self.dense_gradient_norm(&backward));
        let (has_stepped, clip_factor) = self.update(backward.dense, backward.held, backward.beside);
        if has_stepped && weighting.needs_update() {
            pass.rewind(&masks);
            weighting.update(&self.task_losses(&batch, extra, pass));
        }
        self.anneal();
        if has_stepped && let Some(average) = &mut self.followers.average {
            average.update(&self.network);
        }
        let diagnostics = backward.diagnostics.into_iter().filter(|_| with_diagnostics);
        ActorStep {
            loss: backward.weighted_losses.iter().chain(backward.terms.iter().map(|(_, value)| value)).sum(),
            task_losses: numbers(backward.losses.clone().mean_dim(0)),
            weighted_losses: backward.weighted_losses,
            terms: backward.terms,
            weights: host(backward.weights),
            losses: if with_diagnostics { host(backward.losses) } else { Vec::new() },
            diagnostics: diagnostics.map(|(name, values)| (name, host(values))).collect(),
            at_floor: backward.at_floor.into_iter().map(|(term, of)| of.read(term)).collect(),
            dense_gradient_norm,
            embedding_gradient_norm: backward.embedding_gradient_norm,
            clip_factor,
        }
    }

    /// Euclidean norm of the gradient that parameters move along.
    fn dense_gradient_norm(&self, backward: &Backward) -> f64 {
        let further = backward.beside.iter().filter(|_| self.config.moments == Moments::PerTask);
        let gradients: Vec<_> =
            std::iter::once(&backward.dense).chain(further.map(|task| &task.dense)).collect();
        gradient_norm(&self.network, &gradients)
    }

    /// Lets the optimisers step, as soon as there are enough batches; says whether they have, and by how much the gradient
    /// was clipped.
    fn update(
        &mut self,
        dense: GradientsParams,
        held: Option<Vec<SparseGradient>>,
        beside: Vec<Gradients>,
    ) -> (bool, Option<f64>) {
        let mut clip_factor = None;
        let dense = match held {
            None => vec![dense],
            Some(sparse) => {
                let batch = std::iter::once(Gradients { dense, sparse }).chain(beside).collect();
                let Some(mut mean) = self.collected.add(&self.network, batch, self.config.accumulate) else {
                    return (false, None);
                };
                let moments = self.config.moments;
                clip_factor = self.config.clip.map(|bound| clip(&mut mean, &self.network, bound, moments));
                self.apply(&mean);
                mean.into_iter().map(|gradients| gradients.dense).collect()
            }
        };
        let network = self.network.clone();
        self.network = self.optimizers.step(self.config.learning_rate, network, dense);
        (true, clip_factor)
    }

    /// Counts the step, and lets the backbone anneal.
    fn anneal(&mut self) {
        self.n_steps += 1;
        if let Some(planned_steps) = self.planned_steps {
            let progress = Progress { step: self.n_steps, planned_steps };
            self.network.backbone.after_step(progress);
            // Also where gradients are still collected, and the average does not move.
            if let Some(average) = &mut self.followers.average {
                average.after_step(progress);
            }
        }
    }

    /// Lets the tables step; gives the norm of the first of these gradients.
    pub(super) fn apply(&mut self, gradients: &[Gradients]) -> f64 {
        let Some((first, beside)) = gradients.split_first() else { return 0.0 };
        if self.has_frozen_tables {
            return norm(&first.sparse);
        }
        let (rate, followers) = (self.config.embedding_learning_rate, &mut self.followers);
        let scales = match (self.config.moments, beside) {
            (Moments::Unweighted, [unweighted]) => &unweighted.sparse,
            _ => &first.sparse,
        };
        let norm = self.encoder.apply_scaled(&first.sparse, scales, rate, |view, online, rows| {
            followers.before_write(view, online, rows);
        });
        if self.config.moments == Moments::PerTask {
            for (index, task) in beside.iter().enumerate() {
                self.encoder.apply_further(index, &task.sparse, rate);
            }
        }
        norm
    }

    /// One backward pass through the weighted sum; unless gradients are held the tables have stepped afterwards, the dense
    /// parameters not yet.
    fn descend(
        &mut self,
        batch: &ActorBatch<'_>,
        policy: Option<Network>,
        weighting: &mut dyn LossWeighting,
        extra: &Losses,
        (pass, with_diagnostics): (&mut Pass<'_>, bool),
    ) -> Backward {
        let masks = pass.mark();
        let leaves = self.encoder.leaves(batch.states);
        let fields = leaves.fields.clone();
        let (states, network, encoder) = (batch.states, &self.network, &self.encoder);
        let asked = policy.map(|policy| (policy, batch.critic()));
        // Neither needs the other, and one alone leaves cores idle. Both find the lookup that `leaves` has resolved.
        let (predictions, q_values) = rayon::join(
            || network.forward(fields, states, pass),
            || asked.map(|(policy, critic)| critic.for_weights(states, policy.predict(encoder, states))),
        );
        let losses = extra.of_tasks(&predictions, &batch.labels, batch.counts.as_ref());
        let input = WeightingInput { losses: losses.clone().inner(), q_values, gram: None };
        let weights = weigh_rows_and_tasks(weighting, &input);
        let agent = batch.agent(extra, &predictions);
        let terms = extra.values(&predictions, &batch.labels, &losses, &leaves.fields, agent.as_ref());
        let at_floor = match with_diagnostics {
            true => extra.at_floor(&predictions, &batch.labels, &losses, &leaves.fields),
            false => Vec::new(),
        };
        let weighted = (losses * weights.clone()).mean_dim(0);
        let total = terms.iter().fold(weighted.clone().sum(), |sum, (_, term)| sum + term.clone());
        let mut gradients = total.backward();
        let (embedding_gradient_norm, held) = if self.config.holds_gradients() || self.has_frozen_tables {
            let sparse = self.encoder.gradients(&leaves, &mut gradients);
            (norm(&sparse), Some(sparse))
        } else {
            let (rate, followers) = (self.config.embedding_learning_rate, &mut self.followers);
            let stepped = self.encoder.step(&leaves, &mut gradients, rate, |view, online, rows| {
                followers.before_write(view, online, rows);
            });
            (stepped, None)
        };
        let dense = GradientsParams::from_grads(gradients, &self.network);
        let beside = match self.config.moments {
            Moments::Unweighted => {
                pass.rewind(&masks);
                vec![self.unweighted_gradients(batch, extra, pass)]
            }
            _ => Vec::new(),
        };
        Backward {
            losses: input.losses,
            terms: values(terms),
            weights,
            weighted_losses: numbers(weighted),
            diagnostics: predictions.diagnostics,
            at_floor,
            dense,
            held,
            beside,
            embedding_gradient_norm,
        }
    }

    /// Every task's mean loss, outside any graph.
    fn task_losses(&self, batch: &ActorBatch<'_>, extra: &Losses, pass: &mut Pass<'_>) -> Vec<f64> {
        let fields = self.encoder.fields(batch.states);
        let predictions = self.network.valid().forward(fields, batch.states, pass);
        let losses = extra.of_tasks(&predictions, &batch.labels, batch.counts.as_ref());
        numbers(losses.mean_dim(0))
    }
}

/// `[1, task]` as one number per task.
pub(super) fn numbers(values: Tensor<2>) -> Vec<f64> {
    host(values).into_iter().map(f64::from).collect()
}

/// Tensors of one element each by name, read at once.
pub(super) fn values(tensors: Vec<(&'static str, Tensor<1>)>) -> Vec<(&'static str, f64)> {
    if tensors.is_empty() {
        return Vec::new();
    }
    let (names, tensors): (Vec<_>, Vec<_>) = tensors.into_iter().unzip();
    names.into_iter().zip(host(Tensor::cat(tensors, 0)).into_iter().map(f64::from)).collect()
}
