//! An arm in one number: Δm, and its place on the front.

use super::cell::Arm;
use super::quantity::{Metric, Quantities};
use crate::statistics::{delta_m, hypervolume, pareto_front};

/// AUC of a coin: what a volume is measured from.
const COIN: f64 = 0.5;

/// More objectives take more time than a volume in them is worth.
const MOST_OBJECTIVES: usize = 4;

/// Fills in what is of several tasks or arms, and gives the hypervolume of all arms. `single` is the arm of one model per task.
pub(super) fn summarise(arms: &mut [Arm], quantities: &Quantities, single: Option<usize>) -> Option<f64> {
    let tasks: Vec<usize> = quantities.counted(Metric::Auc).collect();
    let aucs = |arm: &Arm| -> Vec<f64> {
        let mean = |task: &usize| arm.figures[quantities.place(Some(*task), Metric::Auc)].spread;
        tasks.iter().map(|task| mean(task).map_or(f64::NAN, |spread| spread.mean)).collect()
    };
    let points: Vec<Vec<f64>> = arms.iter().map(aucs).collect();
    if let Some(single) = single {
        for (arm, point) in arms.iter_mut().zip(&points) {
            arm.delta_m = delta_m(point, &points[single], &vec![true; tasks.len()]);
        }
    }
    if tasks.len() < 2 {
        return None;
    }
    let front = pareto_front(&points);
    arms.iter_mut().zip(front).for_each(|(arm, is_on_front)| arm.is_on_front = Some(is_on_front));
    if tasks.len() > MOST_OBJECTIVES {
        return None;
    }
    let reference = vec![COIN; tasks.len()];
    let all = hypervolume(&points, &reference);
    for (index, arm) in arms.iter_mut().enumerate() {
        let others = [&points[..index], &points[index + 1..]].concat();
        arm.adds_volume = Some(all - hypervolume(&others, &reference));
    }
    Some(all)
}
