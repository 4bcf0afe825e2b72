//! The entries of the tasks' gradients on the host, and back.

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{Tensor, TensorData};

use super::Network;
use super::task_gradients::Shared;
use super::update::Gradients;
use crate::input::StateEncoder;
use crate::parameter::host;
use crate::weighting::{ParameterGradients, TaskGradients};

/// Lets `change` have the tasks' gradients on what they share, and takes back what it leaves.
pub(super) fn change_entries(
    (network, encoder): (&Network, &StateEncoder),
    gradients: &mut [Gradients],
    shared: &Shared,
    change: impl FnOnce(&mut TaskGradients),
) {
    let mut read = Read { gradients, shared, entries: TaskGradients::default() };
    network.visit(&mut read);
    let mut entries = read.entries;
    let tables =
        || encoder.views.iter().map(|view| &view.table).enumerate().filter(|(view, _)| shared.views[*view]);
    for (view, table) in tables() {
        entries.parameters.push(ParameterGradients {
            n_rows: table.n_rows(),
            rows: gradients[0].sparse[view].rows.clone(),
            width: table.dim(),
            tasks: gradients.iter_mut().map(|of| std::mem::take(&mut of.sparse[view].values)).collect(),
        });
    }
    change(&mut entries);
    let mut changed = entries.parameters.into_iter();
    network.visit(&mut Write { gradients, shared, changed: &mut changed });
    for ((view, _), parameter) in tables().zip(changed) {
        for (gradient, values) in gradients.iter_mut().zip(parameter.tasks) {
            gradient.sparse[view].values = values;
        }
    }
}

struct Read<'a> {
    gradients: &'a [Gradients],
    shared: &'a Shared,
    entries: TaskGradients,
}

impl ModuleVisitor for Read<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if !self.shared.layers.contains(&param.id) {
            return;
        }
        let width = param.val().shape().num_elements();
        let of_task = |gradient: &Gradients| match gradient.dense.get::<D>(param.id) {
            Some(values) => host(values),
            None => vec![0.0; width],
        };
        let tasks = self.gradients.iter().map(of_task).collect();
        self.entries.parameters.push(ParameterGradients { n_rows: 1, rows: vec![0], width, tasks });
    }
}

struct Write<'a, I> {
    gradients: &'a mut [Gradients],
    shared: &'a Shared,
    changed: &'a mut I,
}

impl<I: Iterator<Item = ParameterGradients>> ModuleVisitor for Write<'_, I> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if !self.shared.layers.contains(&param.id) {
            return;
        }
        let parameter = self.changed.next().expect("as many parameters as were read");
        let tensor = param.val().inner();
        for (gradient, values) in self.gradients.iter_mut().zip(parameter.tasks) {
            let changed = Tensor::from_data(TensorData::new(values, tensor.dims()), &tensor.device());
            gradient.dense.register::<D>(param.id, changed);
        }
    }
}
