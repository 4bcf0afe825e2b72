//! A log that a program already has in memory: a table of rows and a dataset file without SQL become a prepared dataset, and
//! a trainer takes it from there.
//!
//! `cargo run --release --no-default-features --features flex --example in_memory_log`

use std::error::Error;
use std::path::Path;
use std::sync::Arc;

use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use rmtl::config::{Override, RunFile};
use rmtl::output::folder::RunFolder;
use rmtl::trainer::Trainer;
use rmtl_envs::Cancel;
use rmtl_ingest::{DatasetFile, prepare_rows};

const DATASET: &str = r#"
name = "in_memory"
session = { key = "user", gap = 1800 }
time = "time"
categorical = ["user", "item"]
tasks = [{ name = "click", label = "click" }, { name = "buy", label = "buy", after = "click" }]
split = { kind = "time_ratio", ratios = [6, 2, 2] }
"#;

/// 20,000 views, ten minutes apart; even items are clicked more often, every third click buys.
fn log() -> Result<RecordBatch, Box<dyn Error>> {
    let rows = 0..20_000_i64;
    let item = |row: i64| (row * 7919) % 50;
    let clicked = |row: i64| (row * 104_729) % 10 < if item(row) % 2 == 0 { 6 } else { 2 };
    let bought = |row: i64| clicked(row) && (row * 15_485_863) % 3 == 0;
    let text = |of: &dyn Fn(i64) -> String| -> ArrayRef {
        Arc::new(rows.clone().map(|row| Some(of(row))).collect::<StringArray>())
    };
    let whole =
        |of: &dyn Fn(i64) -> i64| -> ArrayRef { Arc::new(rows.clone().map(of).collect::<Int64Array>()) };
    Ok(RecordBatch::try_from_iter([
        ("user", text(&|row| format!("user {}", row % 97))),
        ("item", text(&|row| format!("item {}", item(row)))),
        ("time", whole(&|row| 600 * (row / 97) + row % 97)),
        ("click", whole(&|row| i64::from(clicked(row)))),
        ("buy", whole(&|row| i64::from(bought(row)))),
    ])?)
}

fn main() -> Result<(), Box<dyn Error>> {
    let out = tempfile::tempdir()?;
    let file = DatasetFile::parse(DATASET, Path::new("in_memory.toml"))?;
    let prepared = prepare_rows(&file, &log()?, &out.path().join("prepared"), &|_| {}, &Cancel::default())?;

    let set = ["weighting.critic.lambda=0.3", "schedule.two_stage.critics.max_steps=50", "batch_size=512"];
    let set = set.into_iter().map(str::parse).collect::<Result<Vec<Override>, _>>()?;
    let config = RunFile::read(Path::new("configs/quickstart.toml"), &set)?;
    let folder = RunFolder::create(&out.path().join("run"))?;
    let report = Trainer::new(&config, &prepared.dataset)?.train(&folder)?;
    println!("{}", report.actors.to_table(&report.weighting));
    Ok(())
}
