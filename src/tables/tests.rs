//! Numbers by hand.

use std::path::PathBuf;

use rmtl_envs::Split;

use super::{Against, Cell, Comparison, Metric, Settings};
use crate::statistics::Verdict;
use crate::tables::{ArmRuns, SeedRun, TaskScores};

/// Task, AUC and logloss.
type Scores<'a> = [(&'a str, f64, f64)];

fn run(seed: u64, scores: &Scores<'_>) -> SeedRun {
    let of = |(task, auc, logloss): &(&str, f64, f64)| TaskScores {
        task: (*task).into(),
        auc: Some(*auc),
        logloss: Some(*logloss),
    };
    let test = scores.iter().map(of).collect();
    // Another number on validation, so that a mistaken split shows.
    let validation = vec![TaskScores { task: "click".into(), auc: Some(0.9), logloss: Some(0.9) }];
    SeedRun { seed, folder: PathBuf::new(), seconds: 60.0, test, validation }
}

fn arm(name: &str, seeds: Vec<SeedRun>) -> ArmRuns {
    ArmRuns { name: name.into(), cell: vec![], actor: "final".into(), chosen: vec![], trials: 0, seeds }
}

/// An arm of one task, `click`, with seeds from 1.
fn clicks(name: &str, aucs: &[f64], loglosses: &[f64]) -> ArmRuns {
    let of = |((seed, auc), logloss): ((u64, &f64), &f64)| run(seed, &[("click", *auc, *logloss)]);
    arm(name, (1..).zip(aucs).zip(loglosses).map(of).collect())
}

fn compared(arms: &[ArmRuns], base: &str) -> Comparison {
    Comparison::of(arms, &Settings { n_resamples: 0, ..Settings::of(base, Split::Test) }).unwrap()
}

fn against(cell: &Cell, arm: usize, metric: Metric) -> &Against {
    cell.arms[arm].figure(Some("click"), metric).against.as_ref().unwrap()
}

fn is_near(found: f64, expected: f64) -> bool {
    (found - expected).abs() < 1e-6
}

const LOSSES: [f64; 3] = [0.6, 0.6, 0.6];

#[test]
fn a_difference_over_three_seeds_and_its_correction_for_two_arms() {
    let base = clicks("base", &[0.70, 0.71, 0.72], &LOSSES);
    // Differences .01, .02, .03, and .01, .011, .012: t² = 12 and 363; with two degrees of freedom p = 1 − t / √(t² + 2).
    let unclear = clicks("unclear", &[0.71, 0.73, 0.75], &LOSSES);
    let better = clicks("better", &[0.71, 0.721, 0.732], &LOSSES);
    let found = compared(&[base, unclear, better], "base");
    let cell = &found.cells[0];
    let spread = cell.arms[1].figure(Some("click"), Metric::Auc).spread.unwrap();
    assert!(is_near(spread.mean, 0.73) && is_near(spread.std.unwrap(), 0.02) && spread.n == 3);

    let of = against(cell, 1, Metric::Auc);
    let paired = of.paired.unwrap();
    assert!(
        is_near(of.difference, 0.02) && is_near(paired.std, 0.01) && is_near(paired.effect.unwrap(), 2.0)
    );
    // t(.975, 2) = 4.302653.
    let half = 4.302_653 * 0.01 / 3.0_f64.sqrt();
    assert!(is_near(paired.interval[0], 0.02 - half) && is_near(paired.interval[1], 0.02 + half));
    let (p, of_better) = (1.0 - (12.0_f64 / 14.0).sqrt(), 1.0 - (363.0_f64 / 365.0).sqrt());
    assert!(is_near(paired.p, p) && is_near(of.p_holm.unwrap(), p), "the larger of two is as it is");
    assert!(
        is_near(against(cell, 2, Metric::Auc).p_holm.unwrap(), 2.0 * of_better),
        "the smaller counts twice"
    );
    assert_eq!((of.verdict, against(cell, 2, Metric::Auc).verdict), (Verdict::CannotBeTold, Verdict::Better));
    // (.73 − ½) / (.71 − ½) − 1, and .73 / .71 − 1; ten deviations' worth of seeds: about (1.963 + .842)² · 100.
    assert!(
        is_near(of.rela_impr.unwrap(), 0.23 / 0.21 - 1.0) && is_near(of.gain.unwrap(), 0.73 / 0.71 - 1.0)
    );
    assert!((785..=790).contains(&of.seeds_needed.unwrap()), "{:?}", of.seeds_needed);
    assert_eq!((of.wilcoxon, of.both), (None, None));
    assert!(
        cell.arms[0].figures.iter().all(|figure| figure.against.is_none()),
        "the base is not against itself"
    );
}

#[test]
fn a_lower_logloss_is_better_and_a_lower_auc_worse() {
    let base = clicks("base", &[0.7, 0.7, 0.7], &[0.6, 0.6, 0.6]);
    let low = clicks("low", &[0.69, 0.689, 0.688], &[0.59, 0.589, 0.588]);
    let high = clicks("high", &[0.71, 0.711, 0.712], &[0.61, 0.611, 0.612]);
    let found = compared(&[base, low, high], "base");
    let verdict = |arm, metric| against(&found.cells[0], arm, metric).verdict;
    assert_eq!((verdict(1, Metric::Auc), verdict(1, Metric::Logloss)), (Verdict::Worse, Verdict::Better));
    assert_eq!((verdict(2, Metric::Auc), verdict(2, Metric::Logloss)), (Verdict::Better, Verdict::Worse));
    assert_eq!(against(&found.cells[0], 1, Metric::Logloss).rela_impr, None, "it is of AUCs");
}

#[test]
fn differences_are_paired_over_the_seeds_that_both_have() {
    let base = clicks("base", &[0.70, 0.80], &[0.6, 0.6]);
    let mut other = clicks("other", &[0.71, 0.10, 0.9], &LOSSES);
    other.seeds[1].seed = 7;
    let found = compared(&[base, other], "base");
    let of = against(&found.cells[0], 1, Metric::Auc);
    assert!(of.seeds == 1 && is_near(of.difference, 0.01));
}

#[test]
fn one_seed_has_no_interval_and_the_table_says_so() {
    let found = compared(&[clicks("base", &[0.7], &[0.6]), clicks("other", &[0.8], &[0.5])], "base");
    let of = against(&found.cells[0], 1, Metric::Auc);
    assert_eq!((of.paired, of.p_holm, of.seeds_needed), (None, None, None));
    assert_eq!(of.words(), "cannot be told (one seed)");
    let page = found.to_markdown();
    let row = page.lines().find(|line| line.contains("+0.1000")).unwrap();
    assert!(row.contains("one seed") && row.contains("cannot be told (one seed)"), "{page}");
}

#[test]
fn six_seeds_have_signed_ranks() {
    let base = clicks("base", &[0.7; 6], &[0.6; 6]);
    let other = clicks("other", &[0.71, 0.72, 0.73, 0.74, 0.75, 0.76], &[0.6; 6]);
    let found = compared(&[base, other], "base");
    assert_eq!(against(&found.cells[0], 1, Metric::Auc).wilcoxon, Some(2.0 / 64.0));
    assert_eq!(against(&found.cells[0], 1, Metric::Logloss).wilcoxon, None, "no difference is no rank");
}

#[test]
fn an_arm_without_a_task_has_no_mean_to_compare() {
    let whole = |seed| run(seed, &[("click", 0.7, 0.6), ("buy", 0.8, 0.1)]);
    let base = arm("base", vec![whole(1), whole(2)]);
    let part = arm("part", vec![run(1, &[("click", 0.75, 0.6)]), run(2, &[("click", 0.75, 0.6)])]);
    let found = compared(&[base, part], "base");
    let [base, part] = found.cells[0].arms.as_slice() else { panic!("two arms") };
    assert!(is_near(base.figure(None, Metric::Auc).spread.unwrap().mean, 0.75));
    assert_eq!(part.figure(None, Metric::Auc).spread, None);
    assert_eq!(part.figure(Some("buy"), Metric::Auc).against, None);
    assert!(is_near(part.figure(Some("click"), Metric::Auc).against.as_ref().unwrap().difference, 0.05));
    assert_eq!((part.is_on_front, base.is_on_front), (Some(false), Some(true)));
    assert!(
        found.to_markdown().contains("undefined") && found.to_latex().contains("part & \\textbf{0.7500}")
    );
}

#[test]
fn a_task_of_one_class_counts_in_no_mean() {
    let of = |seed, rare| run(seed, &[("click", 0.7, 0.6), ("rare", rare, 0.2)]);
    let mean = |arms: &[ArmRuns], arm: usize| {
        compared(arms, "a").cells[0].arms[arm].figure(None, Metric::Auc).spread.map(|spread| spread.mean)
    };
    let undefined = [arm("a", vec![of(1, f64::NAN)]), arm("b", vec![of(1, f64::NAN)])];
    assert!(is_near(mean(&undefined, 0).unwrap(), 0.7));
    // Where another arm has it, a mean without it would be of other tasks.
    let of_one = [arm("a", vec![of(1, f64::NAN)]), arm("b", vec![of(1, 0.9)])];
    assert_eq!(mean(&of_one, 0), None);
    assert!(is_near(mean(&of_one, 1).unwrap(), 0.8));
}

#[test]
fn gains_over_single_tasks_and_the_front() {
    let of = |name, click, buy| arm(name, vec![run(1, &[("click", click, 0.6), ("buy", buy, 0.1)])]);
    let arms = [of("single_task", 0.7, 0.6), of("a", 0.77, 0.6), of("b", 0.6, 0.7)];
    let found = compared(&arms, "single_task");
    let cell = &found.cells[0];
    // +10 % and 0; −1/7 and +1/6.
    let expected = [0.0, 5.0, 50.0 * (1.0 / 6.0 - 1.0 / 7.0)];
    cell.arms
        .iter()
        .zip(expected)
        .for_each(|(arm, of)| assert!(is_near(arm.delta_m.unwrap(), of), "{arm:?}"));
    let front: Vec<_> = cell.arms.iter().map(|arm| arm.is_on_front).collect();
    assert_eq!(front, [Some(false), Some(true), Some(true)]);
    // .27 · .1 and above it .1 · .1. Without `a`: .2 · .1 and above it .1 · .1.
    assert!(is_near(cell.hypervolume.unwrap(), 0.037));
    let adds: Vec<f64> = cell.arms.iter().map(|arm| arm.adds_volume.unwrap()).collect();
    assert!(is_near(adds[0], 0.0) && is_near(adds[1], 0.007) && is_near(adds[2], 0.01), "{adds:?}");
    let alone = compared(&arms[1..], "a");
    assert_eq!(alone.cells[0].arms[0].delta_m, None, "there is nothing it is relative to");
}

#[test]
fn ranks_and_middle_means_over_cells() {
    let within = |name: &str, cell: &str, aucs: &[f64]| {
        let cell = vec![("dataset".to_owned(), cell.to_owned())];
        ArmRuns { cell, ..clicks(name, aucs, &vec![0.6; aucs.len()]) }
    };
    let arms = |a: &[f64], n: usize| {
        [
            within("a", "one", a),
            within("b", "one", &vec![0.7; n]),
            within("only", "one", &[0.9]),
            within("a", "two", &vec![0.6; n]),
            within("b", "two", &vec![0.7; n]),
        ]
    };
    let found = compared(&arms(&[0.8, 0.8], 2), "a");
    // First and second; the middle of .6, .6, .8, .8.
    let names: Vec<&str> = found.over_cells.iter().map(|of| of.label.as_str()).collect();
    assert_eq!(names, ["a", "b"], "an arm of one cell alone has no part in it");
    let of = &found.over_cells[0];
    assert!(is_near(of.mean_rank, 1.5) && is_near(of.iqm, 0.7));
    assert_eq!(of.rank_interval, Some([1.5, 1.5]));
    let wide = &compared(&arms(&[0.65, 0.95], 2), "a").over_cells[0];
    // With luck, first at .95 twice; without, second at .65 twice.
    assert_eq!(wide.rank_interval, Some([1.5, 2.0]));
    let single = &compared(&arms(&[0.8], 1), "a").over_cells[0];
    assert_eq!((single.rank_interval, single.iqm_interval), (None, None));
    assert!(compared(&arms(&[0.8], 1)[..3], "a").over_cells.is_empty());
    let notes = compared(&arms(&[0.8], 1), "only").notes;
    assert!(notes[0].contains("only was not run in cell `dataset=two`"), "{notes:?}");
}

#[test]
fn actors_of_other_budgets_are_labelled_and_noted() {
    let of = |actor: &str| ArmRuns { actor: actor.into(), ..clicks("critic", &[0.7], &[0.6]) };
    let arms = [of("pretrained"), of("equal-budget"), of("final")];
    let found = compared(&arms, "critic:equal-budget");
    let labels: Vec<&str> = found.cells[0].arms.iter().map(|arm| arm.label.as_str()).collect();
    assert_eq!(labels, ["critic:pretrained", "critic:equal-budget", "critic:final"]);
    assert!(found.cells[0].arms[1].is_base);
    let [note] = found.notes.as_slice() else { panic!("{:?}", found.notes) };
    assert!(note.contains("with the pretraining alone: critic:pretrained;"), "{note}");
    assert!(!note.contains("critic:final"), "{note}");
    assert_eq!(compared(&arms[1..], "critic").base, "critic:final");
    assert!(compared(&arms[1..], "critic").notes.is_empty());
    let wrong = Comparison::of(&arms, &Settings::of("critc", Split::Test)).unwrap_err().to_string();
    assert!(wrong.contains("critc") && wrong.contains("critic:final"), "{wrong}");
    let twice = Comparison::of(&[of("final"), of("final")], &Settings::of("critic", Split::Test));
    assert!(twice.unwrap_err().to_string().contains("two arms"));
}

#[test]
fn an_arm_of_which_no_run_finished_has_a_line_and_changes_no_name() {
    let pretrained = |name: &str, aucs: &[f64]| ArmRuns {
        actor: "pretrained".into(),
        ..clicks(name, aucs, &vec![0.6; aucs.len()])
    };
    // What it was asked for as, which says nothing of how it would have been trained.
    let failed = arm("wild", vec![]);
    let arms = [pretrained("equal", &[0.7, 0.7]), pretrained("other", &[0.8, 0.9]), failed.clone()];
    let found = compared(&arms, "equal");
    let labels: Vec<&str> = found.cells[0].arms.iter().map(|arm| arm.label.as_str()).collect();
    assert_eq!((labels, found.notes.len()), (vec!["equal", "other", "wild"], 0), "{:?}", found.notes);
    let wild = &found.cells[0].arms[2];
    assert!(wild.seeds.is_empty() && wild.figures.iter().all(|figure| figure.against.is_none()));
    assert!(found.to_markdown().contains("undefined") && found.to_latex().contains("wild & --"));
    // Where actors are told apart, it has that of its other cells.
    let within = |arm: ArmRuns, cell: &str| ArmRuns { cell: vec![("d".into(), cell.into())], ..arm };
    let lost = ArmRuns { actor: "final".into(), ..pretrained("equal", &[]) };
    let arms = [
        within(pretrained("equal", &[0.7]), "one"),
        within(clicks("critic", &[0.8], &[0.6]), "one"),
        within(lost, "two"),
        within(clicks("critic", &[0.8], &[0.6]), "two"),
    ];
    let found = compared(&arms, "equal");
    assert_eq!(found.base, "equal:pretrained");
    assert!(found.cells[1].arms[0].is_base, "{:?}", found.cells[1].arms[0].label);
    // A cell in which nothing finished has no columns, and so no table for a paper.
    let nothing = compared(&[failed], "wild");
    assert_eq!((nothing.cells[0].tasks.len(), nothing.to_latex().contains("tabular")), (0, false));
    nothing.to_markdown();
    nothing.to_csv();
}

/// Every number of these is exact, or its digits are known.
fn small() -> Comparison {
    let base = clicks("base", &[0.5, 0.5], &[0.5, 0.5]);
    // Differences of .25 and .125: deviation .0884, error .0625, t = 3 with one degree of freedom, p = 1 − 2/π · atan 3 = .2048.
    compared(&[base, clicks("of_two", &[0.75, 0.625], &[0.25, 0.25])], "base")
}

#[test]
fn markdown() {
    let page = small().to_markdown();
    let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    let lines: Vec<String> = page.lines().map(words).collect();
    for expected in [
        "On the test split; differences are from base.",
        "### AUC",
        "| arm | seeds | click |",
        "| base | 2 | 0.5000 ± 0.0000 |",
        "| of_two | 2 | **0.6875 ± 0.0884** |",
        "### logloss",
        "| of_two | 2 | **0.2500 ± 0.0000** |",
        "### Δ AUC of click from base",
        "| arm | seeds | difference | 95 % over seeds | 95 % with sessions | effect | p (Holm) | verdict |",
        // 12.7062 errors on each side; .1875 / .0884.
        "| of_two | 2 | +0.1875 | [-0.6066, +0.9816] | – | +2.12 | 0.205 | cannot be told |",
        "| of_two | 2 | -0.2500 | [-0.2500, -0.2500] | – | – | < .001 | better |",
    ] {
        assert!(lines.iter().any(|line| line == expected), "{expected}\n{page}");
    }
    // RelaImpr is undefined over a coin; how many seeds .001 needs is tested beside the test of power.
    let summary = lines.iter().find(|line| line.starts_with("| of_two | – | +37.50 % | – | – | – |"));
    assert!(summary.is_some_and(|line| line.ends_with("| 1.0 |")), "{page}");
}

#[test]
fn latex() {
    let expected = r"% \usepackage{booktabs}
% AUC, test split; * p < .05 against base (paired t, Holm)
\begin{tabular}{lr}
\toprule
AUC & click \\
\midrule
base & \underline{0.5000} $\pm$ 0.0000 \\
of\_two & \textbf{0.6875} $\pm$ 0.0884 \\
\bottomrule
\end{tabular}

% logloss, test split; * p < .05 against base (paired t, Holm)
\begin{tabular}{lr}
\toprule
logloss & click \\
\midrule
base & \underline{0.5000} $\pm$ 0.0000 \\
of\_two & \textbf{0.2500}$^{*}$ $\pm$ 0.0000 \\
\bottomrule
\end{tabular}

";
    assert_eq!(small().to_latex(), expected);
}

#[test]
fn csv() {
    let table = small().to_csv();
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!(lines[0], "arm,cell,task,metric,statistic,value");
    for expected in [
        "base,,,,seeds,2",
        "base,,click,AUC,mean,0.5",
        "of_two,,,,seconds,60",
        "of_two,,click,AUC,mean,0.6875",
        "of_two,,click,AUC,seed_2,0.625",
        "of_two,,click,AUC,common_seeds,2",
        "of_two,,click,AUC,difference,0.1875",
        "of_two,,click,AUC,gain,0.375",
        "of_two,,click,AUC,verdict,cannot be told",
        "of_two,,click,logloss,p_holm,0",
        "of_two,,click,logloss,verdict,better",
        "of_two,,mean,logloss,difference,-0.25",
    ] {
        assert!(lines.contains(&expected), "{expected}\n{table}");
    }
    assert!(!table.contains("base,,click,AUC,difference") && !table.contains("NaN"), "{table}");
    let quoted = compared(&[clicks("a, \"b\"", &[0.5], &[0.5])], "a, \"b\"").to_csv();
    assert!(quoted.contains("\n\"a, \"\"b\"\"\",,click,AUC,mean,0.5\n"), "{quoted}");
}
