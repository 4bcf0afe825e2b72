//! The gradient of every task by itself, for weightings that look at them.
//!
//! One forward and one backward pass per task, all with the same dropout masks; and one for the extra terms, where there are
//! any. Gradients are compared on the shared parameters: the layers the backbone declares, and what lies below it in
//! the views that tasks share, which are tables, by row, the projection of numeric columns and the interaction of the
//! fields.

use std::collections::HashSet;

use burn::module::{Module, ModuleVisitor, Param, ParamId, list_param_ids};
use burn::optim::GradientsParams;
use burn::tensor::Tensor;

use super::entries::change_entries;
use super::step::{ActorBatch, Backward, numbers, values};
use super::update::Gradients;
use super::{Actor, Network};
use crate::backbone::{Backbone, ViewRole};
use crate::embedding::{SparseGradient, inner_product, norm};
use crate::loss::Losses;
use crate::parameter::host;
use crate::parameter::moments::Moments;
use crate::pass::Pass;
use crate::weighting::{
    Gram, LossWeighting, Signal, WeightingInput, times_rows, weigh, weigh_rows_and_tasks,
};

impl Actor {
    /// As [`Actor::step`] says of [`Signal::is_by_task`]; unless gradients are held the tables have stepped
    /// afterwards, the dense parameters not yet. Weights of rows are in the losses, and all weights of other weightings,
    /// which come here where every task has its own moments.
    pub(super) fn descend_by_task(
        &mut self,
        batch: &ActorBatch<'_>,
        policy: Option<Network>,
        weighting: &mut dyn LossWeighting,
        extra: &Losses,
        (pass, with_diagnostics): (&mut Pass<'_>, bool),
    ) -> Backward {
        let [n_rows, n_tasks] = batch.labels.dims();
        let masks = pass.mark();
        let mut gradients = Vec::with_capacity(n_tasks);
        let mut terms = Vec::new();
        let mut diagnostics = Vec::new();
        let mut at_floor = Vec::new();
        let mut in_losses = None;
        let mut losses = Tensor::zeros([n_rows, n_tasks], &batch.labels.device());
        // One more pass where there is more than the tasks' losses; whether the backbone adds any is known after the first.
        let mut has_more = !extra.is_empty();
        for task in 0..=n_tasks {
            if task == n_tasks && !has_more {
                break;
            }
            pass.rewind(&masks);
            let leaves = self.encoder.leaves(batch.states);
            let predictions = self.network.forward(leaves.fields.clone(), batch.states, pass);
            has_more |= !predictions.auxiliary.is_empty();
            let all = extra.of_tasks(&predictions, &batch.labels, batch.counts.as_ref());
            if task == 0 {
                let (states, encoder) = (batch.states, &self.encoder);
                let q_values = policy
                    .as_ref()
                    .map(|policy| batch.critic().for_weights(states, policy.predict(encoder, states)));
                let input = WeightingInput { losses: all.clone().inner(), q_values, gram: None };
                in_losses = match weighting.signal().is_by_task() {
                    true => weighting.row_weights(&input),
                    false => Some(weigh_rows_and_tasks(weighting, &input)),
                };
            }
            let loss = if task < n_tasks {
                let of_rows = all.clone().narrow(1, task, 1);
                match &in_losses {
                    Some(weights) => (of_rows * weights.clone().narrow(1, task, 1)).mean(),
                    None => of_rows.mean(),
                }
            } else {
                let agent = batch.agent(extra, &predictions);
                let values = extra.values(&predictions, &batch.labels, &all, &leaves.fields, agent.as_ref());
                terms.clone_from(&values);
                if with_diagnostics {
                    at_floor = extra.at_floor(&predictions, &batch.labels, &all, &leaves.fields);
                }
                values
                    .into_iter()
                    .map(|(_, term)| term)
                    .reduce(|sum, term| sum + term)
                    .expect("there are terms")
            };
            let mut graph = loss.backward();
            let sparse = self.encoder.gradients(&leaves, &mut graph);
            gradients.push(Gradients { dense: GradientsParams::from_grads(graph, &self.network), sparse });
            losses = all.inner();
            diagnostics = predictions.diagnostics;
        }
        let shared = self.shared();
        let mut beside = Vec::new();
        if self.config.moments == Moments::Unweighted {
            beside.push(match &in_losses {
                None => combine(&self.network, &gradients, &shared, |_, _| Some(1.0)),
                Some(_) => {
                    pass.rewind(&masks);
                    self.unweighted_gradients(batch, extra, pass)
                }
            });
        }
        let (weights, of_task) = match (in_losses, weighting.signal().is_by_task()) {
            (Some(weights), false) => (weights, vec![1.0; n_tasks]),
            (rows, _) => {
                let tasks = self.weigh(&losses, &mut gradients[..n_tasks], &shared, weighting);
                let of_task = host(tasks.clone().narrow(0, 0, 1));
                (times_rows(rows, tasks), of_task)
            }
        };
        // A task's own layers, and the extra terms, count 1.
        let scale = |is_shared: bool, index: usize| match of_task.get(index) {
            Some(&weight) if is_shared => Some(weight),
            _ => Some(1.0),
        };
        let (sum, embedding_gradient_norm) = if self.config.moments == Moments::PerTask {
            let norm = norm(&combine_sparse(&gradients, |view, index| scale(shared.views[view], index)));
            // A task's share of the terms, and of others nothing.
            let of_one = |task: usize, index: usize| match of_task.get(index) {
                Some(&weight) => (index == task).then_some(weight),
                None => Some(1.0 / n_tasks as f32),
            };
            beside.extend((1..n_tasks).map(|task| {
                combine(&self.network, &gradients, &shared, |is_shared, index| {
                    if is_shared { of_one(task, index) } else { None }
                })
            }));
            let first = combine(&self.network, &gradients, &shared, |is_shared, index| {
                if is_shared { of_one(0, index) } else { Some(1.0) }
            });
            (first, norm)
        } else {
            let sum = combine(&self.network, &gradients, &shared, scale);
            let norm = norm(&sum.sparse);
            (sum, norm)
        };
        let (dense, held) = match self.config.holds_gradients() {
            true => (sum.dense, Some(sum.sparse)),
            false => {
                self.apply(std::slice::from_ref(&sum));
                (sum.dense, None)
            }
        };
        Backward {
            weighted_losses: numbers((losses.clone() * weights.clone()).mean_dim(0)),
            losses,
            terms: values(terms),
            weights,
            diagnostics,
            at_floor,
            dense,
            held,
            beside,
            embedding_gradient_norm,
        }
    }

    /// The weights of the tasks' gradients, which a weighting of entries changes first.
    fn weigh(
        &self,
        losses: &Tensor<2>,
        gradients: &mut [Gradients],
        shared: &Shared,
        weighting: &mut dyn LossWeighting,
    ) -> Tensor<2> {
        let gram = match weighting.signal() {
            Signal::Entries => {
                let means = numbers(losses.clone().mean_dim(0));
                let parameters = (&self.network, &self.encoder);
                change_entries(parameters, gradients, shared, |entries| weighting.adjust(&means, entries));
                None
            }
            _ => Some(gram(&self.network, gradients, shared)),
        };
        let input = WeightingInput { losses: losses.clone(), q_values: None, gram };
        input.of_rows(weigh(weighting, &input))
    }

    pub(super) fn shared(&self) -> Shared {
        let views: Vec<bool> = self.views.iter().map(|role| *role == ViewRole::Shared).collect();
        let mut layers: HashSet<ParamId> = self.network.backbone.shared().into_iter().collect();
        // What is below the backbone is the view's, as its tables are.
        let below = self.network.numeric.iter().zip(&self.network.interaction).zip(&views);
        for ((numeric, interaction), _) in below.filter(|(_, is_shared)| **is_shared) {
            layers.extend(list_param_ids(numeric));
            layers.extend(list_param_ids(interaction));
        }
        Shared { layers, views }
    }
}

/// What the tasks share.
pub(super) struct Shared {
    pub(super) layers: HashSet<ParamId>,
    /// For every view of the encoder, whether its tables are.
    pub(super) views: Vec<bool>,
}

/// Inner products of the gradients on the shared parameters.
pub(super) fn gram(network: &Network, gradients: &[Gradients], shared: &Shared) -> Gram {
    struct Products<'a>(&'a [Gradients], &'a Shared, Vec<f64>);
    impl ModuleVisitor for Products<'_> {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            if !self.1.layers.contains(&param.id) {
                return;
            }
            // On the host: sums in single precision would blur the angles of long gradients.
            let flat = |gradient: &Gradients| gradient.dense.get::<D>(param.id).map(host);
            let rows: Vec<Option<Vec<f32>>> = self.0.iter().map(flat).collect();
            for (index, sum) in self.2.iter_mut().enumerate() {
                if let [Some(a), Some(b)] = [&rows[index / rows.len()], &rows[index % rows.len()]] {
                    *sum += inner_product(a, b);
                }
            }
        }
    }
    let n = gradients.len();
    let mut products = Products(gradients, shared, vec![0.0; n * n]);
    network.visit(&mut products);
    let mut values = products.2;
    for (index, value) in values.iter_mut().enumerate() {
        let [a, b] = [index / n, index % n].map(|task| gradients[task].sparse.iter());
        let pairs = a.zip(b).zip(&shared.views).filter(|(_, is_shared)| **is_shared);
        *value += pairs.map(|((a, b), _)| a.dot(b)).sum::<f64>();
    }
    Gram::new(n, values)
}

/// `Σ scale(is shared, i) · g_i`, parameter by parameter, over the i that have a scale.
fn combine(
    network: &Network,
    gradients: &[Gradients],
    shared: &Shared,
    scale: impl Fn(bool, usize) -> Option<f32>,
) -> Gradients {
    struct Sum<'a, F>(&'a [Gradients], F, GradientsParams);
    impl<F: Fn(ParamId, usize) -> Option<f32>> ModuleVisitor for Sum<'_, F> {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let scaled = self.0.iter().enumerate().filter_map(|(index, gradient)| {
                let scale = self.1(param.id, index)?;
                Some(gradient.dense.get::<D>(param.id)? * scale)
            });
            if let Some(sum) = scaled.reduce(|a, b| a + b) {
                self.2.register(param.id, sum);
            }
        }
    }
    let of_param = |id, index| scale(shared.layers.contains(&id), index);
    let mut sum = Sum(gradients, of_param, GradientsParams::new());
    network.visit(&mut sum);
    let sparse = combine_sparse(gradients, |view, index| scale(shared.views[view], index));
    Gradients { dense: sum.2, sparse }
}

/// The same of the tables, view by view: no rows where nothing has a scale. All tasks look up the same rows.
fn combine_sparse(
    gradients: &[Gradients],
    scale: impl Fn(usize, usize) -> Option<f32>,
) -> Vec<SparseGradient> {
    let of_view = |view: usize| {
        let mut scaled = gradients
            .iter()
            .enumerate()
            .filter_map(|(index, gradient)| Some((scale(view, index)?, &gradient.sparse[view])));
        let Some((scale, first)) = scaled.next() else { return SparseGradient::default() };
        let mut sum = first.clone();
        sum.values.iter_mut().for_each(|value| *value *= scale);
        for (scale, gradient) in scaled {
            sum.values.iter_mut().zip(&gradient.values).for_each(|(sum, value)| *sum += scale * value);
        }
        sum
    };
    (0..gradients[0].sparse.len()).map(of_view).collect()
}
