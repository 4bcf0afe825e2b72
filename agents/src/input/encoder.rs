//! The state encoder: host embedding tables as leaves of the graph.
//!
//! It stands outside the backbones: a lookup gives `[batch, field, dim]`; after `backward` the leaf's gradient goes
//! to the sparse optimiser, which touches only the rows of the batch.

use std::sync::Arc;

use burn::tensor::{Device, Gradients, Tensor, TensorData};
use rmtl_envs::Schema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::embedding::{
    EmbeddingTable, GradientCoalescer, Lookup, SparseGradient, SparseOptimizer, SparseOptimizerConfig,
    SparseOptimizerState, norm,
};
use crate::input::{LogRound, NumericEncoding, StateBatch};
use crate::parameter::{self, NamedTensor, NamedTensors, ParameterError, host};
use crate::stream::Stream;

/// Settings of a state encoder, `[encoder]` of a run file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct EncoderConfig {
    /// Embedding dimension d.
    pub dim: usize,
    /// How numeric columns become fields.
    pub numeric: NumericEncoding,
    /// Numeric columns that hold `sign(x) · ln(1 + |x|)` of what is to be log-rounded: `log_round` squares and rounds them
    /// without taking the logarithm once more. It says what the columns are and changes nothing of `linear`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub logarithms: Vec<String>,
    /// The optimiser of the tables.
    pub optimizer: SparseOptimizerConfig,
}

impl Default for EncoderConfig {
    fn default() -> Self {
        Self {
            dim: 128,
            numeric: NumericEncoding::default(),
            logarithms: Vec::new(),
            optimizer: SparseOptimizerConfig::default(),
        }
    }
}

impl EncoderConfig {
    /// Why these settings cannot work for a log, in words for the author of the run file.
    pub fn check(&self, schema: &Schema) -> Result<(), String> {
        if self.numeric.schema(schema).categorical.is_empty() {
            return Err("this dataset has no categorical field to embed; `numeric = \"log_round\"` makes its numeric columns \
                        categorical"
                .into());
        }
        let numeric: Vec<&str> = schema.numeric.iter().map(|field| field.name.as_str()).collect();
        match self.logarithms.iter().find(|name| !numeric.contains(&name.as_str())) {
            None => Ok(()),
            Some(name) => Err(format!(
                "`logarithms` names numeric columns of the dataset file, and `{name}` is none; found {}",
                if numeric.is_empty() { "no numeric column".into() } else { numeric.join(", ") }
            )),
        }
    }
}

/// Embedding tables, one set per view, with their optimisers.
#[derive(Clone, Debug)]
pub struct StateEncoder {
    /// A view is what one part of a backbone sees; almost every backbone has one.
    pub views: Vec<TableView>,
    /// How numeric columns become fields.
    pub numeric: NumericEncoding,
    /// See [`EncoderConfig::logarithms`].
    pub logarithms: Vec<String>,
    log_round: Option<LogRound>,
    optimizer: SparseOptimizerConfig,
    device: Device,
}

/// One table set and its optimiser.
#[derive(Clone, Debug)]
pub struct TableView {
    /// The tables.
    pub table: EmbeddingTable,
    /// Their optimiser.
    pub optimizer: SparseOptimizer,
    /// Optimisers of further losses, where moments are kept loss by loss.
    further: Vec<SparseOptimizer>,
    coalescer: GradientCoalescer,
}

impl TableView {
    /// An optimiser that has taken no step.
    fn first_step(&self, config: SparseOptimizerConfig) -> SparseOptimizer {
        SparseOptimizer::new(config, self.table.n_rows(), self.table.dim())
    }
}

/// Looked-up fields that collect a gradient.
#[derive(Debug)]
pub struct Leaves {
    lookup: Arc<Lookup>,
    /// `[batch, field, dim]` for every view.
    pub fields: Vec<Tensor<3>>,
}

impl StateEncoder {
    /// `n_views` table sets over the fields of `schema`.
    pub fn new(
        schema: &Schema,
        config: &EncoderConfig,
        n_views: usize,
        stream: &mut Stream,
        device: &Device,
    ) -> Self {
        let encoded = config.numeric.schema(schema);
        let view = |stream: &mut Stream| {
            let table = EmbeddingTable::new(&encoded, config.dim, stream);
            let optimizer = SparseOptimizer::new(config.optimizer, table.n_rows(), table.dim());
            TableView { table, optimizer, further: Vec::new(), coalescer: GradientCoalescer::default() }
        };
        let views = (0..n_views).map(|_| view(stream)).collect();
        let log_round = || LogRound::new(schema, &config.logarithms);
        Self {
            views,
            numeric: config.numeric,
            logarithms: config.logarithms.clone(),
            log_round: (config.numeric == NumericEncoding::LogRound).then(log_round),
            optimizer: config.optimizer,
            device: device.clone().inner(),
        }
    }

    /// The table rows of a batch, the same in every view.
    pub fn indices(&self, batch: &StateBatch) -> Arc<Lookup> {
        let table = &self.views[0].table;
        let resolve = || match &self.log_round {
            Some(log_round) => table.indices(&log_round.ids(batch)),
            None => table.indices(&batch.ids),
        };
        batch.lookup(|lookup| table.is_of(lookup), resolve)
    }

    /// The fields of a batch in every view, outside any graph.
    ///
    /// # Shapes
    /// - output: `[batch, field, dim]` per view
    pub fn fields(&self, batch: &StateBatch) -> Vec<Tensor<3>> {
        let lookup = self.indices(batch);
        self.look_up(&lookup, batch.n_rows)
    }

    /// The fields of a batch as leaves of a new graph.
    pub fn leaves(&self, batch: &StateBatch) -> Leaves {
        let lookup = self.indices(batch);
        let fields = self.look_up(&lookup, batch.n_rows);
        let fields = fields.into_iter().map(|fields| fields.autodiff().require_grad()).collect();
        Leaves { lookup, fields }
    }

    /// Lets the sparse optimisers step along the gradients of `leaves`; gives the Euclidean norm of those gradients
    /// (coalesced by row, over all views).
    ///
    /// `before_write` is called with a view's index, its table and the rows about to change: where lazy target tables
    /// catch up.
    pub fn step(
        &mut self,
        leaves: &Leaves,
        gradients: &mut Gradients,
        learning_rate: f64,
        mut before_write: impl FnMut(usize, &EmbeddingTable, &[u32]),
    ) -> f64 {
        let mut squares = 0.0;
        for (index, (view, fields)) in self.views.iter_mut().zip(&leaves.fields).enumerate() {
            let Some(gradient) = fields.grad_remove(gradients) else {
                continue;
            };
            let gradient = view.coalescer.coalesce(&leaves.lookup, &host(gradient), view.table.dim());
            squares += gradient.squared_norm();
            before_write(index, &view.table, &gradient.rows);
            view.optimizer.step(&mut view.table, gradient, learning_rate);
        }
        squares.sqrt()
    }

    /// The gradients of `leaves` by table row, view by view. A view that has none gets zeros.
    pub fn gradients(&mut self, leaves: &Leaves, gradients: &mut Gradients) -> Vec<SparseGradient> {
        let views = self.views.iter_mut().zip(&leaves.fields);
        let of_view = |(view, fields): (&mut TableView, &Tensor<3>)| {
            let gradient = match fields.grad_remove(gradients) {
                Some(gradient) => host(gradient),
                None => vec![0.0; fields.shape().num_elements()],
            };
            view.coalescer.coalesce(&leaves.lookup, &gradient, view.table.dim()).clone()
        };
        views.map(of_view).collect()
    }

    /// Lets the sparse optimisers step along gradients taken with [`StateEncoder::gradients`]; gives their Euclidean norm.
    /// `before_write` is as in [`StateEncoder::step`].
    pub fn apply(
        &mut self,
        gradients: &[SparseGradient],
        learning_rate: f64,
        before_write: impl FnMut(usize, &EmbeddingTable, &[u32]),
    ) -> f64 {
        self.apply_scaled(gradients, gradients, learning_rate, before_write)
    }

    /// The same with the second moments of other gradients on the same rows, as [`SparseOptimizer::step_scaled`].
    pub fn apply_scaled(
        &mut self,
        gradients: &[SparseGradient],
        scales: &[SparseGradient],
        learning_rate: f64,
        mut before_write: impl FnMut(usize, &EmbeddingTable, &[u32]),
    ) -> f64 {
        for (index, (view, (gradient, scale))) in
            self.views.iter_mut().zip(gradients.iter().zip(scales)).enumerate()
        {
            before_write(index, &view.table, &gradient.rows);
            view.optimizer.step_scaled(&mut view.table, gradient, scale, learning_rate);
        }
        norm(gradients)
    }

    /// Gives the views chosen optimisers of `n` further losses.
    pub fn add_optimizers(&mut self, n: usize, is_chosen: impl Fn(usize) -> bool) {
        for (_, view) in self.views.iter_mut().enumerate().filter(|(index, _)| is_chosen(*index)) {
            view.further = (0..n).map(|_| view.first_step(self.optimizer)).collect();
        }
    }

    /// Lets the optimisers of further loss `index` step along its gradients. Their rows are among those
    /// [`StateEncoder::apply`] has just written.
    pub fn apply_further(&mut self, index: usize, gradients: &[SparseGradient], learning_rate: f64) {
        for (view, gradient) in self.views.iter_mut().zip(gradients) {
            if let Some(optimizer) = view.further.get_mut(index) {
                optimizer.step(&mut view.table, gradient, learning_rate);
            }
        }
    }

    /// Puts the tables' optimisers back to their first step.
    pub fn reset_optimizers(&mut self) {
        for view in &mut self.views {
            view.optimizer = view.first_step(self.optimizer);
            view.further = view.further.iter().map(|_| view.first_step(self.optimizer)).collect();
        }
    }

    /// What the tables' optimisers remember: for every view its own, and those of further losses.
    pub(crate) fn optimizer_states(&self) -> Vec<Vec<SparseOptimizerState>> {
        let of_view = |view: &TableView| {
            let all = std::iter::once(&view.optimizer).chain(&view.further);
            all.map(|optimizer| optimizer.state().clone()).collect()
        };
        self.views.iter().map(of_view).collect()
    }

    /// Takes over what [`StateEncoder::optimizer_states`] gave; the reason where it is of other tables or rules.
    pub(crate) fn load_optimizer_states(
        &mut self,
        states: Vec<Vec<SparseOptimizerState>>,
    ) -> Result<(), String> {
        let found: Vec<usize> = states.iter().map(Vec::len).collect();
        let expected: Vec<usize> = self.views.iter().map(|view| 1 + view.further.len()).collect();
        if found != expected {
            return Err(format!("views have {found:?} tables' optimisers, where there are {expected:?}"));
        }
        for (view, states) in self.views.iter_mut().zip(states) {
            let all = std::iter::once(&mut view.optimizer).chain(&mut view.further);
            for (optimizer, state) in all.zip(states) {
                if !optimizer.fits(&state) {
                    return Err("a table's optimiser has another rule, or another number of rows".into());
                }
                optimizer.load(state);
            }
        }
        Ok(())
    }

    /// Parameters in all tables.
    pub fn n_parameters(&self) -> usize {
        self.views.iter().map(|view| view.table.n_parameters()).sum()
    }

    /// Puts host values `[batch, field, dim]` on the encoder's device, without a graph.
    pub fn tensor(&self, values: Vec<f32>, n_rows: usize) -> Tensor<3> {
        let table = &self.views[0].table;
        Tensor::from_data(TensorData::new(values, [n_rows, table.n_fields(), table.dim()]), &self.device)
    }

    /// Adds the tables to `into`, as `<prefix>.<view>`.
    pub(crate) fn collect(&self, prefix: &str, into: &mut NamedTensors) {
        for (index, view) in self.views.iter().enumerate() {
            let shape = vec![view.table.n_rows(), view.table.dim()];
            into.insert(
                format!("{prefix}.{index}"),
                NamedTensor { shape, values: view.table.weights().to_vec() },
            );
        }
    }

    /// Takes over tables saved with [`StateEncoder::collect`].
    pub(crate) fn restore(&mut self, prefix: &str, from: &NamedTensors) -> Result<(), ParameterError> {
        for (index, view) in self.views.iter_mut().enumerate() {
            let shape = [view.table.n_rows(), view.table.dim()];
            let values = parameter::values(from, &format!("{prefix}.{index}"), &shape)?;
            view.table.weights_mut().copy_from_slice(values);
        }
        Ok(())
    }

    fn look_up(&self, lookup: &Lookup, n_rows: usize) -> Vec<Tensor<3>> {
        self.views.iter().map(|view| self.tensor(view.table.lookup(lookup), n_rows)).collect()
    }
}

/// Fields a backbone sees: the categorical ones, and one for the numeric columns that are projected.
pub fn n_fields(schema: &Schema, numeric: NumericEncoding) -> usize {
    let seen = numeric.schema(schema);
    seen.categorical.len() + usize::from(seen.n_numeric() > 0)
}
