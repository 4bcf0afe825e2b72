//! What the predictions of every task are trained by, row by row, before anything is weighted.

use burn::tensor::{Tensor, TensorData};
use rmtl_envs::{NumberLoss, NumberObjective, SHARE_MARGIN};

use super::{column, task_bce};

/// The losses of all tasks.
///
/// A label of 0 or 1 has the binary cross-entropy ([`task_bce`]), one that is a number its [`NumberLoss`]. Where only a share r of
/// a task's negatives is kept in training, the cross-entropy is that of `p' = p / (p + (1 − p) r)`, the probability among the rows that
/// are left (He et al., ADKDD 2014, section 6.3, the other way round): p itself stays the probability among all rows, for
/// metrics, critics and chains alike.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TaskLosses {
    /// By task; empty where no label is a number.
    pub numbers: Vec<Option<NumberObjective>>,
    /// Share of the negatives that is kept, by task; empty where all are.
    pub kept_negatives: Vec<f64>,
}

impl TaskLosses {
    /// The loss of every row and task, not reduced; times `counts` where rows count differently.
    ///
    /// # Shapes
    /// - predictions, labels, counts, output: `[batch, task]`
    pub fn of(&self, predictions: Tensor<2>, labels: &Tensor<2>, counts: Option<&Tensor<2>>) -> Tensor<2> {
        let losses = self.uncounted(predictions, labels);
        match counts {
            Some(counts) => losses * counts.clone(),
            None => losses,
        }
    }

    fn uncounted(&self, predictions: Tensor<2>, labels: &Tensor<2>) -> Tensor<2> {
        if self.numbers.is_empty() {
            return task_bce(self.among_kept(predictions), labels);
        }
        let binary = task_bce(self.among_kept(predictions.clone()), labels);
        let of_task = |(task, number): (usize, &Option<NumberObjective>)| match number {
            None => column(&binary, task),
            Some(objective) => number_loss(objective, column(&predictions, task), column(labels, task)),
        };
        Tensor::cat(self.numbers.iter().enumerate().map(of_task).collect(), 1)
    }

    /// Probabilities among the rows that are kept.
    fn among_kept(&self, p: Tensor<2>) -> Tensor<2> {
        if self.kept_negatives.iter().all(|&rate| rate == 1.0) {
            return p;
        }
        let rates: Vec<f32> = self.kept_negatives.iter().map(|&rate| rate as f32).collect();
        let rates =
            Tensor::<2>::from_data(TensorData::new(rates, [1, self.kept_negatives.len()]), &p.device());
        let negative = (p.clone().neg() + 1.0) * rates;
        p.clone() / (p + negative)
    }
}

/// [`NumberObjective::loss`] of `[batch, 1]` shares of the cap.
fn number_loss(objective: &NumberObjective, prediction: Tensor<2>, target: Tensor<2>) -> Tensor<2> {
    let error = || (prediction.clone() - target.clone()) * objective.deviations();
    match objective.loss {
        NumberLoss::Squared => error().square() * 0.5,
        NumberLoss::Huber { delta } => {
            let size = error().abs();
            let within = size.clone().clamp_max(delta);
            within.clone().square() * 0.5 + (size - within) * delta
        }
        NumberLoss::Poisson => {
            let logarithm = |share: Tensor<2>| share.clamp_min(SHARE_MARGIN).log();
            let ratio = logarithm(target.clone()) - logarithm(prediction.clone());
            (prediction - target.clone() + target * ratio) * objective.means()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parameter::host;
    use burn::tensor::Device;
    use rmtl_envs::NumberScale;

    fn objective(loss: NumberLoss) -> NumberObjective {
        NumberObjective { loss, scale: NumberScale { cap: 60.0, mean: 12.0, standard_deviation: 20.0 } }
    }

    #[test]
    fn tensors_say_what_numbers_say_and_gradients_point_there() {
        let device = Device::default().autodiff();
        for loss in [NumberLoss::Squared, NumberLoss::Huber { delta: 0.5 }, NumberLoss::Poisson] {
            let number = objective(loss);
            for (p, y) in [(0.5_f32, 0.25_f32), (0.3, 0.35), (0.2, 0.0), (0.4, 1.2)] {
                let losses = TaskLosses { numbers: vec![None, Some(number)], kept_negatives: Vec::new() };
                let predictions = Tensor::<2>::from_floats([[0.8, p]], &device).require_grad();
                let found = losses.of(predictions.clone(), &Tensor::from_floats([[1.0, y]], &device), None);
                let gradients = found.clone().sum().backward();
                let found = host(found.inner());
                assert!((found[0] - 0.223_143_55).abs() < 1e-6, "the other task has its cross-entropy");
                assert!((found[1] - number.loss(p, y)).abs() < 1e-5, "{loss:?} {p} {y}: {}", found[1]);
                let step = 1e-3;
                let slope = (number.loss(p + step, y) - number.loss(p - step, y)) / (2.0 * step);
                let gradient = host(predictions.grad(&gradients).unwrap())[1];
                assert!(
                    (gradient - slope).abs() < 2e-2 * slope.abs().max(1.0),
                    "{loss:?}: {gradient}, {slope}"
                );
            }
        }
    }

    #[test]
    fn kept_negatives_change_the_odds_alone() {
        let device = Device::default();
        let losses = TaskLosses { numbers: Vec::new(), kept_negatives: vec![0.1, 1.0] };
        // Odds 1 : 19 become 10 : 19.
        let p = Tensor::<2>::from_floats([[0.05, 0.05], [0.05, 0.05]], &device);
        let y = Tensor::<2>::from_floats([[1.0, 1.0], [0.0, 0.0]], &device);
        let found = host(losses.of(p.clone(), &y, None));
        let (kept, all) = (10.0_f32 / 29.0, 0.05_f32);
        for (found, expected) in
            found.iter().zip([-kept.ln(), -all.ln(), -(1.0 - kept).ln(), -(1.0 - all).ln()])
        {
            assert!((found - expected).abs() < 1e-5, "{found}, expected {expected}");
        }
        let counts = Tensor::<2>::from_floats([[2.0, 1.0], [0.0, 1.0]], &device);
        let counted = host(losses.of(p, &y, Some(&counts)));
        assert!((counted[0] - 2.0 * found[0]).abs() < 1e-6 && counted[2] == 0.0 && counted[3] == found[3]);
    }

    /// Among rows of which a tenth of the negatives is kept, the loss is least at the probability among ALL rows.
    #[test]
    fn the_best_prediction_is_the_probability_among_all_rows() {
        let device = Device::default();
        let losses = TaskLosses { numbers: Vec::new(), kept_negatives: vec![0.1] };
        // 5 positives of 100 rows; of the 95 negatives 9.5 are kept.
        let y = Tensor::<2>::from_floats([[1.0], [0.0]], &device);
        let counts = Tensor::<2>::from_floats([[5.0], [9.5]], &device);
        let mean = |p: f32| {
            let p = Tensor::<2>::from_floats([[p], [p]], &device);
            host(losses.of(p, &y, Some(&counts))).iter().sum::<f32>()
        };
        let best =
            (1..400).map(|step| step as f32 / 2000.0).min_by(|a, b| mean(*a).total_cmp(&mean(*b))).unwrap();
        assert!((best - 0.05).abs() < 1e-3, "{best}");
    }
}
