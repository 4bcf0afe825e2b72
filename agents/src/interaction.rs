//! What fields do with one another below the backbone, whichever it is: a part of the actor, of its own for every view.
//!
//! * `fm`: bi-interaction pooling (He and Chua, "Neural Factorization Machines", SIGIR 2017), which is the second-order
//!   term of a factorization machine (Rendle, ICDM 2010) before its sum over the dimensions:
//!   `½ ((Σ_f v_f)² − Σ_f v_f²) = Σ_{f < g} v_f ⊙ v_g`, one more field of the view. No parameters of its own; the
//!   backbone's first layers are d wider.
//! * `cross`: cross layers (Wang et al., "DCN V2", WWW 2021), `x_{l+1} = x_0 ⊙ (W_l x_l + b_l) + x_l` on the F fields
//!   side by side, whose shape stays. `L ((F d)² + F d)` parameters a view; with `W_l = U_l V_lᵀ` of rank r, `L (2 F d
//!   r + F d)`.
//!
//! Departures:
//! 1. NFM's network reads the pooled vector alone; here it stands beside the fields it was made of, so that every
//!    backbone finds them. All fields of a view are pooled, the projected numeric columns among them, multi-valued ones
//!    as the mean of their values.
//! 2. The backbone is what DCN-V2 stacks on its cross layers; the parallel form and mixtures of low-rank experts are
//!    left out.
//! 3. Weights start as all linear layers here do, U(±1/√fan_in).

use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::{Device, Tensor};
use schemars::JsonSchema;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error, MapAccess, Visitor};
use serde::{Deserialize, Serialize};

use crate::backbone::heads::check_count;
use crate::backbone::{FieldKind, Input, InputField};
use crate::layer::{linear, projection};
use crate::stream::Stream;

/// `interaction` of a run file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum InteractionConfig {
    /// The backbone sees the fields as they are.
    #[default]
    None,
    /// One more field, the sum of the products of all pairs.
    Fm,
    /// Cross layers over the fields side by side.
    Cross(Cross),
}

/// Settings of `cross`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Cross {
    /// Cross layers L; after l of them a product has up to l + 1 factors.
    pub n_layers: usize,
    /// Rank r of the layers' matrices; absent = full.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rank: Option<usize>,
}

impl Default for Cross {
    fn default() -> Self {
        Self { n_layers: 2, rank: None }
    }
}

/// `"cross"` alone has the defaults of its settings.
impl<'de> Deserialize<'de> for InteractionConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Choice;

        #[derive(Deserialize)]
        #[serde(rename_all = "snake_case")]
        enum WithSettings {
            Cross(Cross),
        }

        impl<'de> Visitor<'de> for Choice {
            type Value = InteractionConfig;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("\"none\", \"fm\", \"cross\" or `{ cross = { n_layers = 2 } }`")
            }

            fn visit_str<E: Error>(self, name: &str) -> Result<InteractionConfig, E> {
                match name {
                    "none" => Ok(InteractionConfig::None),
                    "fm" => Ok(InteractionConfig::Fm),
                    "cross" => Ok(InteractionConfig::Cross(Cross::default())),
                    other => Err(E::unknown_variant(other, &["none", "fm", "cross"])),
                }
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<InteractionConfig, A::Error> {
                let WithSettings::Cross(cross) = WithSettings::deserialize(MapAccessDeserializer::new(map))?;
                Ok(InteractionConfig::Cross(cross))
            }
        }

        deserializer.deserialize_any(Choice)
    }
}

impl InteractionConfig {
    /// What the backbone sees of the fields of `input`.
    pub fn seen(self, mut input: Input) -> Input {
        if self == Self::Fm {
            input.fields.push(InputField { name: "interaction".into(), kind: FieldKind::Interaction });
        }
        input
    }

    /// Why these settings cannot work for views of `width` numbers, in words for the author of the run file.
    pub fn check(self, width: usize) -> Result<(), String> {
        let Self::Cross(Cross { n_layers, rank }) = self else { return Ok(()) };
        check_count("n_layers", n_layers)?;
        match rank {
            Some(rank) if !(1..=width).contains(&rank) => Err(format!(
                "`rank` must be a number from 1 to {width}, the width of all fields side by side; found {rank}"
            )),
            _ => Ok(()),
        }
    }

    /// The interaction of a view of `width` numbers, with initial parameters from `stream`.
    pub fn init(self, width: usize, stream: &mut Stream, device: &Device) -> Interaction {
        let layers = match self {
            Self::None | Self::Fm => Vec::new(),
            Self::Cross(Cross { n_layers, rank }) => {
                (0..n_layers).map(|_| CrossLayer::new(width, rank, stream, device)).collect()
            }
        };
        Interaction { layers, pools: self == Self::Fm }
    }
}

/// The interaction of one view.
#[derive(Module, Debug)]
pub struct Interaction {
    /// Of `cross`.
    layers: Vec<CrossLayer>,
    /// Whether it is `fm`.
    #[module(skip)]
    pools: bool,
}

impl Interaction {
    /// # Shapes
    /// - fields: `[batch, field, dim]`
    /// - output: `[batch, field, dim]`, with `fm` `[batch, field + 1, dim]`
    pub fn forward(&self, fields: Tensor<3>) -> Tensor<3> {
        if self.pools {
            let pooled = bi_interaction(fields.clone());
            return Tensor::cat(vec![fields, pooled], 1);
        }
        if self.layers.is_empty() {
            return fields;
        }
        let shape = fields.dims();
        let first: Tensor<2> = fields.flatten(1, 2);
        let cross = |x: Tensor<2>, layer: &CrossLayer| first.clone() * layer.forward(x.clone()) + x;
        self.layers.iter().fold(first.clone(), cross).reshape(shape)
    }
}

/// `½ ((Σ_f v_f)² − Σ_f v_f²)`
///
/// # Shapes
/// - fields: `[batch, field, dim]`
/// - output: `[batch, 1, dim]`
fn bi_interaction(fields: Tensor<3>) -> Tensor<3> {
    let squares = fields.clone().square().sum_dim(1);
    (fields.sum_dim(1).square() - squares) * 0.5
}

/// `W x + b`, or `U Vᵀ x + b`.
#[derive(Module, Debug)]
struct CrossLayer {
    /// Vᵀ
    reduction: Option<Linear>,
    /// W or U, and b.
    linear: Linear,
}

impl CrossLayer {
    fn new(width: usize, rank: Option<usize>, stream: &mut Stream, device: &Device) -> Self {
        let reduction = rank.map(|rank| projection(width, rank, stream, device));
        Self { reduction, linear: linear(rank.unwrap_or(width), width, stream, device) }
    }

    /// # Shapes
    /// - input, output: `[batch, field · dim]`
    fn forward(&self, input: Tensor<2>) -> Tensor<2> {
        let reduced = match &self.reduction {
            Some(reduction) => reduction.forward(input),
            None => input,
        };
        self.linear.forward(reduced)
    }
}

#[cfg(test)]
mod tests;
