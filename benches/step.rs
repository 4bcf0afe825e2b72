//! One training step of an actor and one of the critics, at the size of the papers' KuaiRand runs.
//!
//! `cargo bench --workspace --bench step`

use std::time::Duration;

use burn::tensor::{Device, Tensor};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use rand::RngExt;
use rmtl_agents::actor::{Actor, ActorBatch, ActorConfig, Predict};
use rmtl_agents::backbone::BackboneConfig;
use rmtl_agents::critic::{Critic, CriticConfig};
use rmtl_agents::input::{BatchReader, EncoderConfig, StateBatch};
use rmtl_agents::loss::{LossesConfig, TaskFacts};
use rmtl_agents::pass::Pass;
use rmtl_agents::replay::Transitions;
use rmtl_agents::stream::Streams;
use rmtl_agents::weighting::{WeightingConfig, equal};
use rmtl_envs::{CategoricalField, LogTable, Schema, Task};

// As in the program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const BATCH: usize = 2048;
const DIM: usize = 32;

/// 15 categorical fields of up to 27,000 values and a numeric column, two tasks.
fn schema() -> Schema {
    let field = |index: u32| CategoricalField {
        name: format!("field_{index}"),
        vocabulary_size: [27_000, 7_500, 6_000, 40, 24][index as usize % 5],
        n_values: 1,
    };
    let task = |name: &str, after: Option<&str>| Task {
        name: name.into(),
        after: after.map(Into::into),
        number: None,
    };
    Schema {
        categorical: (0..15).map(field).collect(),
        numeric: vec![],
        tasks: vec![task("click", None), task("long_view", Some("click"))],
    }
}

fn states(schema: &Schema, streams: &Streams) -> StateBatch {
    let mut stream = streams.named("bench/ids");
    let sizes: Vec<u32> = schema.categorical.iter().map(|field| field.vocabulary_size).collect();
    let ids = (0..BATCH).flat_map(|_| sizes.clone()).map(|size| stream.random_range(0..size)).collect();
    StateBatch::new(ids, Vec::new(), BATCH)
}

/// The terms without which a backbone is another one.
fn losses(backbone: &BackboneConfig) -> LossesConfig {
    LossesConfig::of(backbone.needs_loss())
}

/// Pages of 4 KiB the system has cleared in each of a few runs of `step`, once it is warm.
fn print_page_faults(name: &str, mut step: impl FnMut()) {
    const RUNS: u64 = 10;
    (0..3).for_each(|_| step());
    let before = rmtl::memory::page_faults();
    (0..RUNS).for_each(|_| step());
    if let (Some(before), Some(after)) = (before, rmtl::memory::page_faults()) {
        println!("{name:<16} {:>9.1} page faults a step", (after - before) as f64 / RUNS as f64);
    }
}

fn steps(criterion: &mut Criterion) {
    // `RMTL_BENCH_PAGES=return` measures what it was without.
    if std::env::var_os("RMTL_BENCH_PAGES").is_none() {
        rmtl::memory::keep_pages();
    }
    let (schema, streams, device) = (schema(), Streams::new(1), Device::default());
    let states = states(&schema, &streams);
    let reader_table = LogTable::from_rows(&schema, []);
    let reader = BatchReader::new(&reader_table, &schema, &device);
    let halves = |n: usize| reader.tensor(vec![0.5; BATCH * n], BATCH, n);
    let mut group = criterion.benchmark_group("step");
    group
        .throughput(Throughput::Elements(BATCH as u64))
        .sample_size(10)
        .measurement_time(Duration::from_secs(4));
    for backbone in BackboneConfig::all() {
        let config = ActorConfig {
            backbone: backbone.clone(),
            encoder: EncoderConfig { dim: DIM, ..EncoderConfig::default() },
            interaction: Default::default(),
            optimizer: Default::default(),
            base_rates: None,
        };
        let mut actor = Actor::new(&config, &schema, &streams, &device);
        let mut weighting =
            WeightingConfig::Equal(equal::Config::default()).init(2, streams.named("weighting"));
        let mut masks = streams.named("bench/dropout");
        let losses = losses(&backbone).bind(TaskFacts {
            losses: Default::default(),
            parents: schema.parents(),
            positive_rates: vec![0.5; 2],
        });
        let mut step = || {
            let labels = Tensor::zeros([BATCH, 2], &device);
            let batch = ActorBatch { states: &states, labels, counts: None, critic: None, pretrained: None };
            actor.step(batch, weighting.as_mut(), &losses, &mut Pass::training(&mut masks), false)
        };
        print_page_faults(backbone.name(), || drop(step()));
        group.bench_function(backbone.name(), |bencher| bencher.iter(&mut step));
    }
    let config = ActorConfig {
        backbone: BackboneConfig::all().remove(0),
        encoder: EncoderConfig { dim: DIM, ..EncoderConfig::default() },
        interaction: Default::default(),
        optimizer: Default::default(),
        base_rates: None,
    };
    let actor = Actor::new(&config, &schema, &streams, &device);
    let mut critic =
        Critic::new(&CriticConfig::default(), &schema, actor.encoder(), &[-0.5, -0.5], &streams, &device);
    let transitions = Transitions {
        states: states.clone(),
        next_states: states.clone(),
        actions: halves(2),
        next_actions: halves(2),
        rewards: halves(2).neg(),
        discounts: halves(1),
        importance: None,
        folds: Vec::new(),
    };
    group.bench_function("critic", |bencher| {
        bencher.iter(|| {
            critic.step(&transitions, &mut Pass::evaluation(), false);
            critic.soft_update();
        });
    });
    group.bench_function("critic q_values", |bencher| bencher.iter(|| critic.q_values(&states, halves(2))));
    group.bench_function("actor predict", |bencher| bencher.iter(|| actor.predict(&states)));
    group.finish();
}

criterion_group!(benches, steps);
criterion_main!(benches);
