//! The predictions a run keeps.

use rmtl::config::RunFile;
use rmtl::metric::{auc, logloss};
use rmtl::output::folder::RunFolder;
use rmtl::output::predictions::{Predictions, predictions_path};
use rmtl::output::report::TaskBlock;
use rmtl::trainer::Trainer;
use rmtl_envs::{Dataset, Split};

use crate::workbench::{Workbench, files};

#[test]
fn the_metrics_of_the_report_come_out_of_the_files_of_both_splits() {
    let bench = Workbench::new();
    let report = bench.train("run", &[]);
    for (split, actors) in [(Split::Validation, &report.validation), (Split::Test, &report.actors)] {
        let kept = Predictions::read(&predictions_path(&bench.path("run"), split)).unwrap();
        assert_eq!(kept.sessions.len() as u64, report.data.rows[split.name()]);
        assert_eq!(kept.n_sessions() as u64, report.data.sessions[split.name()]);
        let blocks: [(&str, &TaskBlock); 3] = [
            ("actor", &actors.tasks),
            ("baseline", actors.baseline.as_ref().unwrap()),
            ("equal_budget", actors.equal_budget.as_ref().unwrap()),
        ];
        assert_eq!(kept.actors.len(), blocks.len());
        for (actor, block) in blocks {
            for (task, metrics) in block {
                let (labels, predictions) = (&kept.labels[task], &kept.actors[actor][task]);
                assert_eq!(auc(labels, predictions), metrics.auc, "{split:?} {actor} {task}");
                assert_eq!(logloss(labels, predictions), metrics.logloss, "{split:?} {actor} {task}");
            }
        }
    }
}

#[test]
fn a_run_file_can_want_none() {
    let bench = Workbench::new();
    let short = ["weighting.equal={}", "schedule.two_stage.pretrain.max_epochs=1", "log.predictions=false"];
    bench.train("run", &short);
    let found = files(&bench.path("run"));
    assert!(!found.iter().any(|name| name.starts_with("predictions")), "{found:?}");
}

#[test]
fn where_they_cannot_be_written_the_report_says_so_and_is_there() {
    let bench = Workbench::new();
    let short = ["weighting.equal={}", "schedule.two_stage.pretrain.max_epochs=1"];
    let whole = bench.train("whole", &short);
    let config = RunFile::read(&bench.path("whole/run.toml"), &[]).unwrap();
    let dataset = Dataset::open(&bench.path("prepared")).unwrap();
    let folder = RunFolder::create(&bench.path("run")).unwrap();
    // A file in the way, as a full disk would be.
    std::fs::write(bench.path("run/predictions"), "").unwrap();
    let report = Trainer::new(&config, &dataset).unwrap().train(&folder).unwrap();
    let said: Vec<_> = report.warnings.iter().filter(|warning| warning.contains("predictions/")).collect();
    assert_eq!(said.len(), 2, "one for each split: {said:?}");
    assert_eq!((&report.actors, &report.validation), (&whole.actors, &whole.validation));
}
