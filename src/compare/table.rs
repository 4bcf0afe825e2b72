//! Groups of runs as tables.

use comfy_table::Table;

use super::group::{CRITIC_METRICS, METRICS, NUMBER_METRICS};
use super::{Group, Which};
use crate::error::{Error, Result};
use crate::statistics::Spread;
use crate::tables::{Against, Metric, table};

/// One table per task, one of its critics where there are any, and one of what the models cost.
///
/// # Errors
/// No group is called `base`.
pub fn tables(groups: &[Group], base: Option<&str>) -> Result<Vec<(String, Table)>> {
    let base = base.map(|name| find(groups, name)).transpose()?;
    let tasks = groups.first().into_iter().flat_map(|group| group.tasks.keys());
    let mut tables: Vec<(String, Table)> =
        tasks.map(|task| (task.clone(), task_table(groups, base, task))).collect();
    let with_critics = || groups.iter().filter(|group| !group.critics.is_empty());
    if let Some(first) = with_critics().next() {
        let of_task = |task: &String| (format!("critics of {task}"), critic_table(with_critics(), task));
        tables.extend(first.critics.keys().map(of_task));
    }
    tables.push(("cost".into(), cost_table(groups)));
    Ok(tables)
}

/// The group that `base` names, as `RUN` or `RUN:ACTOR`; its last actor where none is named.
pub(super) fn find<'a>(groups: &'a [Group], base: &str) -> Result<&'a Group> {
    let actor = base
        .rsplit_once(':')
        .and_then(|(run, actor)| Some((run, Which::ALL.into_iter().find(|which| which.name() == actor)?)));
    let (run, actor) = actor.map_or((base, None), |(run, actor)| (run, Some(actor)));
    // A path is as good as its last part.
    let last = std::path::Path::new(run).file_name().map_or(run.into(), |last| last.to_string_lossy());
    let is_it = |group: &&Group| {
        let is_member = group.runs.iter().any(|member| *member == run || *member == last);
        (group.name == run || group.folder == run || group.folder == last || is_member)
            && actor.is_none_or(|actor| group.actor == actor)
    };
    groups.iter().rfind(is_it).ok_or_else(|| {
        let row = |group: &Group| format!("{} ({}):{}", group.name, group.folder, group.actor.name());
        let known: Vec<String> = groups.iter().map(row).collect();
        Error::Usage(format!("--base {base}: no such run; there are {}", known.join(", ")))
    })
}

fn task_table(groups: &[Group], base: Option<&Group>, task: &str) -> Table {
    let is_number = groups.iter().any(|group| group.tasks[task].contains_key(NUMBER_METRICS[1].0));
    let shown = if is_number { NUMBER_METRICS } else { METRICS }.map(|(name, _)| name);
    // How rows are ranked, and how far predictions are off.
    let [ranking, loss, _] = shown;
    let rows = groups.iter().map(|group| {
        let of = |group: &Group, name: &str| group.tasks[task].get(name).cloned();
        let metrics =
            shown.map(|name| cell(of(group, name).map(|metric| metric.spread), 4, group.seeds.len()));
        let against_base = base.into_iter().flat_map(|base| {
            let n_common = group.seeds.iter().filter(|seed| base.seeds.contains(seed)).count();
            let against = |name: &str, like: Metric| of(group, name)?.against(&of(base, name)?, like);
            let of_ranking = against(ranking, Metric::Auc);
            let value = of_ranking.as_ref().and_then(|of| of.rela_impr);
            let improvement = value.map_or("undefined".into(), |value| format!("{:+.2} %", 100.0 * value));
            let paired = [of_ranking, against(loss, Metric::Logloss)]
                .map(|of| of.map_or("undefined".into(), |of| difference(&of)));
            [n_common.to_string(), improvement].into_iter().chain(paired)
        });
        label(group)
            .into_iter()
            .chain([group.seeds.len().to_string()])
            .chain(metrics)
            .chain(against_base)
            .collect()
    });
    let names = shown.map(str::to_owned);
    let header = ["run", "actor", "updates", "seeds"].map(String::from).into_iter().chain(names);
    let against_base = base.into_iter().flat_map(|base| {
        let paired = [ranking, loss].map(|name| format!("Δ{name}, seed by seed"));
        let over = format!("RelaImpr over {}:{}", base.name, base.actor.name());
        ["common seeds".to_owned(), over].into_iter().chain(paired)
    });
    table(header.chain(against_base).collect(), rows)
}

/// Which run, which actor, and after how many updates.
fn label(group: &Group) -> [String; 3] {
    let updates = group.updates.map_or("–".into(), |updates| format!("{:.0}", updates.mean));
    [group.name.clone(), group.actor.name().into(), updates]
}

fn critic_table<'a>(groups: impl Iterator<Item = &'a Group>, task: &str) -> Table {
    let names = CRITIC_METRICS.iter().map(|(name, _)| (*name).to_owned());
    let rows = groups.map(|group| {
        let of_task = group.critics.get(task);
        let cells = CRITIC_METRICS
            .iter()
            .map(|(name, _)| cell(of_task.and_then(|of| of.get(name).copied()), 3, group.seeds.len()));
        [group.name.clone()].into_iter().chain(cells).collect()
    });
    table(["run".to_owned()].into_iter().chain(names).collect(), rows)
}

fn cost_table(groups: &[Group]) -> Table {
    let header = ["run", "folder", "dense parameters", "training rows/s", "inference rows/s"]
        .map(String::from)
        .to_vec();
    let is_first =
        |(index, group): &(usize, &Group)| groups[..*index].iter().all(|other| other.name != group.name);
    let rows = groups.iter().enumerate().filter(is_first).map(|(_, group)| {
        let speed = |of: Option<Spread>| of.map_or("–".into(), |of| format!("{:.0}", of.mean));
        let (training, inference) =
            (speed(group.training_rows_per_second), speed(group.inference_rows_per_second));
        vec![
            group.name.clone(),
            group.folder.clone(),
            group.dense_parameters.to_string(),
            training,
            inference,
        ]
    });
    table(header, rows)
}

/// With its sign, and the deviation over the seeds.
fn difference(of: &Against) -> String {
    match of.paired {
        None => format!("{:+.4}", of.difference),
        Some(paired) => format!("{:+.4} ± {:.4}", of.difference, paired.std),
    }
}

/// A metric of `n_seeds` runs; it says so where some of them have none.
fn cell(spread: Option<Spread>, digits: usize, n_seeds: usize) -> String {
    let Some(Spread { mean, std, n }) = spread else {
        return "undefined".into();
    };
    let deviation = std.map(|std| format!(" ± {std:.digits$}")).unwrap_or_default();
    let some = if n < n_seeds { format!(" ({n} of {n_seeds})") } else { String::new() };
    format!("{mean:.digits$}{deviation}{some}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::OverSeeds;
    use crate::tables::ArmRuns;
    use indexmap::IndexMap;

    fn group(name: &str, aucs: &[f64]) -> Group {
        let metrics = [("AUC", OverSeeds::of((1..).zip(aucs.iter().copied()).collect()).unwrap())].into();
        Group {
            name: name.into(),
            folder: format!("{name}_folder"),
            runs: (1..=aucs.len()).map(|seed| format!("{name}_folder_seed{seed}")).collect(),
            actor: Which::Final,
            updates: Spread::of([100.0]),
            seeds: (1..=aucs.len() as u64).collect(),
            tasks: [("click".to_owned(), metrics)].into(),
            critics: IndexMap::new(),
            dense_parameters: 1,
            training_rows_per_second: None,
            inference_rows_per_second: None,
            arm: ArmRuns {
                name: name.into(),
                cell: vec![],
                actor: "pretrained".into(),
                chosen: vec![],
                trials: 0,
                seeds: vec![],
            },
        }
    }

    #[test]
    fn improvements_are_relative_to_the_base_and_a_wrong_base_is_told_the_right_ones() {
        let groups = [group("single", &[0.70]), group("mmoe", &[0.72, 0.72])];
        let rendered = tables(&groups, Some("single")).unwrap()[0].1.to_string();
        assert!(rendered.contains("+10.00 %") && rendered.contains("+0.00 %"), "{rendered}");
        assert!(rendered.contains("+0.0200") && rendered.contains("undefined"), "{rendered}");
        let error = tables(&groups, Some("singel")).unwrap_err().to_string();
        assert!(error.contains("single (single_folder):final, mmoe (mmoe_folder):final"), "{error}");
        assert!(tables(&groups, Some("runs/mmoe_folder:final")).is_ok());
        assert!(tables(&groups, Some("runs/mmoe_folder_seed2")).is_ok());
        assert!(tables(&groups, Some("mmoe:pretrained")).is_err());
    }
}
