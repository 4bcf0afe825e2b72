//! Labels as they count in their split: one that becomes 1 only after the split's end is 0 there.

use datafusion::error::Result;
use datafusion::prelude::SessionContext;
use rmtl_envs::{Split, Warning};

use crate::boundary::{Boundaries, SplitCounts};
use crate::canonical::name;
use crate::dataset_file::DatasetFile;
use crate::split_end::SplitEnd;
use crate::warnings::warning;

/// Registers [`name::ROWS`]: the query's rows, with labels as they count in their split. Whatever comes after this
/// reads no other labels.
pub(crate) async fn register(
    context: &SessionContext,
    file: &DatasetFile,
    boundaries: Boundaries,
    ends: &[SplitEnd; 3],
) -> Result<()> {
    let tasks: Vec<usize> = late_tasks(file).collect();
    let columns = |prefix: &'static str| tasks.iter().map(move |task| format!("{prefix}{task}"));
    let query = if tasks.is_empty() {
        format!("SELECT * FROM {}", name::RESULT)
    } else {
        let replaced: Vec<String> = columns(name::LABEL).chain(columns(name::KNOWN)).collect();
        let counted: Vec<String> = tasks.iter().map(|&task| counted(task, boundaries, ends)).collect();
        let (replaced, counted) = (replaced.join(", "), counted.join(", "));
        format!("SELECT * EXCEPT ({replaced}), {counted} FROM {}", name::RESULT)
    };
    let view = context.sql(&query).await?.into_view();
    context.register_table(name::ROWS, view)?;
    Ok(())
}

/// The label of `task` as it counts, in SQL.
fn counted(task: usize, boundaries: Boundaries, ends: &[SplitEnd; 3]) -> String {
    let (label, known) = (format!("{}{task}", name::LABEL), format!("{}{task}", name::KNOWN));
    let late: Vec<String> = Split::ALL
        .iter()
        .zip(ends)
        .map(|(&split, end)| format!("({} AND {})", boundaries.condition(split), end.later(&known)))
        .collect();
    format!("CASE WHEN {} THEN CAST(0 AS TINYINT UNSIGNED) ELSE {label} END AS {label}", late.join(" OR "))
}

/// Tasks with a label of their own, or of a task before, that becomes known later.
pub(crate) fn late_tasks(file: &DatasetFile) -> impl Iterator<Item = usize> {
    let mut late: Vec<bool> = Vec::new();
    for (task, parent) in file.tasks.iter().zip(file.parents()) {
        late.push(task.known_at.is_some() || parent.is_some_and(|parent| late[parent]));
    }
    late.into_iter().enumerate().filter_map(|(task, late)| late.then_some(task))
}

/// One per split and task: how many labels become 1 only after the split's end.
pub(crate) fn warnings(file: &DatasetFile, eventual: &SplitCounts, counted: &SplitCounts) -> Vec<Warning> {
    let mut warnings = Vec::new();
    for split in Split::ALL {
        for task in late_tasks(file) {
            let positives = |counts: &SplitCounts| counts.positives[split as usize][task];
            let (name, split) = (&file.tasks[task].name, split.name());
            warnings.push(warning("late_labels", positives(eventual) - positives(counted), |rows| {
                format!(
                    "{rows} {split} rows: label `{name}` becomes 1 only after the split's end; it counts as 0 there"
                )
            }));
        }
    }
    warnings
}
