//! Everything with parameters: state encoder, backbones, critics, replay, target networks, losses, weightings, and
//! the updates of actor and critics. This crate opens no file, reads no clock and prints nothing.
//!
//! A reader follows the data: rows become tensors and fields in [`input`], probabilities in [`backbone`];
//! [`actor`] and [`critic`] hold the two updates, [`weighting`] stands between them:
//!
//! ```
//! # use rmtl_agents::{actor::*, backbone::BackboneConfig, input::BatchReader, input::EncoderConfig, loss::*, parameter::OptimizerConfig};
//! # use rmtl_agents::{pass::Pass, stream::Streams, weighting::WeightingConfig};
//! # use rmtl_envs::*;
//! # let schema = Schema::of_ids(&[("user", 3)], &[("click", None)]);
//! # let row = |user, label| RowValues { categorical: user, labels: label, end: SessionEnd::Terminated, ..RowValues::default() };
//! # let table = LogTable::from_rows(&schema, [row(&[1], &[1]), row(&[2], &[0])]);
//! # let device = burn::tensor::Device::default();
//! # let backbone: BackboneConfig = serde_json::from_str(r#"{"shared_bottom":{"bottom":[4],"tower":[4]}}"#)?;
//! # let weighting: WeightingConfig = serde_json::from_str(r#"{"uw":{}}"#)?;
//! # let encoder = EncoderConfig { dim: 4, ..EncoderConfig::default() };
//! let streams = Streams::new(1);
//! let (interaction, optimizer) = (Default::default(), OptimizerConfig::default());
//! let config = ActorConfig { backbone, encoder, interaction, optimizer, base_rates: None };
//! let mut actor = Actor::new(&config, &schema, &streams, &device);
//! let mut weighting = weighting.init(schema.n_tasks(), streams.named("weighting"));
//! let tasks = TaskFacts { losses: TaskLosses::default(), parents: schema.parents(), positive_rates: vec![0.5] };
//! let terms = LossesConfig::default().bind(tasks);
//! let mut masks = streams.named("dropout");
//!
//! let reader = BatchReader::new(&table, &schema, &device);
//! let rows: Vec<Row> = table.rows().collect();
//! let states = reader.states(&rows);
//! let batch = ActorBatch { states: &states, labels: reader.labels(&rows), counts: None, critic: None, pretrained: None };
//! let before = actor.predict(&states);
//! let step = actor.step(batch, weighting.as_mut(), &terms, &mut Pass::training(&mut masks), false);
//! assert_eq!(step.weights.len(), 2); // one per row and task
//! assert_ne!(before.into_data(), actor.predict(&states).into_data());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod actor;
pub mod backbone;
pub mod controller;
pub mod critic;
pub mod embedding;
pub mod footprint;
pub mod input;
pub mod interaction;
pub mod layer;
pub mod loss;
pub mod parameter;
pub mod pass;
pub mod policy;
pub mod progress;
pub mod registry;
pub mod replay;
pub mod stream;
pub mod weighting;
