//! Runs side by side: mean and deviation over the seeds, relative to one of them.

mod budget;
mod difference;
mod finished;
mod group;
mod spread;
mod table;

use std::path::PathBuf;

use crate::error::{Error, Result};

use finished::{Finished, all_finished, by_settings};

pub use budget::comparisons;
pub use group::{Group, On, Which};
pub use spread::{OverSeeds, seed_deviation};
pub use table::tables;

/// Reads the finished runs in `folders` (run folders, or folders of them), groups those that differ in their seed alone, and
/// gives every actor of every group, or the one asked for. A run named twice counts once; of what cannot be compared, a
/// folder without a finished run or a run of other data than the first, `skipped` is told.
///
/// # Errors
/// There is no finished run, a seed was run twice, or no run has that actor.
pub fn compare(
    folders: &[PathBuf],
    which: Option<Which>,
    on: On,
    mut skipped: impl FnMut(Error),
) -> Result<Vec<Group>> {
    let groups = by_settings(all_finished(folders, &mut skipped)?)?;
    let configs: Vec<_> = groups.iter().map(|runs| &runs[0].config).collect();
    let folder_names: Vec<String> = groups.iter().map(|runs| finished::common_name(runs)).collect();
    let names = match groups.len() {
        1 => folder_names.clone(),
        _ => difference::names(&configs)?,
    };
    let actors = which.map_or(Which::ALL.to_vec(), |which| vec![which]);
    let with_actor: Vec<Group> = names
        .iter()
        .zip(&folder_names)
        .zip(&groups)
        .flat_map(|((name, folder), runs)| {
            // One actor under two names is one row.
            let distinct = |which: &&Which| actors.len() == 1 || which.is_distinct(&runs[0]);
            actors.iter().filter(distinct).filter_map(|which| Group::of((name, folder), runs, *which, on))
        })
        .collect();
    if with_actor.is_empty() {
        return Err(Error::Usage(format!(
            "none of the {} runs has such an actor: it is made by runs with `[weighting.critic]` and `equal_budget = true`",
            groups.iter().map(Vec::len).sum::<usize>()
        )));
    }
    Ok(with_actor)
}
