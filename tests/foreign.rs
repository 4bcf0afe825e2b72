//! Parts of another crate: registered by name, trained under every schedule, written down in the run folder.

use std::io;
use std::path::Path;
use std::sync::Mutex;

use burn::module::{Module, ParamId, list_param_ids};
use burn::nn::Linear;
use burn::tensor::{Device, Tensor};
use rand::RngExt;
use rmtl::config::RunFile;
use rmtl::log::{self, Sink, SinkSettings};
use rmtl_agents::backbone::heads::flatten;
use rmtl_agents::backbone::{self, Backbone, Input, Predictions, ViewRole};
use rmtl_agents::interaction::InteractionConfig;
use rmtl_agents::layer::linear;
use rmtl_agents::loss::{self, LossInput, LossTerm, Setting};
use rmtl_agents::pass::Pass;
use rmtl_agents::policy::exploration::{self, Exploration, Explore};
use rmtl_agents::stream::Stream;
use rmtl_agents::weighting::{self, LossWeighting, WeightingInput, Weights};
use rmtl_envs::Row;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::workbench::{DATASET, RUN, Workbench};

/// A layer per task on a table set of its own, beside one that all share.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Split {
    penalty: f64,
}

#[derive(Module, Debug)]
struct SplitModel {
    shared: Linear,
    own: Vec<Linear>,
    #[module(skip)]
    penalty: f64,
}

impl backbone::Settings for Split {
    type Model = SplitModel;

    fn views(&self, n_tasks: usize) -> Vec<ViewRole> {
        std::iter::once(ViewRole::Shared).chain((0..n_tasks).map(ViewRole::Task)).collect()
    }

    fn init(&self, input: &Input, stream: &mut Stream, device: &Device) -> SplitModel {
        assert_eq!(input.tasks, ["click", "cart", "buy"]);
        assert_eq!(input.fields[0].name, "user");
        let mut layer = |width| linear(input.width(), width, stream, device);
        SplitModel {
            shared: layer(input.n_tasks()),
            own: (0..input.n_tasks()).map(|_| layer(1)).collect(),
            penalty: self.penalty,
        }
    }
}

impl Backbone for SplitModel {
    fn forward(&self, views: &[Tensor<3>], _pass: &mut Pass<'_>) -> Predictions {
        let own = self.own.iter().zip(&views[1..]).map(|(layer, view)| layer.forward(flatten(view)));
        let logits = self.shared.forward(flatten(&views[0])) + Tensor::cat(own.collect(), 1);
        let penalty = logits.clone().square().mean() * self.penalty;
        Predictions { auxiliary: vec![("large_logits", penalty)], ..Predictions::independent(logits) }
    }

    fn shared(&self) -> Vec<ParamId> {
        list_param_ids(&self.shared)
    }
}

/// Twice as much for the last task.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct LastTwice {}

impl weighting::Settings for LastTwice {
    fn init(&self, n_tasks: usize, _stream: Stream) -> Box<dyn LossWeighting> {
        struct Last(usize);
        impl LossWeighting for Last {
            fn weights(&mut self, _input: &WeightingInput) -> Weights {
                Weights::PerTask((0..self.0).map(|task| if task + 1 == self.0 { 2.0 } else { 1.0 }).collect())
            }
        }
        Box::new(Last(n_tasks))
    }
}

/// Now and then the opposite of what the actor predicts.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Contrary {
    share: f64,
}

impl exploration::Settings for Contrary {
    fn check(&self) -> Result<(), String> {
        if (0.0..=1.0).contains(&self.share) { Ok(()) } else { Err("`share` is no share".into()) }
    }

    fn init(&self, _n_tasks: usize, stream: Stream) -> Box<dyn Explore> {
        struct Draws(f64, Stream);
        impl Explore for Draws {
            fn explore(&mut self, _rows: &[Row], actions: &mut [f32]) {
                for action in actions {
                    if self.1.random_bool(self.0) {
                        *action = 1.0 - *action;
                    }
                }
            }
        }
        Box::new(Draws(self.share, stream))
    }
}

#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Confidence {
    strength: f64,
}

impl LossTerm for Confidence {
    fn value(&self, input: &LossInput<'_>) -> Tensor<1> {
        (input.predictions.probabilities.clone() - 0.5).square().mean() * self.strength
    }

    fn check(&self, _setting: &Setting<'_>) -> Result<(), String> {
        if self.strength >= 0.0 { Ok(()) } else { Err("`strength` is negative".into()) }
    }
}

/// Every scalar that any run has handed to the sink.
static SEEN: Mutex<Vec<String>> = Mutex::new(Vec::new());

#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Remember {
    is_full: bool,
}

impl SinkSettings for Remember {
    fn open(&self, run_folder: &Path) -> io::Result<Box<dyn Sink>> {
        if self.is_full {
            return Err(io::Error::other("there is no room"));
        }
        Ok(Box::new(Remembering(run_folder.file_name().unwrap().to_string_lossy().into_owned())))
    }
}

struct Remembering(String);

impl Sink for Remembering {
    fn name(&self) -> &str {
        "remember"
    }

    fn scalar(&mut self, tag: &str, _step: u64, _value: f64) -> io::Result<()> {
        SEEN.lock().unwrap().push(format!("{} {tag}", self.0));
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

fn run_file() -> String {
    backbone::register::<Split>("split", "a layer on shared tables and one on a task's own");
    weighting::register::<LastTwice>("last_twice", "the last task counts twice");
    loss::register::<Confidence>("confidence", "predictions stay near one half");
    exploration::register::<Contrary>("contrary", "now and then the opposite of the prediction");
    log::register::<Remember>("remember", "keeps tags");
    let parts = "[log.sinks.remember]\n[losses.confidence]\nstrength = 0.1\n";
    RUN.replace("[backbone.esmm]\nbottom = [32, 16]\ntower = [8]\n", "[backbone.split]\npenalty = 0.01\n")
        + parts
}

#[test]
fn parts_of_another_crate_train_under_every_schedule_and_are_written_down() {
    let bench = Workbench::with(DATASET, &run_file());
    let joint = "schedule.joint={pretrain={max_epochs=1}, training={max_epochs=1}}";
    let set: [(&str, &[&str]); 4] = [
        ("foreign-critic", &[]),
        ("foreign-joint", &[joint, "losses.policy_gradient={}"]),
        ("foreign-gradients", &["weighting.imtl={}"]),
        ("foreign-again", &[]),
    ];
    for (name, set) in set {
        let report = bench.train(name, set);
        assert_eq!(report.backbone, "split");
        assert!(
            report.actors.tasks["click"].auc.unwrap() > 0.55,
            "{name}: {:?}",
            report.actors.tasks["click"].auc
        );
        let metrics = bench.read(&format!("{name}/metrics.jsonl"));
        for tag in ["pretrain/loss_term/confidence", "pretrain/loss_term/large_logits"] {
            assert!(metrics.contains(&format!("\"{tag}\"")), "{name} logs {tag}");
        }
        assert!(SEEN.lock().unwrap().contains(&format!("{name} pretrain/loss/click")), "{name}");
        let written = RunFile::read(&bench.path(&format!("{name}/run.toml")), &[]).unwrap();
        assert_eq!(written.backbone.name(), "split");
        assert!(written.to_toml().unwrap().contains("penalty = 0.01"));
    }
    assert_eq!(bench.read("foreign-critic/metrics.jsonl"), bench.read("foreign-again/metrics.jsonl"));
}

#[test]
fn an_interaction_stands_below_any_backbone_under_every_schedule() {
    let bench = Workbench::with(DATASET, &run_file());
    let joint = "schedule.joint={pretrain={max_epochs=1}, training={max_epochs=1}}";
    // Five categorical fields and the numeric one, of 8; a view that all share and one per task.
    let (width, n_views) = (6 * 8, 4);
    let without = bench.train("interaction-none", &[]).parameters.dense;
    for (name, set, more) in [
        // A layer of three outputs and three of one read a field more.
        ("interaction-fm", &["interaction=fm", "ema=0.9"][..], 8 * 3 + 3 * 8),
        ("interaction-joint", &["interaction=cross", joint], n_views * 2 * (width * width + width)),
        (
            "interaction-gradients",
            &["interaction.cross={n_layers=1, rank=2}", "weighting.imtl={}"],
            n_views * (2 * width * 2 + width),
        ),
    ] {
        let report = bench.train(name, set);
        assert_eq!(report.parameters.dense, without + more, "{name}");
        let auc = report.actors.tasks["click"].auc.unwrap();
        assert!(auc > 0.55, "{name}: {auc}");
        let written = RunFile::read(&bench.path(&format!("{name}/run.toml")), &[]).unwrap();
        assert_ne!(written.interaction, InteractionConfig::None, "{name}");
    }
}

#[test]
fn a_weighting_of_another_crate_weighs() {
    let text = run_file().replace("[weighting.critic]\n", "[weighting.last_twice]\n");
    let bench = Workbench::with(DATASET, &text);
    let report = bench.train("foreign-weights", &[]);
    assert_eq!(report.weighting, "last_twice");
    let metrics = bench.read("foreign-weights/metrics.jsonl");
    let weight = |task: &str| {
        let line =
            metrics.lines().find(|line| line.contains(&format!("pretrain/weight_mean/{task}\""))).unwrap();
        serde_json::from_str::<serde_json::Value>(line).unwrap()["value"].as_f64().unwrap()
    };
    assert_eq!([weight("click"), weight("buy")], [1.0, 2.0]);
}

#[test]
fn an_exploration_of_another_crate_acts_under_both_schedules_and_is_written_down() {
    let bench = Workbench::with(DATASET, &run_file());
    assert!(Exploration::summaries().iter().any(|(name, _)| *name == "contrary"));
    let joint = "schedule.joint={pretrain={max_epochs=1}, training={max_epochs=1}}";
    let policy =
        |schedule: &str, share: f64| format!("schedule.{schedule}.collect.policy.contrary.share={share}");
    let two_stage = |share| policy("two_stage", share);
    for (name, set) in [
        ("contrary", vec![two_stage(0.5)]),
        ("contrary-again", vec![two_stage(0.5)]),
        ("contrary-redrawn", vec![two_stage(0.5), "replay.resample_actions=true".into()]),
        ("contrary-never", vec![two_stage(0.0)]),
        ("contrary-joint", vec![joint.into(), policy("joint", 0.5)]),
        ("contrary-joint-never", vec![joint.into(), policy("joint", 0.0)]),
    ] {
        bench.train(name, &set.iter().map(String::as_str).collect::<Vec<_>>());
        let written = RunFile::read(&bench.path(&format!("{name}/run.toml")), &[]).unwrap();
        assert_eq!(written.schedule.collect().policy.name(), "contrary");
        let share = if name.ends_with("never") { "share = 0.0" } else { "share = 0.5" };
        assert!(written.to_toml().unwrap().contains(&format!("collect.policy.contrary]\n{share}")), "{name}");
    }
    let metrics = |name: &str| bench.read(&format!("{name}/metrics.jsonl"));
    assert_eq!(metrics("contrary"), metrics("contrary-again"));
    let reward = |name: &str| {
        let metrics = metrics(name);
        let line = metrics.lines().find(|line| line.contains("collect/reward_mean/click")).unwrap();
        serde_json::from_str::<serde_json::Value>(line).unwrap()["value"].as_f64().unwrap()
    };
    for (acts, never) in [("contrary", "contrary-never"), ("contrary-joint", "contrary-joint-never")] {
        assert!(reward(acts) < reward(never), "{} {}", reward(acts), reward(never));
    }
    assert_ne!(metrics("contrary"), metrics("contrary-redrawn"));
}

#[test]
fn a_log_destination_that_cannot_be_had_leaves_no_folder() {
    let bench = Workbench::with(DATASET, &(run_file().replace("remember]\n", "remember]\nis_full = true\n")));
    let error = bench.try_train("run", &[]).unwrap_err().to_string();
    assert!(error.contains("there is no room"), "{error}");
    assert!(!bench.path("run").exists());
}

#[test]
fn mistakes_in_their_settings_are_found_where_they_are() {
    for (from, to, said) in [
        ("penalty = 0.01", "penlty = 0.01", "did you mean `penalty`?"),
        ("[losses.confidence]", "[losses.confidense]", "did you mean `confidence`?"),
        ("[backbone.split]", "[backbone.splitt]", "did you mean `split`?"),
        ("[log.sinks.remember]", "[log.sinks.remembr]", "did you mean `remember`?"),
        ("strength = 0.1", "strength = -1.0", "[losses.confidence]: `strength` is negative"),
        ("[log.sinks.remember]", "[schedule.two_stage.collect.policy.contary]", "did you mean `contrary`?"),
        (
            "[log.sinks.remember]",
            "[schedule.two_stage.collect.policy.contrary]\nshar = 0.1",
            "did you mean `share`?",
        ),
        (
            "[log.sinks.remember]",
            "[schedule.two_stage.collect.policy.contrary]\nshare = 2.0",
            "`collect.policy.contrary`: `share` is no share",
        ),
    ] {
        let bench = Workbench::with(DATASET, &run_file().replace(from, to));
        let error = bench.try_train("run", &[]).unwrap_err().to_string();
        assert!(error.contains(said), "{to}: {error}");
    }
}
