//! Critics for a trainer that is not this one: from a log in memory and any model's predictions, Q of every row and task,
//! in a file that Python reads too. That trainer weighs its losses by them, `w = 1 − λ·Q`.
//!
//! `cargo run --release --no-default-features --features flex --example critic_only`

use std::error::Error;

use burn::tensor::Device;
use rmtl::output::checkpoint;
use rmtl_agents::critic::{Critic, CriticConfig};
use rmtl_agents::input::BatchReader;
use rmtl_agents::input::{EncoderConfig, StateEncoder};
use rmtl_agents::parameter::host;
use rmtl_agents::parameter::{NamedTensor, NamedTensors};
use rmtl_agents::pass::Pass;
use rmtl_agents::policy::FrozenPolicy;
use rmtl_agents::policy::exploration::Exploration;
use rmtl_agents::replay::TransitionRule;
use rmtl_agents::replay::{Replay, ReplayConfig, Transition, TransitionBatch};
use rmtl_agents::stream::Streams;
use rmtl_envs::{LogTable, Reward, Rewards, Row, RowValues, Schema, SessionEnd};

/// Sessions of five views, in the order the other trainer has them; even items are clicked more often, every third click
/// buys.
fn log(schema: &Schema, n_rows: u64) -> LogTable {
    let ids: Vec<_> = (0..n_rows).map(|row| [(row % 5) as u32, ((row * 7919) % 50) as u32]).collect();
    let clicked = |row: u64| (row * 104_729) % 10 < if row.is_multiple_of(2) { 6 } else { 2 };
    let bought = |row: u64| clicked(row) && (row * 15_485_863).is_multiple_of(3);
    let labels: Vec<_> = (0..n_rows).map(|row| [clicked(row).into(), bought(row).into()]).collect();
    let end = |ids: &[u32]| if ids[0] == 4 { SessionEnd::Terminated } else { SessionEnd::Continues };
    let row = |(ids, labels)| RowValues { categorical: ids, labels, end: end(ids), ..RowValues::default() };
    LogTable::from_rows(schema, ids.iter().map(|ids| &ids[..]).zip(labels.iter().map(|of| &of[..])).map(row))
}

fn main() -> Result<(), Box<dyn Error>> {
    let schema = Schema::of_ids(&[("position", 5), ("item", 50)], &[("click", None), ("buy", Some("click"))]);
    let table = log(&schema, 20_000);
    let rows: Vec<Row> = table.rows().collect();
    let (streams, device) = (Streams::new(1), Device::default());
    let reader = BatchReader::new(&table, &schema, &device);

    // What the other trainer predicts, `[row, task]`, and the actions around it that the critics are shown.
    let predicted = rows.iter().flat_map(|row| if row.0 % 2 == 0 { [0.6, 0.2] } else { [0.2, 0.1] });
    let mut policy = FrozenPolicy::new(predicted.collect(), 2);
    let taken = Exploration::default().init(2, streams.named("actions")).actions(&mut policy, &reader, &rows);
    let mut replay = Replay::new(&ReplayConfig::default(), rows.len(), 2);
    rows.iter().zip(taken.chunks(2)).for_each(|(&row, action)| replay.push(Transition { row, action }));

    let config = CriticConfig { bottom: vec![64, 32], tower: vec![16], gamma: 0.8, ..Default::default() };
    let encoder = EncoderConfig { dim: 8, ..Default::default() };
    let encoder = StateEncoder::new(&schema, &encoder, 1, &mut streams.named("encoder"), &device);
    let mut critic = Critic::new(&config, &schema, &encoder, &[-1.5, -0.8], &streams, &device);
    let rewards = Rewards::by(Reward::default());
    let rule = TransitionRule { rewards, gamma: config.gamma, n_steps: config.n_steps, smoothing: None };
    let [mut draws, mut masks, mut noise] = ["draws", "masks", "noise"].map(|name| streams.named(name));
    let mut batch = TransitionBatch::default();
    for step in 0..=400 {
        replay.sample(512, 0.0, &mut draws, &mut batch);
        let transitions = rule.read(&reader, &batch, &mut policy, &mut noise);
        let done = critic.step(&transitions, &mut Pass::training(&mut masks), false);
        critic.soft_update();
        if step % 100 == 0 {
            println!("update {step}: TD loss {:.4}", done.td_loss());
        }
    }

    let q = host(critic.q_values(&reader.states(&rows), policy.tensor(&reader, &rows)));
    q.chunks(2).zip(&rows).take(5).for_each(|(q, row)| println!("row {}: Q {q:.3?}", row.0));
    let path = std::env::temp_dir().join("q_values.safetensors");
    let q = NamedTensor { shape: vec![rows.len(), 2], values: q };
    checkpoint::write(&path, &NamedTensors::from([("q".into(), q)]))?;
    println!("Q of all rows, [row, task]: {}", path.display());
    Ok(())
}
