//! One layer of APEM.

use burn::module::{Module, Param, ParamId, list_param_ids};
use burn::nn::{LayerNorm, Linear};
use burn::tensor::{Device, Tensor};

use super::Config;
use super::selector::Selector;
use crate::backbone::Input;
use crate::layer::{PointAttention, layer_norm, project, projection, uniform};
use crate::stream::Stream;

/// ASRG and, unless ablated, PS.
#[derive(Module, Debug)]
pub(super) struct Layer {
    /// z; absent = 1.
    selector: Option<Selector>,
    /// I, `[point, dim]`
    inducing_points: Option<Param<Tensor<2>>>,
    /// W^Q of the plain self-attention.
    query: Option<Linear>,
    attention: PointAttention,
    norm: LayerNorm,
    /// α, `[task, dim]`
    indicators: Option<Param<Tensor<2>>>,
    pattern_attention: Option<PointAttention>,
    pattern_norm: Option<LayerNorm>,
    /// Whether the residual is the query, since the layer's input has other rows.
    #[module(skip)]
    is_first: bool,
    /// Whether anybody looks at the selection rate.
    #[module(skip)]
    shows_rate: bool,
}

impl Layer {
    pub(super) fn new(
        config: &Config,
        input: &Input,
        index: usize,
        stream: &mut Stream,
        device: &Device,
    ) -> Self {
        let Config { n_inducing_points: n_points, n_heads, asrg, selection, ps, .. } = *config;
        let dim = input.dim;
        let bound = 1.0 / (dim as f64).sqrt();
        let n_rows = if index == 0 { input.n_fields() } else { n_points };
        let selector_dims = config.selector_dims();
        Self {
            selector: (asrg && selection)
                .then(|| Selector::new(n_rows * dim, &selector_dims, n_points, stream, device)),
            inducing_points: asrg.then(|| uniform([n_points, dim], bound, stream, device)),
            query: (!asrg).then(|| projection(dim, dim, stream, device)),
            attention: PointAttention::new(dim, n_heads, stream, device),
            norm: layer_norm(dim, device),
            indicators: ps.then(|| uniform([input.n_tasks(), dim], bound, stream, device)),
            pattern_attention: ps.then(|| PointAttention::new(dim, n_heads, stream, device)),
            pattern_norm: ps.then(|| layer_norm(dim, device)),
            is_first: index == 0,
            shows_rate: true,
        }
    }

    /// The same without the selection rate.
    pub(super) fn for_prediction(self) -> Self {
        Self { shows_rate: false, ..self }
    }

    /// Whether it selects points.
    pub(super) fn selects(&self) -> bool {
        self.selector.is_some()
    }

    /// `H_l` to `Y_l`, and the share of points each row selects, `[batch]` without a graph.
    ///
    /// # Shapes
    /// - h: `[batch, field or point, dim]`
    /// - output: `[batch, point, dim]`; without ASRG as `h`
    pub(super) fn representation(&self, h: Tensor<3>, gamma: Tensor<1>) -> (Tensor<3>, Option<Tensor<1>>) {
        let Some(points) = &self.inducing_points else {
            let query = self.query.as_ref().expect("present where there are no points");
            let attended = self.attention.self_attention(project(h.clone(), query), h.clone());
            return (self.norm.forward(attended + h), None);
        };
        let z = self.selector.as_ref().map(|selector| selector.forward(&h, gamma));
        let rate = |z: &Tensor<2>| z.clone().detach().greater_elem(0.0).float().mean_dim(1).squeeze_dim(1);
        let rate = z.as_ref().filter(|_| self.shows_rate).map(rate);
        let attended = self.attention.forward(points.val(), z.clone(), h.clone());
        let residual = match (self.is_first, z) {
            (true, Some(z)) => points.val().unsqueeze::<3>() * z.unsqueeze_dim::<3>(2),
            (true, None) => points.val().unsqueeze(),
            (false, _) => h,
        };
        (self.norm.forward(attended + residual), rate)
    }

    /// `T^{l−1}` (absent = 0) to `T^l`, `[batch, task, dim]`; nothing where there is no pattern selector.
    pub(super) fn tasks(&self, y: &Tensor<3>, before: Option<Tensor<3>>) -> Option<Tensor<3>> {
        let (indicators, attention) = (self.indicators.as_ref()?, self.pattern_attention.as_ref()?);
        let patterns = attention.forward(indicators.val(), None, y.clone());
        let sum = match before {
            Some(before) => before + patterns,
            None => patterns,
        };
        self.pattern_norm.as_ref().map(|norm| norm.forward(sum))
    }

    /// All but the tasks' indicators.
    pub(super) fn shared(&self) -> Vec<ParamId> {
        let own: Vec<ParamId> = self.indicators.iter().map(|indicators| indicators.id).collect();
        list_param_ids(self).into_iter().filter(|id| !own.contains(id)).collect()
    }
}
