//! Study files and what is wrong with them.

use std::path::{Path, PathBuf};

use rmtl_agents::controller::{Agent, AgentConfig, AgentKind};
use rmtl_agents::stream::Streams;

use super::stub::Desk;
use crate::output::policy_file;
use crate::study::conduct::check;
use crate::study::runner::content_name;
use crate::study::{Method, Metric, Study, StudyFile};

fn parse(text: &str) -> crate::error::Result<StudyFile> {
    StudyFile::parse(text, Path::new("study.toml"))
}

const STUDY: &str = r#"
run = "run.toml"
seeds = [1, 2]
confirm_seeds = [11]
metric = "auc.click"
trials = 4

[arms.second]
set = ["optimizer.learning_rate = {a}"]
[arms.second.search]
method = "random"
space.a = { low = 0.1, high = 1, log = true }

[arms.equal]

[axes.backbone.wide]
set = ["backbone.shared_bottom.bottom = [8]"]
[axes.backbone.narrow]
set = ["backbone.shared_bottom.bottom = [2]"]
[axes.batch.small]
set = ["batch_size = 8"]
"#;

#[test]
fn a_study_file_says_what_is_run_in_its_order() {
    let file = parse(STUDY).unwrap();
    assert_eq!(file.arms.keys().collect::<Vec<_>>(), ["second", "equal"]);
    assert_eq!(file.metric, Metric::Auc("click".into()));
    assert_eq!((file.base(), file.table_seeds()), (Some("equal"), &[11][..]));
    let search = file.arms["second"].search.as_ref().unwrap();
    assert_eq!((search.method, file.trials("second", search).unwrap()), (Method::Random, 4));
    let cells = file.cells();
    let places: Vec<String> =
        cells.iter().map(|cell| cell.place.iter().map(|(_, value)| format!("{value} ")).collect()).collect();
    assert_eq!(places, ["wide small ", "narrow small "]);
    assert_eq!(cells[0].set, ["backbone.shared_bottom.bottom = [8]", "batch_size = 8"]);
}

#[test]
fn mistakes_are_named_with_what_was_meant() {
    let with = |from: &str, to: &str| {
        assert!(STUDY.contains(from), "{from}");
        parse(&STUDY.replace(from, to)).unwrap_err().to_string()
    };
    for (from, to, message) in [
        ("trials = 4", "trails = 4", "did you mean `trials`?"),
        ("metric = \"auc.click\"", "metric = \"auk\"", "no metric is called `auk`"),
        ("method = \"random\"", "method = \"rando\"", "did you mean `random`?"),
        ("low = 0.1", "lowest = 0.1", "did you mean `low`?"),
        ("[arms.equal]", "[arms.equal]\nsets = []", "did you mean `set`?"),
        ("trials = 4", "trials = 4\nbase = \"equl\"", "no arm is called `equl` (did you mean `equal`?)"),
        ("confirm_seeds = [11]", "confirm_seeds = [2]", "2 is one of `seeds`"),
        ("seeds = [1, 2]", "seeds = [1, 1]", "1 stands there twice"),
        ("seeds = [1, 2]", "seeds = []", "needs a seed"),
        ("{a}", "{b}", "no space of the arm's search is called `b`"),
        ("{a}", "0.5", "`{a}` stands in none"),
        ("{a}", "{a}\", \"seed = 3", "seeds are the study's"),
        ("low = 0.1", "low = 0", "above 0"),
        ("trials = 4", "", "how many settings?"),
        ("trials = 4", "trials = 0", "at least 1"),
        ("space.a", "trials = 5\nspace.a", "it tries 5 settings and the study 4"),
        ("method = \"random\"", "method = \"grid\"", "a grid needs `values`, or `steps`"),
    ] {
        let error = with(from, to);
        assert!(error.contains(message), "{to}: {error}");
    }
}

#[test]
fn arms_try_as_many_settings_as_each_other_unless_the_study_says_otherwise() {
    let arm = |name: &str, trials: &str| {
        format!(
            "[arms.{name}]\nset = [\"batch_size = {{n}}\"]\n[arms.{name}.search]\nmethod = \"random\"\n{trials}\n\
             space.n = {{ values = [1, 2, 3] }}\n"
        )
    };
    let study = |top: &str, one: &str, other: &str| {
        parse(&format!("run = \"run.toml\"\nseeds = [1]\n{top}\n{}{}", arm("one", one), arm("other", other)))
    };
    study("", "trials = 3", "trials = 3").unwrap();
    study("trials = 3", "", "trials = 3").unwrap();
    let error = study("", "trials = 3", "trials = 4").unwrap_err().to_string();
    assert!(error.contains("it tries 4 settings and arm `one` 3"), "{error}");
    assert!(study("trials = 3", "", "trials = 4").is_err());
    let file = study("same_trials = false", "trials = 3", "trials = 4").unwrap();
    let trials = |name: &str| file.trials(name, file.arms[name].search.as_ref().unwrap()).unwrap();
    assert_eq!((trials("one"), trials("other")), (3, 4));
    // A grid has as many as it has.
    let grid = |top: &str| {
        let text = format!("run = \"run.toml\"\nseeds = [1]\n{top}\n{}", arm("one", ""));
        parse(&text.replace("random", "grid"))
    };
    grid("").unwrap();
    grid("trials = 3").unwrap();
    let error = grid("trials = 4").unwrap_err().to_string();
    assert!(error.contains("the grid has 3 settings, and `trials` asks for 4"), "{error}");
    grid("trials = 4\nsame_trials = false").unwrap();
}

#[test]
fn a_misspelt_key_is_found_before_anything_runs() {
    let desk = Desk::new();
    let study = desk.study("seeds = [1]\n[arms.one]\nset = [\"optimizer.lerning_rate = 0.1\"]\n");
    let error = check(&study).unwrap_err().to_string();
    assert!(
        error.contains("[arms.one]") && error.contains("did you mean `optimizer.learning_rate`"),
        "{error}"
    );
}

#[test]
fn paths_in_a_study_start_at_its_folder() {
    let desk = Desk::new();
    let study = desk.study("seeds = [1]\nset = [\"data.dataset = other.toml\"]\n[arms.one]\n");
    let cells = study.file.cells();
    let point = crate::study::search::Point::only();
    let arm = ("one", &study.file.arms["one"]);
    let config = study.run_file(&cells[0], arm, &point, None, 7).unwrap();
    assert_eq!(config.data.dataset, desk.path().join("other.toml"));
    assert_eq!(config.seed, 7);
}

#[test]
fn a_run_is_named_by_settings_data_and_version_and_not_by_where_it_lies() {
    let desk = Desk::new();
    let read = |set: &[&str]| {
        let set: Vec<_> = set.iter().map(|text| text.parse().unwrap()).collect();
        let mut config = crate::config::RunFile::read(&desk.path().join("run.toml"), &set).unwrap();
        config.data.content_hash = Some("content".into());
        config
    };
    let name = |config: &_| content_name(config, "1").unwrap();
    let first = read(&[]);
    assert_eq!(name(&first).len(), 16);
    let mut moved = first.clone();
    moved.data.prepared = Some(PathBuf::from("/elsewhere"));
    moved.data.dataset = PathBuf::from("/elsewhere/dataset.toml");
    assert_eq!(name(&first), name(&moved));
    assert_eq!(name(&first), name(&read(&["batch_size=2048"])), "the default, written out");
    assert_ne!(name(&first), name(&read(&["batch_size=8"])));
    assert_ne!(name(&first), name(&read(&["seed=2"])));
    let mut other = first.clone();
    other.data.content_hash = Some("other".into());
    assert_ne!(name(&first), name(&other));
    assert_ne!(name(&first), content_name(&first, "2").unwrap());
    // A policy is what is in its file.
    let with_policy =
        |path: &str| read(&[&format!("weighting.controller.policy={:?}", desk.path().join(path))]);
    let write = |path: &str, seed: u64| {
        let agent = Agent::new(AgentKind::Td3, AgentConfig::default(), 2, &Streams::new(seed));
        policy_file::write(&desk.path().join(path), &agent.policy(10, 0.5, 3.0)).unwrap();
    };
    write("one", 1);
    write("other", 1);
    let learnt = name(&with_policy("one"));
    assert_eq!(learnt, name(&with_policy("other")));
    write("one", 2);
    assert_ne!(learnt, name(&with_policy("one")));
    assert!(content_name(&with_policy("nowhere"), "1").is_err());
}

#[test]
fn every_study_file_of_the_project_can_be_read_and_its_run_files_have_such_keys() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("configs/studies");
    let mut n_studies = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            let study = Study::read(&path).unwrap_or_else(|error| panic!("{error}"));
            check(&study).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            n_studies += 1;
        }
    }
    assert!(n_studies >= 5, "{n_studies}");
}
