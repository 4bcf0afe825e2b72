//! The gradient of every task by itself, for weightings that look at them.
//!
//! One forward and one backward pass per task, all with the same dropout masks; and one for the extra terms, where there are
//! any. Gradients are compared on the shared parameters: the layers the backbone declares, and the tables, by row, where the
//! tasks share them.

use std::collections::HashSet;

use burn::module::{Module, ModuleVisitor, Param, ParamId};
use burn::optim::GradientsParams;
use burn::tensor::Tensor;

use super::step::{ActorBatch, Losing, numbers, values};
use super::{Actor, Network};
use crate::backbone::{Backbone, ViewRole};
use crate::embedding::{SparseGradient, inner_product, norm};
use crate::loss::Losses;
use crate::parameter::host;
use crate::pass::Pass;
use crate::weighting::{Gram, LossWeighting, WeightingInput};

/// The gradient of one loss.
struct Gradient {
    dense: GradientsParams,
    /// One per view.
    sparse: Vec<SparseGradient>,
}

impl Actor {
    /// As [`Actor::step`] says of [`crate::weighting::Signal::Gradients`]; unless gradients are held the tables have stepped
    /// afterwards, the dense parameters not yet.
    pub(super) fn descend_by_task(
        &mut self,
        batch: &ActorBatch<'_>,
        weighting: &mut dyn LossWeighting,
        extra: &Losses,
        pass: &mut Pass<'_>,
    ) -> Losing {
        let [n_rows, n_tasks] = batch.labels.dims();
        let masks = pass.mark();
        let mut gradients = Vec::with_capacity(n_tasks);
        let mut terms = Vec::new();
        let mut diagnostics = Vec::new();
        let mut at_floor = Vec::new();
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
            let loss = if task < n_tasks {
                all.clone().narrow(1, task, 1).mean()
            } else {
                let agent = batch.agent(extra, &predictions);
                let values = extra.values(&predictions, &batch.labels, &all, &leaves.fields, agent.as_ref());
                terms.clone_from(&values);
                at_floor = extra.at_floor(&predictions, &batch.labels, &all, &leaves.fields);
                values
                    .into_iter()
                    .map(|(_, term)| term)
                    .reduce(|sum, term| sum + term)
                    .expect("there are terms")
            };
            let mut graph = loss.backward();
            let sparse = self.encoder.gradients(&leaves, &mut graph);
            gradients.push(Gradient { dense: GradientsParams::from_grads(graph, &self.network), sparse });
            losses = all.inner();
            diagnostics = predictions.diagnostics;
        }
        let shared = self.shared();
        let gram = gram(&self.network, &gradients[..n_tasks], &shared);
        let input = WeightingInput { losses, q_values: None, gram: Some(gram) };
        let weights = weighting.weights(&input);
        let of_task = host(weights.clone().narrow(0, 0, 1));
        let scale = |is_shared: bool, index: usize| match of_task.get(index) {
            Some(&weight) if is_shared => weight,
            // A task's own layers, and the extra terms.
            _ => 1.0,
        };
        let sparse = combine_sparse(&gradients, |view, index| scale(shared.views[view], index));
        let (embedding_gradient_norm, held) = match self.config.holds_gradients() {
            true => (norm(&sparse), Some(sparse)),
            false => (self.apply(&sparse), None),
        };
        Losing {
            weighted_losses: numbers((input.losses.clone() * weights.clone()).mean_dim(0)),
            losses: input.losses,
            terms: values(terms),
            weights,
            diagnostics,
            at_floor,
            dense: combine_dense(&self.network, &gradients, |id, index| {
                scale(shared.layers.contains(&id), index)
            }),
            held,
            embedding_gradient_norm,
        }
    }

    fn shared(&self) -> Shared {
        let views: Vec<bool> = self.views.iter().map(|role| *role == ViewRole::Shared).collect();
        let mut layers: HashSet<ParamId> = self.network.backbone.shared().into_iter().collect();
        let numeric = self.network.numeric.iter().zip(&views).filter(|(_, is_shared)| **is_shared);
        layers.extend(numeric.flat_map(|(field, _)| burn::module::list_param_ids(field)));
        Shared { layers, views }
    }
}

/// What the tasks share.
struct Shared {
    layers: HashSet<ParamId>,
    /// For every view of the encoder, whether its tables are.
    views: Vec<bool>,
}

/// Inner products of the gradients on the shared parameters.
fn gram(network: &Network, gradients: &[Gradient], shared: &Shared) -> Gram {
    struct Products<'a>(&'a [Gradient], &'a Shared, Vec<f64>);
    impl ModuleVisitor for Products<'_> {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            if !self.1.layers.contains(&param.id) {
                return;
            }
            // On the host: sums in single precision would blur the angles of long gradients.
            let flat = |gradient: &Gradient| gradient.dense.get::<D>(param.id).map(host);
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

/// `Σ scale(parameter, i) · g_i`
fn combine_dense(
    network: &Network,
    gradients: &[Gradient],
    scale: impl Fn(ParamId, usize) -> f32,
) -> GradientsParams {
    struct Sum<'a, F>(&'a [Gradient], F, GradientsParams);
    impl<F: Fn(ParamId, usize) -> f32> ModuleVisitor for Sum<'_, F> {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let scaled = self.0.iter().enumerate().filter_map(|(index, gradient)| {
                Some(gradient.dense.get::<D>(param.id)? * self.1(param.id, index))
            });
            if let Some(sum) = scaled.reduce(|a, b| a + b) {
                self.2.register(param.id, sum);
            }
        }
    }
    let mut sum = Sum(gradients, scale, GradientsParams::new());
    network.visit(&mut sum);
    sum.2
}

/// The same of the tables, view by view. All tasks look up the same rows.
fn combine_sparse(gradients: &[Gradient], scale: impl Fn(usize, usize) -> f32) -> Vec<SparseGradient> {
    let mut sums: Vec<SparseGradient> = gradients[0].sparse.clone();
    for (view, sum) in sums.iter_mut().enumerate() {
        sum.values.iter_mut().for_each(|value| *value *= scale(view, 0));
        for (index, gradient) in gradients.iter().enumerate().skip(1) {
            let scale = scale(view, index);
            let values = &gradient.sparse[view].values;
            sum.values.iter_mut().zip(values).for_each(|(sum, value)| *sum += scale * value);
        }
    }
    sums
}
