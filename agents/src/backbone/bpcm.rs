//! BPCM (Tang et al., [*A Multi-task Learning Framework with Features Based on Behavioral Pattern
//! Conversation*](https://doi.org/10.1007/978-3-031-63992-0_17), MobiQuitous 2023, eqs. 2–13): a feature tower per
//! task, and attention over a message from the task before.
//!
//! With E the fields `[F, d]`, task t's feature tower is
//!
//! * attention `A = softmax(Q Kᵀ / √d) V`, `(Q, K, V) = E (W_Q, W_K, W_V)`;
//! * aggregation `G = ReLU(W_2 ReLU(W_1 E + b_1) + b_2)`, field by field, both layers d wide;
//! * gate `B = σ(G W_C + A W_D)`, `q_t = A ⊙ B + G ⊙ (1 − B)`.
//!
//! `Z_t = q_t` of a task without a parent; else, with `h = dropout(Z_parent)` and projections of the transition's own,
//! `Z_t = LayerNorm(softmax(q_t W_Q (S W_K)ᵀ / √d) S W_V + q_t)`, S = h. `p_t = σ(tower_t(flatten Z_t))`. The
//! calibrator is the term `losses.calibrator`; the paper's best were α = 0.6 and d = 5.
//!
//! Eq. 9, `Attention(q_{t+1}, h_t) + q_{t+1}`, has two readings. As printed q is the query and h is attended to. The
//! text beside it says that the module "assigns weights to the passed information and the original information", by
//! "reusing the self-attention": that is attention to two sources, S = the fields of h and those of q, `[2F, d]`, and
//! with `transfer = "both"` it is built.
//!
//! Dense parameters per task: `3d²` (attention), `2(d² + d)` (aggregation), `2d²` (gate), a tower on `F·d`; per task
//! with a parent `3d² + 2d`. With 8 fields of 128, two tasks and towers 128–64:
//! 2 · (49,152 + 33,024 + 32,768 + 139,521) + 49,408.
//!
//! Choices where the paper gives none, and departures: 1. S = h unless `transfer` is set. 2. The layer norm stands after
//! the sum. 3. "The task before" is the parent in the task chain. 4. Ablations: without `attention` q = G, without
//! `aggregation` q = A (nothing is left to gate), without `gate` q = A + G, without `bpc` Z = q. 5. The message has the
//! dropout rate of the towers unless `message_dropout` is set; the paper gives no rate.

use burn::module::Module;
use burn::nn::{LayerNorm, Linear};
use burn::tensor::activation::sigmoid;
use burn::tensor::{Device, Tensor};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::heads::{Towers, Widths, check_chain};
use super::{Backbone, Input, Predictions, Settings};
use crate::layer::{ExpertMlp, GroupedLinear, attend, layer_norm, project, projection};
use crate::pass::Pass;
use crate::stream::Stream;

/// `[backbone.bpcm]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, expecting = "a table of settings, such as {}")]
pub struct Config {
    /// Widths of a tower's hidden layers.
    pub tower: Vec<usize>,
    /// Dropout rate after every hidden layer of a tower.
    pub dropout: f64,
    /// Dropout rate of the message to the next task; absent = `dropout`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message_dropout: Option<f64>,
    /// Whether feature towers have self-attention.
    pub attention: bool,
    /// Whether feature towers have the aggregation.
    pub aggregation: bool,
    /// Whether a gate mixes the two (else their sum).
    pub gate: bool,
    /// Whether a task gets a message from the one it depends on.
    pub bpc: bool,
    /// What a task with a message attends to.
    pub transfer: Sources,
}

/// The keys and values of a transfer: eq. 9 can be read both ways.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Sources {
    /// The message alone.
    #[default]
    Message,
    /// The message and the task's own fields, side by side.
    Both,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            tower: vec![128, 64],
            dropout: 0.2,
            message_dropout: None,
            attention: true,
            aggregation: true,
            gate: true,
            bpc: true,
            transfer: Sources::default(),
        }
    }
}

impl Settings for Config {
    type Model = Model;

    fn check(&self, input: &Input) -> Result<(), String> {
        if self.bpc {
            check_chain("bpcm", "hands information on", input)?;
        }
        if !self.attention && !self.aggregation {
            return Err(
                "`attention` and `aggregation` are both off, so the feature towers are empty; keep one"
                    .into(),
            );
        }
        if let Some(rate) = self.message_dropout.filter(|rate| !(0.0..1.0).contains(rate)) {
            return Err(format!("`message_dropout` is a share in [0, 1); found {rate}"));
        }
        Widths { bottom: &[1], tower: &self.tower, dropout: self.dropout }.check()
    }

    fn variants() -> Vec<Self> {
        vec![
            Self::default(),
            Self { attention: false, ..Self::default() },
            Self { aggregation: false, ..Self::default() },
            Self { gate: false, ..Self::default() },
            Self { bpc: false, ..Self::default() },
            Self { transfer: Sources::Both, message_dropout: Some(0.5), ..Self::default() },
        ]
    }

    fn init(&self, input: &Input, stream: &mut Stream, device: &Device) -> Model {
        let (n_tasks, dim) = (input.n_tasks(), input.dim);
        let gates = self.attention && self.aggregation && self.gate;
        let mut gate = || GroupedLinear::without_bias(n_tasks, [dim, dim], dim, stream, device);
        let (gate_aggregation, gate_attention) = (gates.then(&mut gate), gates.then(&mut gate));
        let n_transfers = if self.bpc { input.parents.iter().flatten().count() } else { 0 };
        let widths = Widths { bottom: &[], tower: &self.tower, dropout: self.dropout };
        Model {
            query_key_value: self
                .attention
                .then(|| GroupedLinear::without_bias(3 * n_tasks, [dim, dim], dim, stream, device)),
            aggregation: self
                .aggregation
                .then(|| ExpertMlp::new(n_tasks, dim, &[dim, dim], 0.0, stream, device)),
            gate_aggregation,
            gate_attention,
            transfers: (0..n_transfers).map(|_| Transfer::new(dim, stream, device)).collect(),
            towers: Towers::new(n_tasks, input.width(), widths, stream, device)
                .starting_at(input.initial_logits(self.gives_conditionals())),
            parents: input.parents.clone(),
            sources: self.transfer,
            message_dropout: self.message_dropout.unwrap_or(self.dropout),
        }
    }
}

/// The network.
#[derive(Module, Debug)]
pub struct Model {
    /// W_Q of all tasks, then W_K, then W_V: `[3 · task, dim, dim]`
    query_key_value: Option<GroupedLinear>,
    aggregation: Option<ExpertMlp>,
    /// W_C
    gate_aggregation: Option<GroupedLinear>,
    /// W_D
    gate_attention: Option<GroupedLinear>,
    /// One per task with a parent; none where information is not handed on.
    transfers: Vec<Transfer>,
    towers: Towers,
    #[module(skip)]
    parents: Vec<Option<usize>>,
    #[module(skip)]
    sources: Sources,
    #[module(skip)]
    message_dropout: f64,
}

impl Model {
    /// q of every task, `[task, batch, field, dim]`.
    fn feature_towers(&self, fields: Tensor<3>) -> Tensor<4> {
        let [batch, n_fields, dim] = fields.dims();
        let n_tasks = self.parents.len();
        let rows = fields.reshape([batch * n_fields, dim]);
        let attention = self.query_key_value.as_ref().map(|layers| {
            let all = layers.forward(rows.clone().unsqueeze_dim(0));
            let all = all.reshape([3 * n_tasks, batch, n_fields, dim]);
            let [query, key, value] = [0, 1, 2].map(|index| all.clone().narrow(0, index * n_tasks, n_tasks));
            attend(query, key, value)
        });
        let aggregation = self
            .aggregation
            .as_ref()
            .map(|mlp| mlp.forward(rows, &mut Pass::evaluation()).reshape([n_tasks, batch, n_fields, dim]));
        let (attention, aggregation) = match (attention, aggregation) {
            (Some(attention), Some(aggregation)) => (attention, aggregation),
            (Some(only), None) | (None, Some(only)) => return only,
            (None, None) => unreachable!("checked: a feature tower has one of the two"),
        };
        let (Some(of_aggregation), Some(of_attention)) = (&self.gate_aggregation, &self.gate_attention)
        else {
            return attention + aggregation;
        };
        let rows = |tensor: &Tensor<4>| tensor.clone().reshape([n_tasks, batch * n_fields, dim]);
        let gate =
            sigmoid(of_aggregation.forward(rows(&aggregation)) + of_attention.forward(rows(&attention)));
        let gate = gate.reshape([n_tasks, batch, n_fields, dim]);
        (attention - aggregation.clone()) * gate + aggregation
    }
}

/// The module BPC between two tasks.
#[derive(Module, Debug)]
struct Transfer {
    query: Linear,
    /// W_K, W_V: `[2, dim, dim]`
    key_value: GroupedLinear,
    norm: LayerNorm,
}

impl Transfer {
    fn new(dim: usize, stream: &mut Stream, device: &Device) -> Self {
        Self {
            query: projection(dim, dim, stream, device),
            key_value: GroupedLinear::without_bias(2, [dim, dim], dim, stream, device),
            norm: layer_norm(dim, device),
        }
    }

    /// # Shapes
    /// - own, output: `[batch, field, dim]`
    /// - sources: what is attended to, `[batch, source, dim]`
    fn forward(&self, own: Tensor<3>, sources: Tensor<3>) -> Tensor<3> {
        let [batch, n_sources, dim] = sources.dims();
        let both = self.key_value.forward(sources.reshape([1, batch * n_sources, dim]));
        let both = both.reshape([2, batch, n_sources, dim]);
        let [key, value] = [0, 1].map(|index| both.clone().narrow(0, index, 1).squeeze_dim::<3>(0));
        self.norm.forward(attend(project(own.clone(), &self.query), key, value) + own)
    }
}

impl Backbone for Model {
    fn forward(&self, views: &[Tensor<3>], pass: &mut Pass<'_>) -> Predictions {
        let towers = self.feature_towers(views[0].clone()).split(1, 0);
        let mut transfers = self.transfers.iter();
        let mut tasks: Vec<Tensor<3>> = Vec::with_capacity(self.parents.len());
        for (own, parent) in towers.into_iter().zip(&self.parents) {
            let own = own.squeeze_dim(0);
            let transfer = parent.and_then(|parent| Some((parent, transfers.next()?)));
            tasks.push(match transfer {
                Some((parent, transfer)) => {
                    let message = pass.dropout(tasks[parent].clone(), self.message_dropout);
                    let sources = match self.sources {
                        Sources::Message => message,
                        Sources::Both => Tensor::cat(vec![message, own.clone()], 1),
                    };
                    transfer.forward(own, sources)
                }
                None => own,
            });
        }
        let inputs = Tensor::stack(tasks.iter().map(super::heads::flatten).collect(), 0);
        Predictions::independent(self.towers.forward(inputs, pass))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layer::uniform;
    use crate::parameter::{NamedTensors, collect, host, restore};
    use crate::stream::Streams;

    /// By how much the second task's predictions change with the first task's feature tower.
    fn influence(config: &Config) -> f32 {
        let device = Device::default();
        let mut stream = Streams::new(3).named("init");
        let input = Input::unnamed(3, 4, &[None, Some(0)]);
        let model = config.init(&input, &mut stream, &device);
        let views = [uniform([5, 3, 4], 1.0, &mut stream, &device).val()];
        let predict = |model: &Model| host(model.forward(&views, &mut Pass::evaluation()).probabilities);
        let before = predict(&model);
        let mut weights = NamedTensors::new();
        collect(&model, "model", &mut weights);
        let gate = weights.get_mut("model.gate_attention.weight").unwrap();
        gate.values[..16].iter_mut().for_each(|value| *value += 10.0);
        let after = predict(&restore(model, "model", &weights).unwrap());
        let change = |task: usize| {
            let rows = before.chunks_exact(2).zip(after.chunks_exact(2));
            rows.map(|(before, after)| (before[task] - after[task]).abs()).fold(0.0, f32::max)
        };
        assert!(change(0) > 0.0, "the first task's own prediction does not change");
        change(1)
    }

    #[test]
    fn without_bpc_tasks_are_independent_and_with_it_they_are_not() {
        assert_eq!(influence(&Config { bpc: false, ..Config::default() }), 0.0);
        assert!(influence(&Config::default()) > 0.0);
    }

    #[test]
    fn a_message_has_the_towers_rate_or_one_of_its_own() {
        let device = Device::default();
        let mut stream = Streams::new(3).named("init");
        let input = Input::unnamed(3, 4, &[None, Some(0)]);
        let view = uniform([5, 3, 4], 1.0, &mut stream, &device).val();
        let mut changed = |config: Config| {
            let model = config.init(&input, &mut stream, &device);
            let predict =
                |pass: &mut Pass<'_>| host(model.forward(std::slice::from_ref(&view), pass).probabilities);
            let trained = predict(&mut Pass::training(&mut Streams::new(1).named("dropout")));
            let pairs = predict(&mut Pass::evaluation()).into_iter().zip(trained);
            // Of the first task, which gets no message, and of the second.
            let differs: Vec<bool> = pairs.map(|(evaluated, trained)| evaluated != trained).collect();
            [0, 1].map(|task| differs.iter().skip(task).step_by(2).any(|&differs| differs))
        };
        let with = |dropout, message_dropout| Config { dropout, message_dropout, ..Config::default() };
        assert_eq!(changed(with(0.0, None)), [false, false]);
        assert_eq!(changed(with(0.0, Some(0.5))), [false, true]);
        assert_eq!(changed(with(0.5, Some(0.0))), [true, true]);
        let wrong = with(0.2, Some(1.0)).check(&input).unwrap_err();
        assert!(wrong.contains("`message_dropout`") && wrong.contains("found 1"), "{wrong}");
    }
}
