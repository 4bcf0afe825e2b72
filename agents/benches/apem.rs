//! Cost of APEM in the number of fields F: a forward and a backward pass with inducing points (linear in F) and with
//! plain self-attention (quadratic in its scores).
//!
//! `cargo bench --workspace --bench apem`. Compare the times of one group with one another: from F = 32 to F = 256 the
//! fields are eight times as many.

use std::time::Duration;

use burn::tensor::Device;
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use rmtl_agents::backbone::{Backbone, BackboneConfig, Input, apem};
use rmtl_agents::layer::uniform;
use rmtl_agents::pass::Pass;
use rmtl_agents::stream::Streams;

const BATCH: usize = 128;
const DIM: usize = 16;

fn fields(criterion: &mut Criterion) {
    let device = Device::default().autodiff();
    for (name, asrg) in [("inducing points", true), ("self-attention", false)] {
        let mut group = criterion.benchmark_group(name);
        group.sample_size(10).measurement_time(Duration::from_secs(3));
        for n_fields in [32, 64, 128, 256] {
            // One layer: later ones read the inducing points, however many fields there are. No pattern selector, whose
            // cost is that of as many points as there are tasks.
            let config =
                apem::Config { n_layers: 1, n_inducing_points: 16, asrg, ps: false, ..Default::default() };
            let input = Input::unnamed(n_fields, DIM, &[None, Some(0)]);
            let mut stream = Streams::new(1).named("bench");
            let model = BackboneConfig::Apem(config).init(&input, &mut stream, &device);
            let view = uniform([BATCH, n_fields, DIM], 1.0, &mut stream, &device).val();
            group.bench_function(BenchmarkId::from_parameter(n_fields), |bencher| {
                bencher.iter(|| {
                    let predictions = model.forward(std::slice::from_ref(&view), &mut Pass::evaluation());
                    predictions.probabilities.sum().backward()
                });
            });
        }
        group.finish();
    }
}

criterion_group!(benches, fields);
criterion_main!(benches);
