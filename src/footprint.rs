//! What a run needs in memory at once, estimated before any of it is asked for: an allocation that fails ends the
//! process without a word.
//!
//! It is what is needed at least: tables, networks, what trains them, their copies at the fullest moment, the replay,
//! and a batch. Where networks live on another device than the host, what is there is not counted.

use burn::tensor::Device;
use rmtl_agents::footprint::{NetworkFootprint, TableFootprint, bytes_per_row};
use rmtl_agents::parameter::Moments;
use rmtl_envs::{MemoryDemand, Schema, TooMuchMemory, available_memory, bytes_of, check_memory};

use crate::config::{RunFile, Schedule, StartFrom};
use crate::device::is_host;

/// The bytes a run needs at least, over a log whose training split has `n_rows` rows, as far as they are known. The run
/// file must have been checked against `schema`.
///
/// # Errors
/// This process may not use so many: what asks for how much, and which key is to be lowered.
pub fn check(
    config: &RunFile,
    schema: &Schema,
    n_rows: Option<u64>,
    device: &Device,
) -> Result<u64, TooMuchMemory> {
    within(available_memory(), config, schema, n_rows, device)
}

/// The same of the embedding tables alone, which nothing else need be known for.
///
/// # Errors
/// As [`check`].
pub fn check_tables(config: &RunFile, schema: &Schema) -> Result<u64, TooMuchMemory> {
    check_memory(SUBJECT, tables(config, schema), available_memory())
}

const SUBJECT: &str = "this run";

fn within(
    available: Option<u64>,
    config: &RunFile,
    schema: &Schema,
    n_rows: Option<u64>,
    device: &Device,
) -> Result<u64, TooMuchMemory> {
    let mut demands = tables(config, schema);
    // Where these are too many, sizes of layers may be no numbers.
    check_memory(SUBJECT, demands.clone(), available)?;
    demands.extend(rows(config, schema, n_rows));
    if is_host(&config.device) {
        demands.extend(networks(config, schema, n_rows, device));
    }
    check_memory(SUBJECT, demands, available)
}

/// Copies of an actor that are there at once.
struct Copies {
    /// With their optimisers: the one that trains, the best so far and the one that takes its place; beside critics
    /// also the pretrained one and where the training starts.
    snapshots: usize,
    /// The target network, and the average.
    followers: usize,
}

impl Copies {
    fn of(config: &RunFile) -> Self {
        let averages = usize::from(config.ema.is_some());
        if !config.has_critics() {
            return Self { snapshots: 3, followers: averages };
        }
        let (pretrained, targets) = match &config.schedule {
            Schedule::TwoStage(_) => (1, 0),
            Schedule::Joint(joint) => (usize::from(joint.training.start_from == StartFrom::Pretrained), 1),
        };
        Self { snapshots: 4 + pretrained, followers: averages + targets }
    }
}

fn n_members(config: &RunFile) -> usize {
    match config.has_critics() {
        true => config.critic.folds as usize * (1 + usize::from(config.critic.twins)),
        false => 0,
    }
}

fn demand(what: String, bytes: u64, lower: String) -> MemoryDemand {
    MemoryDemand { what, bytes, lower }
}

/// `n · bytes`
fn times(n: usize, bytes: u64) -> u64 {
    bytes.saturating_mul(n as u64)
}

fn tables(config: &RunFile, schema: &Schema) -> Vec<MemoryDemand> {
    let Copies { snapshots, followers } = Copies::of(config);
    let n_views = config.backbone.views(schema.n_tasks()).len();
    let actor = TableFootprint::new(schema, &config.encoder, n_views);
    let n_tasks = schema.n_tasks();
    let state = times(n_optimizers(config, n_tasks), actor.state);
    let kept = times(config.weighting.numbers_per_parameter(n_tasks), actor.weights);
    let bytes = times(snapshots, actor.weights.saturating_add(state))
        .saturating_add(times(followers, actor.follower()))
        .saturating_add(kept);
    let encoded = config.encoder.numeric.schema(schema);
    let largest = encoded.categorical.iter().max_by_key(|field| field.vocabulary_size);
    let ids = largest.map_or_else(String::new, |field| {
        let (name, size) = (&field.name, field.vocabulary_size);
        format!(", or in the dataset file `hash_buckets` or `max_size` of `{name}`, which has {size} ids")
    });
    let what = format!(
        "the actor's embedding tables and their optimisers, {} copies at once",
        snapshots + followers
    );
    let mut demands = vec![demand(what, bytes, format!("`encoder.dim`{ids}"))];
    let members = n_members(config);
    if members > 0 {
        let encoder =
            config.critic.encoder(config.encoder.numeric, &config.encoder.logarithms, config.encoder.dim);
        let critic = TableFootprint::new(schema, &encoder, 1);
        let bytes = times(members, critic.snapshot().saturating_add(critic.follower()));
        let key =
            if config.critic.dim.is_some() { "`critic.dim`" } else { "`encoder.dim` or give `critic.dim`" };
        let what = "the critics' embedding tables, their optimisers and targets".into();
        demands.push(demand(what, bytes, format!("{key}{ids}")));
    }
    demands
}

/// Optimisers of a shared parameter.
fn n_optimizers(config: &RunFile, n_tasks: usize) -> usize {
    match config.optimizer.moments {
        Moments::Weighted | Moments::Unweighted => 1,
        Moments::PerTask => n_tasks,
    }
}

/// Gradients of the actor's network that are there at once.
fn n_gradients(config: &RunFile, n_tasks: usize) -> usize {
    match config.optimizer.moments {
        Moments::PerTask => 2 * n_tasks + 1,
        _ if config.weighting.signal().is_by_task() => n_tasks + 1,
        Moments::Unweighted => 2,
        Moments::Weighted => 1,
    }
}

/// Rows of a batch: no more than there are; one at least where nobody knows.
fn batch(config: &RunFile, n_rows: Option<u64>) -> usize {
    let n_rows = n_rows.unwrap_or(1).max(1);
    config.batch_size.min(usize::try_from(n_rows).unwrap_or(usize::MAX))
}

/// What grows with the rows on the host.
fn rows(config: &RunFile, schema: &Schema, n_rows: Option<u64>) -> Vec<MemoryDemand> {
    let n_views = config.backbone.views(schema.n_tasks()).len();
    let encoder =
        config.critic.encoder(config.encoder.numeric, &config.encoder.logarithms, config.encoder.dim);
    // The critics look at the state and the one after it.
    let of_critics = times(2 * n_members(config), bytes_per_row(schema, &encoder, 1));
    let row = bytes_per_row(schema, &config.encoder, n_views).saturating_add(of_critics);
    let batch = batch(config, n_rows);
    let longest =
        schema.categorical.iter().filter(|field| field.n_values > 1).max_by_key(|field| field.n_values);
    let lists = longest.map_or_else(String::new, |field| {
        let (name, n_values) = (&field.name, field.n_values);
        format!(", or in the dataset file `max_values` of `{name}`, which has {n_values}")
    });
    let what = format!("a batch of {batch} rows: ids and embeddings");
    let mut demands = vec![demand(what, times(batch, row), format!("`batch_size`{lists}"))];
    if let Some(n_rows) = n_rows.filter(|_| config.has_critics()) {
        let n_rows = usize::try_from(n_rows).unwrap_or(usize::MAX);
        let n_tasks = schema.n_tasks();
        let kept = bytes_of(&[config.replay.capacity.min(n_rows), 1 + n_tasks]);
        let actions = bytes_of(&[n_rows, n_tasks]);
        let what = "the replay, and the frozen actor's actions".into();
        demands.push(demand(what, kept.saturating_add(actions), "`replay.capacity`".into()));
    }
    demands
}

/// What lives where the networks do.
fn networks(config: &RunFile, schema: &Schema, n_rows: Option<u64>, device: &Device) -> Vec<MemoryDemand> {
    let Copies { snapshots, followers } = Copies::of(config);
    let batch = batch(config, n_rows);
    // A layer's outputs, the activations of them, and the gradient.
    let outputs = |of: &NetworkFootprint| times(batch, times(3, of.outputs));
    let actor = config.actor().network_footprint(schema, device);
    let n_tasks = schema.n_tasks();
    let moments = n_optimizers(config, n_tasks) * config.optimizer.numbers_per_parameter();
    let beside = n_gradients(config, n_tasks) + followers + config.weighting.numbers_per_parameter(n_tasks);
    let held = times(snapshots * (1 + moments) + beside, actor.weights);
    let mut keys = format!("the widths in `[backbone.{}]`", config.backbone.name());
    if actor_has_cross_layers(config) {
        keys.push_str(" or `interaction.cross`");
    }
    let copies = snapshots + followers;
    let mut demands = vec![demand(
        format!("the actor's network, its optimiser and gradients, {copies} copies at once"),
        held,
        keys.clone(),
    )];
    let mut outputs_of = ("actor", outputs(&actor), keys);
    let members = n_members(config);
    if members > 0 {
        let encoder =
            config.critic.encoder(config.encoder.numeric, &config.encoder.logarithms, config.encoder.dim);
        let critic = config.critic.network_footprint(schema, &encoder, device);
        let keys = "`critic.bottom` or `critic.tower`";
        // Weights, gradients, Adam's two moments, and the target.
        let what = "the critics' networks, their optimisers and targets".into();
        demands.push(demand(what, times(5 * members, critic.weights), keys.into()));
        // Actor and critics learn in turn.
        let of_critics = times(members, outputs(&critic));
        if of_critics > outputs_of.1 {
            outputs_of = ("critics", of_critics, keys.into());
        }
    }
    let (whose, bytes, keys) = outputs_of;
    let what = format!("what the layers of the {whose} give for a batch of {batch} rows");
    demands.push(demand(what, bytes, format!("`batch_size` or {keys}")));
    demands
}

fn actor_has_cross_layers(config: &RunFile) -> bool {
    matches!(config.interaction, rmtl_agents::interaction::InteractionConfig::Cross(_))
}

#[cfg(test)]
mod tests;
