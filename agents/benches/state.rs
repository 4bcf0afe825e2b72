//! Cost of the embedding tables per training step: flat in the vocabulary, in proportion to the rows of a batch.
//!
//! `cargo bench -p rmtl-agents --bench state`

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use rand::RngExt;
use rmtl_agents::embedding::{
    EmbeddingTable, GradientCoalescer, SparseGradient, SparseOptimizer, SparseOptimizerConfig, TargetTable,
};
use rmtl_agents::replay::{PrioritizedConfig, Replay, ReplayConfig, Transition, TransitionBatch};
use rmtl_agents::stream::{Stream, Streams};
use rmtl_envs::{CategoricalField, Row, Schema, Task};

const BATCH_SIZE: usize = 2_048;
const N_FIELDS: u32 = 16;
const DIM: usize = 128;
/// Rows of the smallest vocabulary; the others are measured with as many rows in use, and with all of them in use.
const FEW_ROWS: u32 = 2_000;
const VOCABULARIES: [u32; 3] = [FEW_ROWS, 140_000, 2_000_000];
/// Batches taken in turn, so that the rows of the next one are not in the cache already.
const N_BATCHES: usize = 16;

fn schema(n_rows: u32) -> Schema {
    let field = |index| CategoricalField {
        name: format!("field_{index}"),
        vocabulary_size: n_rows / N_FIELDS,
        n_values: 1,
    };
    Schema {
        categorical: (0..N_FIELDS).map(field).collect(),
        numeric: Vec::new(),
        tasks: vec![Task { name: "click".into(), after: None, number: None }],
    }
}

/// Batches of ids, uniform over `rows_in_use / N_FIELDS` ids of each field that lie evenly in its vocabulary.
fn batches(n_rows: u32, rows_in_use: u32, stream: &mut Stream) -> Vec<Vec<u32>> {
    let (in_use, distance) = (rows_in_use / N_FIELDS, n_rows / rows_in_use);
    let n_ids = BATCH_SIZE * N_FIELDS as usize;
    let mut batch = || (0..n_ids).map(|_| stream.random_range(0..in_use) * distance).collect();
    (0..N_BATCHES).map(|_| batch()).collect()
}

/// One step for every row: the moments are zero pages that the system provides at the first touch, which would
/// be measured otherwise.
fn touch_every_row(table: &mut EmbeddingTable, optimizer: &mut SparseOptimizer) {
    let rows: Vec<u32> = (0..).take(table.n_rows()).collect();
    for rows in rows.chunks(100_000) {
        let gradient = SparseGradient { rows: rows.to_vec(), values: vec![0.1; rows.len() * DIM] };
        optimizer.step(table, &gradient, 1e-3);
    }
}

fn steps(criterion: &mut Criterion) {
    let mut stream = Streams::new(7).named("bench");
    let gradient: Vec<f32> =
        (0..BATCH_SIZE * N_FIELDS as usize * DIM).map(|_| stream.random_range(-1.0..1.0)).collect();
    let mut coalescer = GradientCoalescer::default();
    for n_rows in VOCABULARIES {
        let mut table = EmbeddingTable::new(&schema(n_rows), DIM, &mut stream);
        let config = SparseOptimizerConfig::default();
        let mut optimizer = SparseOptimizer::new(config, table.n_rows(), DIM);
        touch_every_row(&mut table, &mut optimizer);
        for (usage, rows_in_use) in [("2000_rows_in_use", FEW_ROWS), ("all_rows_in_use", n_rows)] {
            let mut group = criterion.benchmark_group(usage);
            group.sample_size(30);
            let batches = batches(n_rows, rows_in_use, &mut stream);
            let mut batches = batches.iter().cycle();
            let mut next = || batches.next().expect("a cycle of batches never ends");
            group.bench_function(BenchmarkId::new("indices", n_rows), |bencher| {
                bencher.iter(|| black_box(table.indices(next())));
            });
            group.bench_function(BenchmarkId::new("indices+lookup", n_rows), |bencher| {
                bencher.iter(|| black_box(table.lookup(&table.indices(next()))));
            });
            group.bench_function(BenchmarkId::new("indices+coalesce", n_rows), |bencher| {
                bencher.iter(|| {
                    black_box(coalescer.coalesce(&table.indices(next()), &gradient, DIM));
                });
            });
            group.bench_function(BenchmarkId::new("lookup+coalesce+adam", n_rows), |bencher| {
                bencher.iter(|| {
                    let lookup = table.indices(next());
                    black_box(table.lookup(&lookup));
                    optimizer.step(&mut table, coalescer.coalesce(&lookup, &gradient, DIM), 1e-3);
                });
            });
            let mut target = TargetTable::new(&table, 0.2);
            group.bench_function(BenchmarkId::new("soft_update+target_read", n_rows), |bencher| {
                bencher.iter(|| {
                    target.soft_update();
                    black_box(target.read(&table, &table.indices(next())));
                });
            });
        }
    }
}

fn replay(criterion: &mut Criterion) {
    const CAPACITY: u32 = 10_000_000;
    let mut stream = Streams::new(7).named("bench");
    for (name, prioritized) in [("uniform", None), ("prioritized", Some(PrioritizedConfig::default()))] {
        let config = ReplayConfig { capacity: CAPACITY as usize, prioritized, ..ReplayConfig::default() };
        let mut replay = Replay::new(&config, usize::MAX, 2);
        let pushed = 0..CAPACITY + CAPACITY / 2;
        pushed.for_each(|row| replay.push(Transition { row: Row(row), action: &[0.5; 2] }));
        let mut batch = TransitionBatch::default();
        let errors: Vec<f32> = (0..2 * BATCH_SIZE).map(|_| stream.random()).collect();
        criterion.bench_function(&format!("replay/{name}/sample_2048_of_10_million"), |bencher| {
            bencher.iter(|| {
                replay.sample(BATCH_SIZE, 0.5, &mut stream, black_box(&mut batch));
                replay.update(&batch, &errors);
            });
        });
        criterion.bench_function(&format!("replay/{name}/push"), |bencher| {
            bencher.iter(|| replay.push(black_box(Transition { row: Row(1), action: &[0.5; 2] })));
        });
    }
}

criterion_group!(benches, steps, replay);
criterion_main!(benches);
