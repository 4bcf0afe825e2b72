//! The groups as arms of a comparison, those of other budgets apart.

use super::table::find;
use super::{Group, On};
use crate::error::Result;
use crate::tables::ArmRuns;
use crate::tables::{Comparison, Settings};

/// The groups set in relation to `base` with what seeds and sessions say of the differences.
///
/// Actors that were trained for as long as the base make one comparison; those that only had the pretraining where the base was
/// trained on, or the other way round, make one of their own, so that they share neither a front nor a correction. `n_resamples` is that of [`Settings`].
///
/// # Errors
/// No group is called `base`.
pub fn comparisons(groups: &[Group], base: &str, on: On, n_resamples: usize) -> Result<Vec<Comparison>> {
    let base = &find(groups, base)?.arm;
    let name = format!("{}:{}", base.name, base.actor);
    let settings = Settings { base: name, split: on.split(), n_resamples };
    let budget = |arm: &ArmRuns| if arm.actor == "pretrained" { "pretraining" } else { "trained on" };
    let (alike, mut others): (Vec<ArmRuns>, Vec<ArmRuns>) =
        groups.iter().map(|group| group.arm.clone()).partition(|arm| budget(arm) == budget(base));
    if let Some(first) = others.first() {
        let cell = vec![("budget".to_owned(), budget(first).to_owned())];
        others.insert(0, base.clone());
        others.iter_mut().for_each(|arm| arm.cell.clone_from(&cell));
    }
    let sets = [alike, others].into_iter().filter(|arms| arms.len() > 1);
    sets.map(|arms| Comparison::of(&arms, &settings)).collect()
}
