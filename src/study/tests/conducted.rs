//! Studies whose runs are functions of their settings.

use super::stub::{Desk, Stub, rate};
use crate::study::{Outcome, Purpose};

/// One arm that chooses among three settings, and one that does not.
const GRID: &str = r#"
seeds = [1, 2]
confirm_seeds = [11, 12]
[arms.equal]
set = ["optimizer.learning_rate = 0.5"]
[arms.tuned]
set = ["optimizer.learning_rate = {a}"]
[arms.tuned.search]
method = "grid"
space.a = { values = [0.1, 0.3, 0.2] }
"#;

const PAIR: &str = r#"
seeds = [1, 2, 3]
[arms.equal]
set = ["optimizer.learning_rate = 0.5"]
[arms.other]
set = ["optimizer.learning_rate = 0.7"]
"#;

fn chosen(outcome: &Outcome) -> &str {
    &outcome.arms.iter().find(|arm| arm.name == "tuned").unwrap().chosen[0].1
}

#[test]
fn the_best_on_validation_is_chosen_and_confirmed_alone() {
    let (desk, stub) = (Desk::new(), Stub::default());
    let outcome = desk.conduct(GRID, &stub).unwrap();
    assert_eq!(chosen(&outcome), "0.3");
    let expected = [
        (0.1, 1),
        (0.1, 2),
        (0.2, 1),
        (0.2, 2),
        (0.3, 1),
        (0.3, 2),
        (0.3, 11),
        (0.3, 12),
        (0.5, 11),
        (0.5, 12),
    ];
    assert_eq!(stub.ran(), expected);
    let tuned = &outcome.arms[1];
    assert_eq!((tuned.name.as_str(), tuned.trials), ("tuned", 3));
    assert_eq!(tuned.seeds.iter().map(|run| run.seed).collect::<Vec<_>>(), [11, 12]);
    assert_eq!((tuned.seeds[0].test[0].auc, tuned.seeds[0].seconds), (Some(0.3), 2.5));
}

#[test]
fn test_is_never_read_for_a_choice() {
    let as_it_is = Desk::new().conduct(GRID, &Stub::default()).unwrap();
    let reversed = Stub { test: |config| 1.0 - rate(config), ..Stub::default() };
    let outcome = Desk::new().conduct(GRID, &reversed).unwrap();
    assert_eq!(chosen(&outcome), chosen(&as_it_is));
    let first_test = |outcome: &Outcome| outcome.arms[1].seeds[0].test[0].auc;
    assert_eq!((first_test(&as_it_is), first_test(&outcome)), (Some(0.3), Some(0.7)), "the table shows it");
    // The control: what validation says does change it.
    let other = Stub { validation: |config| 1.0 - rate(config), ..Stub::default() };
    assert_eq!(chosen(&Desk::new().conduct(GRID, &other).unwrap()), "0.1");
    // And nobody who looks through the runs of a choice finds test numbers.
    let of_choice = outcome.records.iter().filter(|record| record.purpose != Purpose::Table);
    assert!(of_choice.clone().all(|record| record.test.is_empty()) && of_choice.count() == 6);
}

#[test]
fn tpe_chooses_by_validation_alone_as_well() {
    let text = GRID
        .replace("\"grid\"", "\"tpe\"\ntrials = 12")
        .replace("values = [0.1, 0.3, 0.2]", "low = 0.1, high = 0.9");
    let tried = |stub: &Stub| {
        Desk::new().conduct(&text, stub).map(|outcome| (chosen(&outcome).to_owned(), stub.ran())).unwrap()
    };
    let reversed = Stub { test: |config| 1.0 - rate(config), ..Stub::default() };
    assert_eq!(tried(&Stub::default()), tried(&reversed));
}

#[test]
fn without_seeds_to_confirm_the_table_has_the_runs_of_the_choice() {
    let (desk, stub) = (Desk::new(), Stub::default());
    let outcome = desk.conduct(&GRID.replace("confirm_seeds = [11, 12]", ""), &stub).unwrap();
    assert_eq!(stub.ran().len(), 8, "nothing is trained twice");
    assert_eq!(outcome.arms[1].seeds.iter().map(|run| run.seed).collect::<Vec<_>>(), [1, 2]);
}

#[test]
fn a_failure_is_reported_and_the_others_go_on() {
    let stub = Stub { fails: |config| rate(config) == 0.7 && config.seed == 2, ..Stub::default() };
    let outcome = Desk::new().conduct(PAIR, &stub).unwrap();
    let n_seeds: Vec<usize> = outcome.arms.iter().map(|arm| arm.seeds.len()).collect();
    assert_eq!(n_seeds, [3, 2]);
    assert_eq!(outcome.failures.len(), 1);
    let failure = &outcome.failures[0];
    assert_eq!((failure.arm.as_str(), failure.seed), ("other", 2));
    assert!(failure.reason.contains("the loss is NaN"));
}

#[test]
fn a_setting_that_fails_with_one_seed_is_not_chosen() {
    let stub = Stub { fails: |config| rate(config) == 0.3 && config.seed == 2, ..Stub::default() };
    let outcome = Desk::new().conduct(GRID, &stub).unwrap();
    assert_eq!(chosen(&outcome), "0.2");
}

#[test]
fn an_arm_all_of_whose_settings_fail_has_a_line_without_runs() {
    let stub = Stub { fails: |config| rate(config) < 0.4, ..Stub::default() };
    let desk = Desk::new();
    let outcome = desk.conduct(GRID, &stub).unwrap();
    assert!(outcome.arms[1].seeds.is_empty());
    assert_eq!(outcome.choices[0].chosen, None);
    let folder = tempfile::tempdir().unwrap();
    let file = desk.study(GRID).file;
    crate::study::write_pages(folder.path(), "grid", &file, &outcome).unwrap();
    let page = std::fs::read_to_string(folder.path().join("table.md")).unwrap();
    assert!(page.contains("Nothing was chosen by the mean AUC for tuned:"), "{page}");
    assert_eq!(outcome.arms[0].seeds.len(), 2);
}

#[test]
fn finished_runs_are_taken_and_broken_ones_trained_again() {
    let desk = Desk::new();
    assert_eq!(desk.conduct(PAIR, &Stub::default()).unwrap().n_trained, 6);
    let again = Stub::default();
    let outcome = desk.conduct(PAIR, &again).unwrap();
    assert_eq!((outcome.n_trained, again.ran().len()), (0, 0));
    assert_eq!(outcome.arms[0].seeds.len(), 3);
    let reports = desk.reports();
    assert_eq!(reports.len(), 6);
    std::fs::write(&reports[0], "{ \"data\":").unwrap();
    std::fs::remove_file(&reports[1]).unwrap();
    assert_eq!(desk.conduct(PAIR, &Stub::default()).unwrap().n_trained, 2);
    // Other data, other runs; the ones before stay.
    let other = Stub { content: "other", ..Stub::default() };
    assert_eq!(desk.conduct(PAIR, &other).unwrap().n_trained, 6);
    assert_eq!(desk.reports().len(), 12);
    // Another setting for one arm, runs of the other are taken.
    let changed = PAIR.replace("0.7", "0.8");
    assert_eq!(desk.conduct(&changed, &Stub::default()).unwrap().n_trained, 3);
}

#[test]
fn a_run_that_still_goes_on_ends_the_study_and_counts_as_no_failure() {
    let desk = Desk::new();
    desk.conduct(PAIR, &Stub::default()).unwrap();
    let report = desk.reports().remove(0);
    std::fs::remove_file(&report).unwrap();
    let lock = rmtl_files::Lock::try_at(&report.with_file_name(".lock")).unwrap().unwrap();
    let error = desk.conduct(PAIR, &Stub::default()).unwrap_err().to_string();
    assert!(error.contains("another run is going on in it"), "{error}");
    drop(lock);
    assert_eq!(desk.conduct(PAIR, &Stub::default()).unwrap().n_trained, 1);
}

#[test]
fn a_policy_that_was_learnt_anew_makes_another_run() {
    use rmtl_agents::controller::{Agent, AgentConfig, AgentKind};
    use rmtl_agents::stream::Streams;

    let desk = Desk::new();
    let learn = |seed| {
        let agent = Agent::new(AgentKind::Td3, AgentConfig::default(), 2, &Streams::new(seed));
        let path = desk.path().join("p.safetensors");
        crate::output::policy_file::write(&path, &agent.policy(10, 0.5, 3.0)).unwrap();
    };
    let text = "seeds = [1]\n[arms.equal]\n[arms.steered]\nset = [\"weighting.controller.policy = p.safetensors\"]\n";
    let n_trained = |stub: &Stub| desk.conduct(text, stub).unwrap().n_trained;
    // Without the file the arm fails, and the other does not.
    let outcome = desk.conduct(text, &Stub::default()).unwrap();
    assert_eq!((outcome.n_trained, outcome.failures.len()), (1, 1));
    assert!(outcome.failures[0].reason.contains("p.safetensors"), "{:?}", outcome.failures);
    learn(1);
    let stub = Stub::default();
    assert_eq!(n_trained(&stub), 1);
    let policy = |config: &crate::config::RunFile| config.weighting.policy().map(std::path::Path::to_owned);
    let path = desk.path().join("p.safetensors");
    assert_eq!(stub.count(|config| policy(config).as_ref() == Some(&path)), 1, "from anywhere");
    // The same one, written anew; and another one.
    learn(1);
    assert_eq!(n_trained(&Stub::default()), 0);
    learn(2);
    assert_eq!(n_trained(&Stub::default()), 1);
}

#[test]
fn a_run_with_a_checkpoint_keeps_its_folder_and_one_without_is_begun_anew() {
    use crate::output::milestone::{Milestone, write};

    let desk = Desk::new();
    desk.conduct(PAIR, &Stub::default()).unwrap();
    let reports = desk.reports();
    for (index, report) in reports[..3].iter().enumerate() {
        let folder = report.parent().unwrap();
        for file in ["run.toml", "mine"] {
            std::fs::write(folder.join(file), "").unwrap();
        }
        if index < 2 {
            write(folder, 0, 2, &mut Milestone::default()).unwrap();
        }
        std::fs::remove_file(report).unwrap();
    }
    // A checkpoint that is damaged is none.
    std::fs::write(reports[1].parent().unwrap().join("checkpoint/0.json"), "").unwrap();
    let again = Stub::default();
    assert_eq!(desk.conduct(PAIR, &again).unwrap().n_trained, 3);
    let is_kept = |index: usize| reports[index].parent().unwrap().join("mine").exists();
    assert_eq!([0, 1, 2].map(is_kept), [true, false, false]);
}

#[test]
fn a_failed_run_is_tried_again_by_the_next_study() {
    let desk = Desk::new();
    let stub = Stub { fails: |config| config.seed == 2, ..Stub::default() };
    assert_eq!(desk.conduct(PAIR, &stub).unwrap().failures.len(), 2);
    let outcome = desk.conduct(PAIR, &Stub::default()).unwrap();
    assert_eq!((outcome.n_trained, outcome.failures.len()), (2, 0));
}

#[test]
fn an_interrupted_study_goes_on_where_it_was() {
    let desk = Desk::new();
    let stub = Stub { ends_after: 4, ..Stub::default() };
    assert!(desk.conduct(GRID, &stub).unwrap_err().is_interrupt());
    assert_eq!(stub.ran().len(), 4);
    let rest = Stub::default();
    let outcome = desk.conduct(GRID, &rest).unwrap();
    assert_eq!(rest.ran().len(), 6, "of 10");
    assert!(rest.ran().iter().all(|run| !stub.ran().contains(run)));
    assert_eq!(chosen(&outcome), "0.3");
}

#[test]
fn arms_with_the_same_settings_share_their_runs_and_a_missing_actor_is_told() {
    let text = format!(
        "{}[arms.budget]\nset = [\"optimizer.learning_rate = 0.7\"]\nactor = \"equal-budget\"\n",
        PAIR
    );
    let stub = Stub::default();
    let outcome = Desk::new().conduct(&text, &stub).unwrap();
    assert_eq!(stub.ran().len(), 6);
    assert!(outcome.arms[2].seeds.is_empty());
    assert_eq!(outcome.failures.len(), 3);
    assert!(outcome.failures[0].reason.contains("no actor `equal-budget`"));
}

#[test]
fn settings_that_do_not_go_together_are_told_and_the_others_run() {
    let text = PAIR.replace("optimizer.learning_rate = 0.7", "batch_size = 0");
    let stub = Stub::default();
    let outcome = Desk::new().conduct(&text, &stub).unwrap();
    assert_eq!(stub.ran().len(), 3);
    assert!(outcome.failures[0].reason.contains("[batch_size]"), "{}", outcome.failures[0].reason);
}

#[test]
fn a_choice_by_a_task_that_is_not_there_ends_a_study_before_anything_runs() {
    let stub = Stub::default();
    let error =
        Desk::new().conduct(&format!("metric = \"auc.clik\"\n{GRID}"), &stub).unwrap_err().to_string();
    assert!(error.contains("[metric]") && error.contains("`clik` (did you mean `click`?)"), "{error}");
    assert_eq!(stub.ran().len(), 0);
    Desk::new().conduct(&format!("metric = \"auc.click\"\n{GRID}"), &stub).unwrap();
    // Where nothing is chosen it has no say.
    Desk::new().conduct(&format!("metric = \"auc.clik\"\n{PAIR}"), &stub).unwrap();
}

#[test]
fn every_cell_of_the_axes_has_every_arm() {
    let axes =
        "[axes.batch.small]\nset = [\"batch_size = 8\"]\n[axes.batch.large]\nset = [\"batch_size = 64\"]\n";
    let stub = Stub::default();
    let outcome = Desk::new().conduct(&format!("{PAIR}{axes}"), &stub).unwrap();
    let lines: Vec<String> =
        outcome.arms.iter().map(|arm| format!("{} {}", arm.cell[0].1, arm.name)).collect();
    assert_eq!(lines, ["small equal", "small other", "large equal", "large other"]);
    assert_eq!((stub.count(|config| config.batch_size == 8), stub.ran().len()), (6, 12));
}

#[test]
fn halving_runs_the_better_half_in_full_and_confirms_without_it() {
    let halving = "halving = [{ set = [\"schedule.two_stage.pretrain.max_epochs = 1\"], keep = 0.5 }]\n";
    let text = format!("{halving}{}", GRID.replace("[0.1, 0.3, 0.2]", "[0.1, 0.3, 0.2, 0.05]"));
    let is_short = |config: &crate::config::RunFile| {
        config.to_toml().unwrap().lines().any(|line| line.trim() == "max_epochs = 1")
    };
    let stub = Stub::default();
    let outcome = Desk::new().conduct(&text, &stub).unwrap();
    assert_eq!(stub.count(is_short), 8, "four settings with two seeds");
    assert_eq!(
        stub.count(|config| !is_short(config) && rate(config) < 0.4),
        6,
        "two with two, the chosen one with two more"
    );
    assert_eq!(chosen(&outcome), "0.3");
    assert_eq!(stub.count(|config| is_short(config) && config.seed > 10), 0);
}
