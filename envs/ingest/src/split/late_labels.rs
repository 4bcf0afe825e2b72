//! Labels as they count in their split: one that becomes 1 only after the split's end is 0 there.

use rmtl_envs::{Split, Warning};

use crate::dataset_file::DatasetFile;
use crate::findings::warnings::warning;
use crate::split::boundary::SplitCounts;

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
