//! The tables of a study: a line per arm, a table per cell of the axes.

use crate::study::arm_runs::{ArmRuns, SeedRun, mean, mean_auc, mean_logloss};

/// A table as text, whoever draws it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grid {
    /// The cell of the axes, `backbone mmoe`; empty without axes.
    pub title: String,
    /// The names of the columns.
    pub header: Vec<String>,
    /// Cells, as many in a row as the header has.
    pub rows: Vec<Vec<String>>,
}

/// Test AUC by task and in the mean, mean logloss, and the difference in mean AUC from the base over common seeds: means
/// and standard deviations over the seeds.
pub fn table(arms: &[ArmRuns], base: Option<&str>) -> Vec<Grid> {
    let mut cells: Vec<&[(String, String)]> = Vec::new();
    for arm in arms {
        if !cells.contains(&arm.cell.as_slice()) {
            cells.push(&arm.cell);
        }
    }
    let of_cell = |cell: &[(String, String)]| {
        let arms: Vec<&ArmRuns> = arms.iter().filter(|arm| arm.cell == cell).collect();
        let title = cell.iter().map(|(axis, value)| format!("{axis} {value}")).collect::<Vec<_>>().join(", ");
        grid(title, &arms, base)
    };
    cells.into_iter().map(of_cell).collect()
}

fn grid(title: String, arms: &[&ArmRuns], base: Option<&str>) -> Grid {
    let base = base.and_then(|base| arms.iter().find(|arm| arm.name == base));
    let tasks: Vec<&str> = arms
        .iter()
        .find_map(|arm| arm.seeds.first())
        .map(|run| run.test.iter().map(|of| of.task.as_str()).collect())
        .unwrap_or_default();
    let mut header = vec!["arm".to_owned(), "seeds".to_owned()];
    header.extend(tasks.iter().map(|task| format!("AUC {task}")));
    header.extend(["mean AUC".to_owned(), "mean logloss".to_owned()]);
    header.extend(base.map(|base| format!("Δ mean AUC from {}", base.name)));
    let row = |arm: &&ArmRuns| {
        let over =
            |value: &dyn Fn(&SeedRun) -> Option<f64>| spread(arm.seeds.iter().filter_map(value).collect());
        let auc = |task: &&str| over(&|run| run.test.iter().find(|of| of.task == **task)?.auc);
        let mut row = vec![label(arm), arm.seeds.len().to_string()];
        row.extend(tasks.iter().map(auc));
        row.push(over(&|run| mean_auc(&run.test)));
        row.push(over(&|run| mean_logloss(&run.test)));
        row.extend(base.map(|base| difference(arm, base)));
        row
    };
    Grid { title, header, rows: arms.iter().map(row).collect() }
}

/// The arm, its actor where that is not the final one, and what it has chosen.
fn label(arm: &ArmRuns) -> String {
    let actor = if arm.actor == "final" { String::new() } else { format!(" ({})", arm.actor) };
    let chosen: Vec<String> = arm.chosen.iter().map(|(name, value)| format!("{name} = {value}")).collect();
    let chosen = if chosen.is_empty() { String::new() } else { format!(": {}", chosen.join(", ")) };
    format!("{}{actor}{chosen}", arm.name)
}

/// `mean ± standard deviation` of as many as there are.
fn spread(values: Vec<f64>) -> String {
    match (mean(values.iter().copied()), deviation(&values)) {
        (None, _) => "—".into(),
        (Some(mean), None) => format!("{mean:.4}"),
        (Some(mean), Some(deviation)) => format!("{mean:.4} ± {deviation:.4}"),
    }
}

/// The standard deviation of a sample; nothing of fewer than two.
fn deviation(values: &[f64]) -> Option<f64> {
    let middle = mean(values.iter().copied())?;
    let squares: f64 = values.iter().map(|value| (value - middle).powi(2)).sum();
    (values.len() > 1).then(|| (squares / (values.len() - 1) as f64).sqrt())
}

fn difference(arm: &ArmRuns, base: &ArmRuns) -> String {
    if arm.name == base.name {
        return String::new();
    }
    let of_seed = |run: &SeedRun| {
        let other = base.seeds.iter().find(|other| other.seed == run.seed)?;
        Some(mean_auc(&run.test)? - mean_auc(&other.test)?)
    };
    let differences: Vec<f64> = arm.seeds.iter().filter_map(of_seed).collect();
    match (mean(differences.iter().copied()), deviation(&differences)) {
        (None, _) => "—".into(),
        (Some(mean), None) => format!("{mean:+.4}"),
        (Some(mean), Some(deviation)) => format!("{mean:+.4} ± {deviation:.4}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::study::arm_runs::TaskScores;

    fn arm(name: &str, aucs: &[(u64, f64, f64)]) -> ArmRuns {
        let scores = |task: &str, auc| TaskScores { task: task.into(), auc: Some(auc), logloss: Some(0.5) };
        let run = |&(seed, click, like): &(u64, f64, f64)| SeedRun {
            seed,
            folder: name.into(),
            seconds: 1.0,
            test: vec![scores("click", click), scores("like", like)],
            validation: Vec::new(),
        };
        ArmRuns {
            name: name.into(),
            cell: Vec::new(),
            actor: "final".into(),
            chosen: Vec::new(),
            trials: 0,
            seeds: aucs.iter().map(run).collect(),
        }
    }

    #[test]
    fn means_deviations_and_differences_by_hand() {
        // Mean AUC .60 and .70; .65 and .80, with a third seed that the base lacks.
        let equal = arm("equal", &[(1, 0.7, 0.5), (2, 0.8, 0.6)]);
        let other = arm("other", &[(1, 0.7, 0.6), (2, 0.8, 0.8), (3, 0.9, 0.9)]);
        let grids = table(&[equal, other], Some("equal"));
        assert_eq!(grids.len(), 1);
        assert_eq!(
            grids[0].header,
            ["arm", "seeds", "AUC click", "AUC like", "mean AUC", "mean logloss", "Δ mean AUC from equal"]
        );
        assert_eq!(
            grids[0].rows[0],
            ["equal", "2", "0.7500 ± 0.0707", "0.5500 ± 0.0707", "0.6500 ± 0.0707", "0.5000 ± 0.0000", ""]
        );
        // Differences .05 and .10: mean .075, deviation .05 / √2.
        assert_eq!(grids[0].rows[1][6], "+0.0750 ± 0.0354");
        assert_eq!(grids[0].rows[1][1], "3");
    }

    #[test]
    fn a_cell_has_a_table_and_an_arm_without_runs_a_line() {
        let place = |value: &str| vec![("backbone".to_owned(), value.to_owned())];
        let one = ArmRuns { cell: place("one"), ..arm("equal", &[(1, 0.5, 0.7)]) };
        let other = ArmRuns { cell: place("other"), ..arm("equal", &[]) };
        let grids = table(&[one, other], None);
        assert_eq!(
            grids.iter().map(|grid| grid.title.as_str()).collect::<Vec<_>>(),
            ["backbone one", "backbone other"]
        );
        assert_eq!(grids[0].rows[0], ["equal", "1", "0.5000", "0.7000", "0.6000", "0.5000"]);
        assert_eq!(grids[1].rows[0], ["equal", "0", "—", "—"]);
    }
}
