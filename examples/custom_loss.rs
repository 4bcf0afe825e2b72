//! A loss term and a log destination of your own: confident predictions cost something, and what they cost is printed.
//!
//! `cargo run --release --no-default-features --features flex --example custom_loss`

use std::error::Error;
use std::io;
use std::path::Path;

use burn::tensor::Tensor;
use rmtl::config::{Override, RunFile};
use rmtl::launch;
use rmtl::log::{self, Sink, SinkSettings};
use rmtl_agents::loss::{self, LossInput, LossTerm, Setting};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `[losses.confidence]`: `strength · mean (p − ½)²`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Confidence {
    /// What it counts beside the tasks' losses.
    strength: f64,
}

impl LossTerm for Confidence {
    fn value(&self, input: &LossInput<'_>) -> Tensor<1> {
        (input.predictions.probabilities.clone() - 0.5).square().mean() * self.strength
    }

    fn check(&self, _setting: &Setting<'_>) -> Result<(), String> {
        let is_fine = (0.0..=1e6).contains(&self.strength);
        is_fine.then_some(()).ok_or_else(|| format!("`strength` is from 0 to 1e6; found {}", self.strength))
    }
}

/// `[log.sinks.printed]`: prints one curve.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Printed {
    /// The tags that are printed end with this.
    ending: String,
}

impl SinkSettings for Printed {
    fn open(&self, _run_folder: &Path) -> io::Result<Box<dyn Sink>> {
        Ok(Box::new(Printer(self.ending.clone())))
    }
}

struct Printer(String);

impl Sink for Printer {
    fn name(&self) -> &str {
        "printed"
    }

    fn scalar(&mut self, tag: &str, step: u64, value: f64) -> io::Result<()> {
        if tag.ends_with(&self.0) {
            println!("{step:>6}  {tag}  {value:.4}");
        }
        Ok(())
    }

    fn histogram(&mut self, _tag: &str, _step: u64, _values: &[f32]) -> io::Result<()> {
        Ok(())
    }

    fn text(&mut self, _tag: &str, _step: u64, _text: &str) -> io::Result<()> {
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    loss::register::<Confidence>("confidence", "predictions stay near one half");
    log::register::<Printed>("printed", "prints curves");
    let set = [
        "weighting.equal={}",
        "losses.confidence.strength=0.5",
        "log.sinks.printed.ending=confidence",
        "schedule.two_stage.pretrain.max_epochs=1",
    ];
    let set = set.into_iter().map(str::parse).collect::<Result<Vec<Override>, _>>()?;
    let config = RunFile::read(Path::new("configs/quickstart.toml"), &set)?;
    let out = tempfile::tempdir()?;
    launch::train_into(&out.path().join("run"), &config)?;
    Ok(())
}
