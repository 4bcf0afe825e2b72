//! The shipped run files on real logs, where they are at hand.

use std::path::{Path, PathBuf};

use rmtl::cli::{DataArguments, TrainArguments, train};
use rmtl::interrupt::Interrupt;
use rmtl::log::Console;

/// `$RMTL_DATA_DIR/<name>` or `../shared/data/<name>`; says why where neither is there.
fn log(name: &str) -> Option<PathBuf> {
    let root =
        std::env::var_os("RMTL_DATA_DIR").map_or_else(|| PathBuf::from("../shared/data"), PathBuf::from);
    let path = root.join(name);
    if path.is_dir() {
        return Some(path);
    }
    println!("skipped: {} is not there; set RMTL_DATA_DIR to the folder that holds {name}", path.display());
    None
}

fn run(run_file: &str, root: &Path, set: &[&str]) -> Option<rmtl::output::report::Report> {
    let folder = tempfile::tempdir().unwrap();
    let prepared = format!("data.prepared={:?}", folder.path().join("prepared"));
    let overrides =
        set.iter().copied().chain([prepared.as_str()]).map(|text| text.parse().unwrap()).collect();
    let arguments = TrainArguments {
        run_file: run_file.into(),
        overrides,
        out: None,
        data: DataArguments { root: Some(root.into()), prepared: None },
        device: None,
        quiet: true,
    };
    Some(train(&arguments, &folder.path().join("run"), Console::quiet(), Interrupt::default()).unwrap())
}

#[test]
fn kuairand_esmm_learns_in_one_epoch() {
    let Some(root) = log("kuairand_pure") else { return };
    let set =
        ["schedule.two_stage.pretrain.max_epochs=1", "backbone.esmm.bottom=[128, 64]", "batch_size=512"];
    let report = run("configs/kuairand/esmm_equal.toml", &root, &set).unwrap();
    let total: u64 = report.data.rows.values().sum();
    assert_eq!(total, 228_329);
    let click = report.actors.tasks["click"].auc.unwrap();
    assert!(click > 0.70, "click AUC {click} after one epoch");
}

#[test]
fn retailrocket_runs_through_every_phase() {
    let Some(root) = log("retailrocket_buyers") else {
        return;
    };
    let set = [
        "schedule.two_stage.pretrain.max_epochs=1",
        "schedule.two_stage.weighted.max_epochs=1",
        "schedule.two_stage.critics.max_steps=20",
        "backbone.shared_bottom.bottom=[64]",
        "critic.bottom=[64]",
        "encoder.dim=8",
    ];
    let report = run("configs/retailrocket/mmoe_critic.toml", &root, &set).unwrap();
    assert!(report.actors.tasks["buy"].positives > 0);
    assert!(report.actors.equal_budget.is_some());
}
