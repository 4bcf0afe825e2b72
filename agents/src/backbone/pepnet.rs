//! PEPNet (Chang et al., [*PEPNet: Parameter and Embedding Personalized Network for Infusing with Personalized Prior
//! Information*](https://arxiv.org/abs/2302.01115), KDD 2023): gates that scale the embeddings by fields of the domain,
//! and the towers' hidden units by fields of the user and the item.
//!
//! A gate unit is `gate(z) = γ σ(W' ReLU(W z + b) + b')`, γ = 2. With E the flattened fields, `E_D` and `E_P` those of
//! the domain and the personal fields, sg the stop-gradient, and ⊕ concatenation:
//!
//! * EPNet: `O = gate(E_D ⊕ sg(E)) ⊙ E`;
//! * PPNet, layer l of task k: `δ_kl = gate_kl(E_P ⊕ sg(O))`, `h_kl = δ_kl ⊙ ReLU(W_kl h_k,l−1 + b_kl)`, `h_k0 = O`.
//!
//! `p_k = σ(w_k h_kL + c_k)`. Shapes: E and O `[batch, field · dim]`, gates and hidden units `[task, batch, width]`.
//!
//! Dense parameters with g the width of a gate's hidden layer and z_D, z_P the widths of the priors: EPNet
//! `(z_D + 1) g + (g + 1) F·d`, PPNet `K (L (z_P + 1) g + (g + 1) Σ_l t_l)`, and K towers. With 8 fields of 128, K = 2,
//! one domain and one personal field, g = 128, towers 512–256–128–64: 279,680 + 1,428,352 + 2 · 697,345.
//!
//! Choices where the paper gives none, and departures: 1. Domain and personal fields are fields of the dataset like the
//! others, so they are among those that EPNet scales; priors read them unscaled. 2. Each task has gate units of its
//! own, hidden layer included. 3. Every hidden layer is gated AFTER its activation, the last one too. 4. Gates have no
//! dropout. 5. The plain network under PPNet is a tower per task on O, without anything shared but EPNet.

use burn::module::{Module, ParamId, list_param_ids};
use burn::tensor::activation::{relu, sigmoid};
use burn::tensor::{Device, Tensor};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::heads::{Widths, check_count, flatten, last, starting_at};
use super::{Backbone, Input, Predictions, Settings};
use crate::layer::{GroupedLinear, WideLinear};
use crate::pass::Pass;
use crate::stream::Stream;

/// γ, the largest factor of a gate; its middle is 1.
const LARGEST_FACTOR: f64 = 2.0;

/// `[backbone.pepnet]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, expecting = "a table of settings, such as {}")]
pub struct Config {
    /// Names of the fields that tell the domain (page, channel, scenario); empty = the first field.
    pub domain_fields: Vec<String>,
    /// Names of the fields that tell who and what it is about (user, item, author); empty = the first field.
    pub personal_fields: Vec<String>,
    /// Width of a gate's hidden layer.
    pub gate: usize,
    /// Widths of a tower's hidden layers; the towers stand on the embeddings.
    pub tower: Vec<usize>,
    /// Dropout rate after every hidden layer of a tower.
    pub dropout: f64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            domain_fields: Vec::new(),
            personal_fields: Vec::new(),
            gate: 128,
            tower: vec![512, 256, 128, 64],
            dropout: 0.2,
        }
    }
}

/// Where the fields called `names` stand.
fn places(key: &str, names: &[String], input: &Input) -> Result<Vec<usize>, String> {
    match names {
        [] => Ok(vec![0]),
        _ => match names.iter().enumerate().find(|(place, name)| names[..*place].contains(name)) {
            Some((_, name)) => Err(format!("`{key}` names `{name}` twice")),
            None => names.iter().map(|name| input.field(key, name)).collect(),
        },
    }
}

impl Config {
    /// Places of the domain fields, and of the personal ones.
    fn priors(&self, input: &Input) -> Result<[Vec<usize>; 2], String> {
        let domain = places("domain_fields", &self.domain_fields, input)?;
        Ok([domain, places("personal_fields", &self.personal_fields, input)?])
    }
}

impl Settings for Config {
    type Model = Model;

    fn check(&self, input: &Input) -> Result<(), String> {
        self.priors(input)?;
        check_count("gate", self.gate)?;
        Widths { bottom: &[1], tower: &self.tower, dropout: self.dropout }.check()
    }

    fn variants() -> Vec<Self> {
        let personal_fields = vec!["field_0".into()];
        vec![Self::default(), Self { personal_fields, gate: 16, tower: vec![32], ..Self::default() }]
    }

    fn init(&self, input: &Input, stream: &mut Stream, device: &Device) -> Model {
        let (n_tasks, width) = (input.n_tasks(), input.width());
        let [domain, personal] =
            self.priors(input).expect("the settings were checked: all these fields are there");
        let d_prior = |fields: &[usize]| fields.len() * input.dim + width;
        let epnet = Gates::new(1, [d_prior(&domain), self.gate], &[width], stream, device);
        let ppnet = Gates::new(n_tasks, [d_prior(&personal), self.gate], &self.tower, stream, device);
        let first = WideLinear::new(n_tasks, [width, self.tower[0]], width, stream, device);
        let rest = self.tower.iter().zip(&self.tower[1..]);
        let rest = rest.map(|(&from, &to)| GroupedLinear::new(n_tasks, [from, to], stream, device)).collect();
        let output = GroupedLinear::new(n_tasks, [last(&self.tower), 1], stream, device);
        let output = starting_at(output, input.initial_logits(self.gives_conditionals()));
        Model { epnet, ppnet, first, rest, output, domain, personal, dropout: self.dropout }
    }
}

/// The network.
#[derive(Module, Debug)]
pub struct Model {
    epnet: Gates,
    ppnet: Gates,
    /// The towers' first layers.
    first: WideLinear,
    /// Their further layers.
    rest: Vec<GroupedLinear>,
    output: GroupedLinear,
    #[module(skip)]
    domain: Vec<usize>,
    #[module(skip)]
    personal: Vec<usize>,
    #[module(skip)]
    dropout: f64,
}

/// Gate units that read the SAME prior: one for each of several layers of each of a group.
#[derive(Module, Debug)]
struct Gates {
    /// One product for all, layer by layer.
    hidden: WideLinear,
    /// One per layer.
    outputs: Vec<GroupedLinear>,
}

impl Gates {
    /// For layers of `dims`, from a prior and with a hidden layer of these widths.
    fn new(
        n_groups: usize,
        [d_prior, hidden]: [usize; 2],
        dims: &[usize],
        stream: &mut Stream,
        device: &Device,
    ) -> Self {
        let output = |&width: &usize| GroupedLinear::new(n_groups, [hidden, width], stream, device);
        let outputs: Vec<_> = dims.iter().map(output).collect();
        let n_units = n_groups * outputs.len();
        Self { hidden: WideLinear::new(n_units, [d_prior, hidden], d_prior, stream, device), outputs }
    }

    /// # Shapes
    /// - prior: `[batch, d_prior]`
    /// - output: factors `[group, batch, width]` per layer
    fn forward(&self, prior: Tensor<2>) -> Vec<Tensor<3>> {
        let hidden = self.hidden.split(relu(self.hidden.forward(prior))); // [layer · group, batch, hidden]
        let n_groups = hidden.dims()[0] / self.outputs.len();
        let factors =
            |(hidden, output): (Tensor<3>, &GroupedLinear)| sigmoid(output.forward(hidden)) * LARGEST_FACTOR;
        hidden.split(n_groups, 0).into_iter().zip(&self.outputs).map(factors).collect()
    }
}

/// The fields at `places` of a view, and all that is known without a gradient, side by side: `[batch, d_prior]`.
fn prior(view: &Tensor<3>, places: &[usize], known: Tensor<2>) -> Tensor<2> {
    let field = |&place: &usize| view.clone().narrow(1, place, 1).squeeze_dim::<2>(1);
    Tensor::cat(places.iter().map(field).chain([known.detach()]).collect(), 1)
}

impl Backbone for Model {
    fn forward(&self, views: &[Tensor<3>], pass: &mut Pass<'_>) -> Predictions {
        let view = &views[0];
        let fields = flatten(view);
        let factors = self.epnet.forward(prior(view, &self.domain, fields.clone())).remove(0);
        let scaled = factors.squeeze_dim::<2>(0) * fields;
        let mut gates = self.ppnet.forward(prior(view, &self.personal, scaled.clone())).into_iter();
        let mut gated = |hidden: Tensor<3>| {
            let hidden = pass.dropout(relu(hidden), self.dropout);
            gates.next().expect("one per hidden layer") * hidden
        };
        let first = gated(self.first.split(self.first.forward(scaled))); // [task, batch, width]
        let hidden = self.rest.iter().fold(first, |hidden, layer| gated(layer.forward(hidden)));
        Predictions::independent(self.output.logits(hidden))
    }

    fn shared(&self) -> Vec<ParamId> {
        list_param_ids(&self.epnet)
    }
}
