//! Memory that actors and critics take, known before they are made.
//!
//! Networks are built without values, so that sizes are those of the layers themselves, whichever crate a backbone is
//! of. What a layer gives for a row is estimated: an output for every column of its matrix, which leaves out that some
//! read several fields of a row one by one. So an estimate is what is needed at least.

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::Tensor;
use rmtl_envs::{Schema, bytes_of};

use crate::input::EncoderConfig;
use crate::layer::without_values;

/// Bytes of embedding tables and of what goes with them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TableFootprint {
    /// The tables.
    pub weights: u64,
    /// The state of their optimisers.
    pub state: u64,
    /// What a copy that follows them lazily holds beside the weights.
    pub clocks: u64,
}

/// Bytes of a network and of what goes with it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NetworkFootprint {
    /// Its parameters.
    pub weights: u64,
    /// What it gives for one row, layer by layer.
    pub outputs: u64,
}

impl TableFootprint {
    /// Of `n_views` table sets over the fields of `schema`.
    pub fn new(schema: &Schema, config: &EncoderConfig, n_views: usize) -> Self {
        let encoded = config.numeric.schema(schema);
        let n_rows = encoded.categorical.iter().map(|field| field.vocabulary_size as usize).sum();
        Self {
            weights: bytes_of(&[n_views, n_rows, config.dim]),
            state: bytes_of(&[n_views, n_rows, config.optimizer.numbers_per_row(config.dim)]),
            clocks: bytes_of(&[n_views, n_rows]),
        }
    }

    /// A copy with the optimisers' state.
    pub fn snapshot(&self) -> u64 {
        self.weights.saturating_add(self.state)
    }

    /// A copy that follows.
    pub fn follower(&self) -> u64 {
        self.weights.saturating_add(self.clocks)
    }
}

/// Bytes that a row of a batch takes below a network: its ids, resolved and sorted, and its embeddings in `n_views`
/// views on the host, as tensors and as gradients.
pub fn bytes_per_row(schema: &Schema, config: &EncoderConfig, n_views: usize) -> u64 {
    let encoded = config.numeric.schema(schema);
    // An id, its table row, and the 64 bits by which rows are sorted.
    let ids = bytes_of(&[4, encoded.n_slots()]);
    ids.saturating_add(bytes_of(&[3, n_views, encoded.categorical.len(), config.dim]))
}

impl NetworkFootprint {
    /// Of what `init` builds, whose parameters are not drawn.
    pub fn of<M: Module>(init: impl FnOnce() -> M) -> Self {
        /// What was found, and the names on the way to the parameter that is visited.
        struct Sizes(NetworkFootprint, Vec<String>);
        impl ModuleVisitor for Sizes {
            fn enter_module(&mut self, name: &str, _container_type: &str) {
                self.1.push(name.to_owned());
            }
            fn exit_module(&mut self, _name: &str, _container_type: &str) {
                self.1.pop();
            }
            fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
                let shape = param.lazy_shape();
                let sizes: Vec<usize> = shape.iter().copied().collect();
                let Self(NetworkFootprint { weights, outputs }, path) = self;
                *weights = weights.saturating_add(bytes_of(&sizes));
                // A matrix [in, out], or a group of them; biases of a group have as many dimensions.
                let is_matrix = path.last().is_some_and(|name| name == "weight");
                if let ([groups @ .., _, columns], true) = (sizes.as_slice(), is_matrix) {
                    *outputs = outputs.saturating_add(bytes_of(&[groups, &[*columns]].concat()));
                }
            }
        }
        let mut sizes = Sizes(Self::default(), Vec::new());
        without_values(init).visit(&mut sizes);
        sizes.0
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;
    use rmtl_envs::{CategoricalField, NumericField, Task};

    use super::*;
    use crate::actor::{Actor, ActorConfig};
    use crate::backbone::{BackboneConfig, shared_bottom};
    use crate::critic::{Critic, CriticConfig};
    use crate::interaction::{Cross, InteractionConfig};
    use crate::parameter::NamedTensors;
    use crate::stream::Streams;

    fn schema() -> Schema {
        let task = |name: &str, after: Option<&str>| Task {
            name: name.into(),
            after: after.map(Into::into),
            number: None,
        };
        Schema {
            categorical: vec![CategoricalField { name: "user".into(), vocabulary_size: 3, n_values: 1 }],
            numeric: vec![NumericField { name: "price".into(), mean: 0.0, standard_deviation: 1.0 }],
            tasks: vec![task("click", None), task("buy", Some("click"))],
        }
    }

    fn config(backbone: BackboneConfig, interaction: InteractionConfig) -> ActorConfig {
        let encoder = EncoderConfig { dim: 4, ..EncoderConfig::default() };
        ActorConfig {
            backbone,
            encoder,
            interaction,
            optimizer: Default::default(),
            base_rates: Some(vec![0.5, 0.1]),
        }
    }

    fn bytes(tensors: NamedTensors, of: &str) -> u64 {
        let tensors = tensors.into_iter().filter(|(name, _)| name.starts_with(of));
        tensors.map(|(_, tensor)| bytes_of(&[tensor.values.len()])).sum()
    }

    #[test]
    fn what_is_measured_is_what_actors_and_critics_have() {
        let (schema, device) = (schema(), Device::default());
        for backbone in BackboneConfig::all() {
            for interaction in
                [InteractionConfig::None, InteractionConfig::Fm, InteractionConfig::Cross(Cross::default())]
            {
                let config = config(backbone.clone(), interaction);
                let actor = Actor::new(&config, &schema, &Streams::new(1), &device);
                let name = backbone.name();
                let network = config.network_footprint(&schema, &device);
                assert_eq!(network.weights, bytes(actor.weights(), "network"), "{name} {interaction:?}");
                assert!(network.outputs > 0, "{name}");
                let tables = TableFootprint::new(&schema, &config.encoder, backbone.views(2).len());
                assert_eq!(tables.weights, bytes(actor.weights(), "embedding"), "{name}");

                let critic = CriticConfig { dim: Some(6), ..CriticConfig::default() };
                let encoder =
                    critic.encoder(config.encoder.numeric, &config.encoder.logarithms, config.encoder.dim);
                let network = critic.network_footprint(&schema, &encoder, &device);
                let critic =
                    Critic::new(&critic, &schema, actor.encoder(), &[-1.0, -1.0], &Streams::new(1), &device);
                assert_eq!(network.weights, bytes(critic.weights(), "network"));
                assert_eq!(
                    TableFootprint::new(&schema, &encoder, 1).weights,
                    bytes(critic.weights(), "embedding")
                );
            }
        }
    }

    #[test]
    fn nothing_is_held_of_what_is_measured_and_what_follows_has_values() {
        // 2²⁸ · 2²⁸ numbers.
        let wide = shared_bottom::Config { bottom: vec![1 << 28; 2], ..Default::default() };
        let schema = schema();
        let wide = config(BackboneConfig::SharedBottom(wide), InteractionConfig::None);
        wide.backbone.check(&wide.input(&schema)).unwrap();
        let found = wide.network_footprint(&schema, &Device::default());
        assert!(found.weights >= 1 << 58 && found.outputs >= 2 << 30, "{found:?}");
        let drawn = crate::layer::linear(2, 2, &mut Streams::new(1).named("init"), &Device::default());
        assert!(drawn.weight.is_initialized());
    }

    #[test]
    fn outputs_are_those_of_matrices_alone() {
        let small = shared_bottom::Config { bottom: vec![5], tower: vec![3], ..Default::default() };
        let small = config(BackboneConfig::SharedBottom(small), InteractionConfig::None);
        // The price projected to 4, a bottom of 5, two towers 3 – 1.
        let outputs = small.network_footprint(&schema(), &Device::default()).outputs;
        assert_eq!(outputs, 4 * (4 + 5 + 2 * (3 + 1)));
    }

    #[test]
    fn tables_and_rows_by_hand() {
        let encoder = EncoderConfig { dim: 5, ..EncoderConfig::default() };
        let tables = TableFootprint::new(&schema(), &encoder, 2);
        assert_eq!(tables, TableFootprint { weights: 120, state: 240, clocks: 24 });
        assert_eq!((tables.snapshot(), tables.follower()), (360, 144));
        assert_eq!(bytes_per_row(&schema(), &encoder, 2), 16 + 3 * 2 * 5 * 4);
    }
}
