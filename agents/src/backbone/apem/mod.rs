//! APEM (Tao et al., [*Adaptive Pattern Extraction Multi-Task Learning for Multi-Step Conversion
//! Estimations*](https://arxiv.org/abs/2301.02494), 2023, eqs. 10–19): layers of an adaptive sample-wise representation
//! generator (ASRG) and a pattern selector (PS).
//!
//! With `H_1 = H`, the fields `[F, d]`, layer l is
//!
//! * ASRG: `z = f_D(MLP(flatten H_l)) ∈ [0, 1]^K` selects among K inducing points I `[K, d]`, in `selector.rs`;
//!   `Q̂ = I ⊙ z`; `O = concat_j softmax(Q̂_j (H_l W_j^K)ᵀ / √(d/m)) (H_l W_j^V) · W^O`; `Y_l = LayerNorm(O + R)` with
//!   `R = Q̂` in the first layer and `H_l` later; `H_{l+1} = Y_l` `[K, d]`.
//! * PS, task i: `F_i` = the same attention with an indicator α_i `[d]` in the place of Q̂ over `Y_l`;
//!   `T_i^l = LayerNorm(T_i^{l−1} + F_i)`, `T_i^0 = 0`. T never flows back into ASRG.
//!
//! `p_i = σ(tower_i(T_i^L))`. Cost: linear in F. The objective adds `losses.dependence`;
//! `encoder.numeric = "log_round"` gives the paper's numeric features. The paper's sizes: d 18, m 2, K 64, L 4.
//!
//! Dense parameters per layer: the selector `(w·K + K) + (K·K + K)`, w = F·d in the first layer and K·d later; points
//! and indicators `K·d + T·d`; attention and norm of both parts `2 · (3·d² + 2·d)`. Then T towers. With 8 fields, two
//! tasks, towers 128–64 and the paper's sizes: 281,618.
//!
//! Choices where the paper gives none, and departures:
//! 1. It writes LayerNorm(O, H), whose shapes differ in the first layer: R as above, as in the Set Transformer.
//! 2. γ is annealed over a share of the planned steps, since the paper's law needs 5·10⁵ of them; that law is an
//!    option. Steps are those of the actor's whole training, planned ones those of its first phase: a phase that goes on
//!    from a trained actor anneals nothing anew. No validation chooses parameters, and no early stop counts, before γ is
//!    final.
//! 3. The tasks share a layer's PS projections and norm; α is per task and layer.
//! 4. A point that is not selected has a zero query, which attends to all fields alike, as printed.
//! 5. Ablations: `asrg = false` is plain multi-head self-attention over the fields with R = H_l in every layer;
//!    `selection = false` has the inducing points without their selector, z ≡ 1 (not in the paper: it tells what the
//!    points do from what selecting them does); with `ps = false` the towers read the mean of Y_L's rows.

mod layer;
mod selector;

use burn::module::{Module, Param, ParamId};
use burn::tensor::{Device, Tensor};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use self::layer::Layer;
pub use self::selector::{Annealing, PerStep, Planned};
use super::heads::{SharedTowers, Towers, Widths, check_count, check_layers};
use super::{Backbone, Input, Predictions, Settings};
use crate::pass::Pass;
use crate::progress::{Annealed, Progress};
use crate::stream::Stream;

/// `[backbone.apem]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, expecting = "a table of settings, such as {}")]
pub struct Config {
    /// Layers L.
    pub n_layers: usize,
    /// Attention heads m; they divide the embedding dimension.
    pub n_heads: usize,
    /// Inducing points K.
    pub n_inducing_points: usize,
    /// Widths of the selector's hidden layers; absent = one of width K.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub selector: Option<Vec<usize>>,
    /// How the smooth step's width γ falls.
    pub gamma: Annealing,
    /// Whether there are inducing points (else plain self-attention).
    pub asrg: bool,
    /// Whether inducing points are selected (else z ≡ 1).
    pub selection: bool,
    /// Whether tasks read through indicators (else the mean).
    pub ps: bool,
    /// Widths of a tower's hidden layers.
    pub tower: Vec<usize>,
    /// Dropout rate after every hidden layer of a tower.
    pub dropout: f64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            n_layers: 4,
            n_heads: 2,
            n_inducing_points: 64,
            selector: None,
            gamma: Annealing::default(),
            asrg: true,
            selection: true,
            ps: true,
            tower: vec![128, 64],
            dropout: 0.2,
        }
    }
}

impl Config {
    fn selector_dims(&self) -> Vec<usize> {
        self.selector.clone().unwrap_or_else(|| vec![self.n_inducing_points])
    }
}

impl Settings for Config {
    type Model = Model;

    fn check(&self, input: &Input) -> Result<(), String> {
        check_count("n_layers", self.n_layers)?;
        check_count("n_heads", self.n_heads)?;
        check_count("n_inducing_points", self.n_inducing_points)?;
        if !input.dim.is_multiple_of(self.n_heads) {
            return Err(format!(
                "`n_heads` must divide the embedding dimension, since each head gets its share of it; found {} heads and \
                 encoder.dim = {}",
                self.n_heads, input.dim
            ));
        }
        if let Some(selector) = self.selector.as_ref().filter(|dims| !dims.is_empty()) {
            check_layers("selector", selector)?;
        }
        self.gamma.check()?;
        Widths { bottom: &[1], tower: &self.tower, dropout: self.dropout }.check()
    }

    fn variants() -> Vec<Self> {
        let small = Self { n_layers: 2, n_inducing_points: 8, ..Self::default() };
        vec![
            Self::default(),
            Self { asrg: false, ..small.clone() },
            Self { selection: false, ..small.clone() },
            Self { ps: false, ..small.clone() },
            Self { selector: Some(vec![]), n_heads: 3, ..small },
        ]
    }

    fn init(&self, input: &Input, stream: &mut Stream, device: &Device) -> Model {
        let n_tasks = input.n_tasks();
        let layers = (0..self.n_layers).map(|index| Layer::new(self, input, index, stream, device)).collect();
        let widths = Widths { bottom: &[], tower: &self.tower, dropout: self.dropout };
        let logits = input.initial_logits(self.gives_conditionals());
        let gamma = Tensor::from_floats([self.gamma.start()], device).set_require_grad(false);
        Model {
            layers,
            towers: self
                .ps
                .then(|| Towers::new(n_tasks, input.dim, widths, stream, device).starting_at(logits.clone())),
            pooled_towers: (!self.ps).then(|| {
                SharedTowers::new(n_tasks, input.dim, widths, stream, device).starting_at(logits.clone())
            }),
            gamma: Param::initialized(Default::default(), gamma),
            annealing: self.gamma.clone(),
        }
    }
}

/// The network.
#[derive(Module, Debug)]
pub struct Model {
    layers: Vec<Layer>,
    /// With the pattern selector.
    towers: Option<Towers>,
    /// Without it.
    pooled_towers: Option<SharedTowers>,
    /// Width of the smooth step, `[1]`. Saved with the parameters, but no parameter.
    gamma: Param<Tensor<1>>,
    #[module(skip)]
    annealing: Annealing,
}

impl Backbone for Model {
    fn forward(&self, views: &[Tensor<3>], pass: &mut Pass<'_>) -> Predictions {
        let mut y = views[0].clone();
        let mut tasks = None;
        let mut rates: Vec<Tensor<1>> = Vec::new();
        for layer in &self.layers {
            let rate;
            (y, rate) = layer.representation(y, self.gamma.val());
            rates.extend(rate);
            tasks = layer.tasks(&y, tasks);
        }
        let logits = match (&self.towers, &self.pooled_towers, tasks) {
            (Some(towers), _, Some(tasks)) => towers.forward(tasks.swap_dims(0, 1), pass),
            (_, Some(towers), _) => towers.forward(y.mean_dim(1).squeeze_dim(1), pass),
            _ => unreachable!("built with one kind of towers, and with indicators for the first kind"),
        };
        let mut predictions = Predictions::independent(logits);
        if !rates.is_empty() {
            let mean = Tensor::stack::<2>(rates, 0).mean_dim(0).squeeze_dim(0);
            predictions.diagnostics.push(("selection_rate", mean));
        }
        predictions
    }

    /// γ never rises, so a network that was loaded keeps its selections while steps are counted anew.
    fn after_step(&mut self, progress: Progress) {
        let before = self.gamma.val();
        let gamma = self.annealing.gamma(progress);
        if gamma < before.clone().into_scalar::<f32>() {
            self.gamma = Param::initialized(self.gamma.id, before.full_like(gamma).set_require_grad(false));
        }
    }

    fn annealed(&self) -> Vec<Annealed> {
        if !self.layers.iter().any(Layer::selects) {
            return Vec::new();
        }
        let value = self.gamma.val().into_scalar();
        vec![Annealed { name: "gamma", value, is_final: value <= self.annealing.end() }]
    }

    fn for_prediction(self) -> Self {
        Self { layers: self.layers.into_iter().map(Layer::for_prediction).collect(), ..self }
    }

    fn shared(&self) -> Vec<ParamId> {
        self.layers.iter().flat_map(Layer::shared).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::Streams;

    #[test]
    fn gamma_falls_with_the_steps_is_final_at_the_end_and_never_rises() {
        let mut model = model(&Config::default());
        let mut after = |step| {
            model.after_step(Progress { step, planned_steps: 100 });
            let [gamma] = model.annealed()[..] else { panic!("{:?}", model.annealed()) };
            (gamma.value, gamma.is_final)
        };
        assert_eq!(after(0), (10.0, false));
        let half = after(25);
        assert!((half.0 - 5.0005).abs() < 1e-4 && !half.1, "{half:?}");
        assert_eq!([after(50), after(90)], [(1e-3, true); 2]);
        // A loaded network is planned anew from its first step.
        assert_eq!(after(0), (1e-3, true));
    }

    #[test]
    fn what_selects_nothing_waits_for_no_annealing() {
        for config in
            [Config { selection: false, ..Config::default() }, Config { asrg: false, ..Config::default() }]
        {
            assert!(model(&config).annealed().is_empty(), "{config:?}");
        }
    }

    fn model(config: &Config) -> Model {
        let input = Input::unnamed(3, 4, &[None, Some(0)]);
        config.init(&input, &mut Streams::new(1).named("init"), &Device::default().autodiff())
    }
}
