//! Scaled dot-product attention, `softmax(Q Kᵀ / √d) V`, as APEM and BPCM use it.

use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::activation::softmax;
use burn::tensor::{Device, Tensor};

use super::init::projection;
use crate::stream::Stream;

/// `softmax(Q Kᵀ / √d) V`
///
/// # Shapes
/// - query: `[batch, query, d]`
/// - key, value: `[batch, field, d]`
/// - output: `[batch, query, d]`
pub fn attend<const D: usize>(query: Tensor<D>, key: Tensor<D>, value: Tensor<D>) -> Tensor<D> {
    let scale = 1.0 / (query.dims()[D - 1] as f64).sqrt();
    softmax((query * scale).matmul(key.swap_dims(D - 2, D - 1)), D - 1).matmul(value)
}

/// A linear layer over the last dimension, as one product for all rows.
///
/// # Shapes
/// - input: `[batch, field, d_input]`
/// - output: `[batch, field, d_output]`
pub fn project(input: Tensor<3>, layer: &Linear) -> Tensor<3> {
    let [batch, n_fields, dim] = input.dims();
    let output = layer.forward(input.reshape([batch * n_fields, dim]));
    let width = output.dims()[1];
    output.reshape([batch, n_fields, width])
}

/// Multi-head attention of learnt points over the fields of every row (Set Transformer's induced attention).
///
/// Head j: `softmax(P_j K_jᵀ / √(d/m)) V_j` with `K_j = H W_j^K`, `V_j = H W_j^V` and `P_j` the head's columns of the
/// points; the heads side by side times `W^O`. Its cost is linear in the number of fields.
#[derive(Module, Debug)]
pub struct PointAttention {
    /// `dim → 2 · dim`: W^K beside W^V, head by head.
    key_value: Linear,
    /// W^O, `dim → dim`
    output: Linear,
    #[module(skip)]
    n_heads: usize,
}

impl PointAttention {
    /// `n_heads` heads over fields of `dim`, U(±1/√dim); `n_heads` divides `dim`.
    pub fn new(dim: usize, n_heads: usize, stream: &mut Stream, device: &Device) -> Self {
        let key_value = projection(dim, 2 * dim, stream, device);
        Self { key_value, output: projection(dim, dim, stream, device), n_heads }
    }

    /// # Shapes
    /// - points: `[point, dim]`, the same for every row
    /// - strength: `[batch, point]`, by which a row scales the points; absent = 1
    /// - fields: `[batch, field, dim]`
    /// - output: `[batch, point, dim]`
    pub fn forward(&self, points: Tensor<2>, strength: Option<Tensor<2>>, fields: Tensor<3>) -> Tensor<3> {
        let [batch, n_fields, dim] = fields.dims();
        let [n_points, n_heads] = [points.dims()[0], self.n_heads];
        let head_dim = dim / n_heads;
        let rows = fields.reshape([batch * n_fields, dim]);
        let key =
            self.key_value.weight.val().narrow(1, 0, dim).reshape([dim, n_heads, head_dim]).swap_dims(0, 1);
        // P_j K_jᵀ = (P_j (W_j^K)ᵀ) Hᵀ: the points are the same for every row, so all scores are ONE product of the
        // fields. It is not always less arithmetic than keys first, but one large product in place of one per row.
        let points = points.reshape([n_points, n_heads, head_dim]).permute([1, 2, 0]);
        let folded = key.matmul(points).swap_dims(0, 1).reshape([dim, n_heads * n_points]);
        let scores = rows.clone().matmul(folded * (1.0 / (head_dim as f64).sqrt()));
        let scores = scores.reshape([batch, n_fields, n_heads, n_points]).permute([0, 2, 3, 1]);
        let scores = match strength {
            Some(strength) => scores * strength.reshape([batch, 1, n_points, 1]),
            None => scores,
        };
        let value = rows.matmul(self.key_value.weight.val().narrow(1, dim, dim));
        let value = value.reshape([batch, n_fields, n_heads, head_dim]).swap_dims(1, 2);
        let heads = softmax(scores, 3).matmul(value); // [batch, head, point, head_dim]
        project(heads.swap_dims(1, 2).reshape([batch, n_points, dim]), &self.output)
    }

    /// Self-attention with the same heads: queries instead of points.
    ///
    /// # Shapes
    /// - query, fields, output: `[batch, field, dim]`
    pub fn self_attention(&self, query: Tensor<3>, fields: Tensor<3>) -> Tensor<3> {
        let [batch, n_fields, dim] = fields.dims();
        let heads = |tensor: Tensor<3>| {
            tensor.reshape([batch, n_fields, self.n_heads, dim / self.n_heads]).swap_dims(1, 2)
        };
        let both = project(fields, &self.key_value);
        let [key, value] = [both.clone().narrow(2, 0, dim), both.narrow(2, dim, dim)];
        let attended = attend::<4>(heads(query), heads(key), heads(value));
        project(attended.swap_dims(1, 2).reshape([batch, n_fields, dim]), &self.output)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layer::uniform;
    use crate::stream::Streams;
    use burn::tensor::Tolerance;

    #[test]
    fn attention_by_hand() {
        let device = Device::default();
        // Scores 4 · (1, 0) / √4 = (2, 0) against the two keys.
        let query = Tensor::<3>::from_floats([[[4.0, 0.0, 0.0, 0.0]]], &device);
        let key = Tensor::<3>::from_floats([[[1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0]]], &device);
        let value = Tensor::<3>::from_floats([[[1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0]]], &device);
        let first = 2.0_f32.exp() / (2.0_f32.exp() + 1.0);
        let expected = [1.0, 2.0, 3.0, 4.0].map(|v| first * v + (1.0 - first) * (v + 4.0));
        let expected = Tensor::<3>::from_floats([[expected]], &device);
        attend(query, key, value)
            .into_data()
            .assert_approx_eq::<f32>(&expected.into_data(), Tolerance::default());
    }

    #[test]
    fn folded_points_equal_queries_of_their_own() {
        let device = Device::default();
        let mut stream = Streams::new(4).named("init");
        let attention = PointAttention::new(6, 2, &mut stream, &device);
        let fields = uniform([3, 4, 6], 1.0, &mut stream, &device).val();
        // As many points as fields, so that the same numbers can be queries of the self-attention.
        let points = uniform([4, 6], 1.0, &mut stream, &device).val();
        let strength = uniform([3, 4], 1.0, &mut stream, &device).val();
        let query = points.clone().unsqueeze::<3>() * strength.clone().unsqueeze_dim::<3>(2);
        let expected = attention.self_attention(query, fields.clone());
        attention
            .forward(points, Some(strength), fields)
            .into_data()
            .assert_approx_eq::<f32>(&expected.into_data(), Tolerance::default());
    }
}
