//! What the predictions of every task are trained by, row by row, before anything is weighted.

use burn::tensor::{Tensor, TensorData};
use rmtl_envs::{NumberLoss, NumberObjective, SHARE_MARGIN};

use super::{bce_of_logits, column, cross_entropy, task_bce};
use crate::backbone::Predictions;

/// The losses of all tasks.
///
/// A label of 0 or 1 has the binary cross-entropy, from the log-odds of the prediction
/// ([`bce_of_logits`](super::bce_of_logits)) where the backbone gives logits, else from the probability
/// ([`task_bce`](super::task_bce)); one that is a number has its [`NumberLoss`]. Where only a share r of a task's
/// negatives is kept in training, the cross-entropy is that of `p' = p / (p + (1 − p) r)`, whose log-odds are those of
/// p less ln r: the probability among the rows that are left (He et al., ADKDD 2014, section 6.3, the other way round).
/// p itself stays the probability among all rows, for metrics, critics and chains alike.
///
/// A local task (SDMTL, eq. 8) is trained on the rows where its parent happened. Whoever counts the rows leaves the
/// others out; here its loss is that of P(task | parent), where the backbone gives it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TaskLosses {
    /// By task; empty where no label is a number.
    pub numbers: Vec<Option<NumberObjective>>,
    /// Share of the negatives that is kept, by task; empty where all are.
    pub kept_negatives: Vec<f64>,
    /// Whether it is local, by task; empty where none is.
    pub local: Vec<bool>,
}

impl TaskLosses {
    /// The loss of every row and task, not reduced; times `counts` where rows count differently.
    /// `parents` has the task that each depends on, as the backbone multiplies them.
    ///
    /// # Shapes
    /// - labels, counts, output: `[batch, task]`
    pub fn of(
        &self,
        predictions: &Predictions,
        parents: &[Option<usize>],
        labels: &Tensor<2>,
        counts: Option<&Tensor<2>>,
    ) -> Tensor<2> {
        let losses = self.uncounted(predictions, parents, labels);
        match counts {
            Some(counts) => losses * counts.clone(),
            None => losses,
        }
    }

    fn uncounted(
        &self,
        predictions: &Predictions,
        parents: &[Option<usize>],
        labels: &Tensor<2>,
    ) -> Tensor<2> {
        let probabilities = &predictions.probabilities;
        let binary = self.binary(probabilities, predictions.log_odds(parents), labels);
        let conditional = predictions.conditional.as_ref().filter(|_| self.local.contains(&true));
        if self.numbers.is_empty() && conditional.is_none() {
            return binary;
        }
        let local = conditional.map(|given| self.binary(given, predictions.logits.clone(), labels));
        let of_task = |task: usize| match (self.numbers.get(task), &local) {
            (Some(Some(objective)), _) => {
                number_loss(objective, column(probabilities, task), column(labels, task))
            }
            (_, Some(local)) if self.local[task] => column(local, task),
            _ => column(&binary, task),
        };
        Tensor::cat((0..parents.len()).map(of_task).collect(), 1)
    }

    /// The cross-entropy among the rows that are kept.
    fn binary(&self, p: &Tensor<2>, log_odds: Option<Tensor<2>>, labels: &Tensor<2>) -> Tensor<2> {
        if self.kept_negatives.iter().all(|&rate| rate == 1.0) {
            return cross_entropy(p.clone(), log_odds, labels);
        }
        let by_task = |of: fn(f64) -> f64| {
            let values: Vec<f32> = self.kept_negatives.iter().map(|&rate| of(rate) as f32).collect();
            Tensor::<2>::from_data(TensorData::new(values, [1, self.kept_negatives.len()]), &p.device())
        };
        match log_odds {
            Some(log_odds) => bce_of_logits(log_odds - by_task(f64::ln), labels),
            None => {
                let negative = (p.clone().neg() + 1.0) * by_task(|rate| rate);
                task_bce(p.clone() / (p.clone() + negative), labels)
            }
        }
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
                let losses = TaskLosses { numbers: vec![None, Some(number)], ..TaskLosses::default() };
                let predictions = Tensor::<2>::from_floats([[0.8, p]], &device).require_grad();
                let labels = Tensor::from_floats([[1.0, y]], &device);
                let found = losses.of(&predictions.clone().into(), &[None; 2], &labels, None);
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
        let losses = TaskLosses { kept_negatives: vec![0.1, 1.0], ..TaskLosses::default() };
        // Odds 1 : 19 become 10 : 19.
        let p = Tensor::<2>::from_floats([[0.05, 0.05], [0.05, 0.05]], &device);
        let y = Tensor::<2>::from_floats([[1.0, 1.0], [0.0, 0.0]], &device);
        let predictions = Predictions::from(p.clone());
        let found = host(losses.of(&predictions, &[None; 2], &y, None));
        let (kept, all) = (10.0_f32 / 29.0, 0.05_f32);
        for (found, expected) in
            found.iter().zip([-kept.ln(), -all.ln(), -(1.0 - kept).ln(), -(1.0 - all).ln()])
        {
            assert!((found - expected).abs() < 1e-5, "{found}, expected {expected}");
        }
        let counts = Tensor::<2>::from_floats([[2.0, 1.0], [0.0, 1.0]], &device);
        let counted = host(losses.of(&predictions, &[None; 2], &y, Some(&counts)));
        assert!((counted[0] - 2.0 * found[0]).abs() < 1e-6 && counted[2] == 0.0 && counted[3] == found[3]);
        // From logits they are the same.
        let logits = (p.clone() / (p.neg() + 1.0)).log();
        let of_logits = host(losses.of(&Predictions::independent(logits), &[None; 2], &y, None));
        assert!(found.iter().zip(&of_logits).all(|(a, b)| (a - b).abs() < 1e-5), "{of_logits:?}");
    }

    /// Losses and gradients in the logits of every task's label 1, and of label 0.
    fn of_logits(
        losses: &TaskLosses,
        logits: &[f32],
        parents: &[Option<usize>],
    ) -> [(Vec<f32>, Vec<f32>); 2] {
        let (device, n_tasks) = (Device::default().autodiff(), logits.len());
        [1.0, 0.0].map(|label| {
            let logits = TensorData::new(logits.to_vec(), [1, n_tasks]);
            let logits = Tensor::<2>::from_data(logits, &device).require_grad();
            let predictions = match parents.iter().any(Option::is_some) {
                true => Predictions::chained(logits.clone(), parents),
                false => Predictions::independent(logits.clone()),
            };
            let labels = Tensor::full([1, n_tasks], label, &Device::default());
            let found = losses.of(&predictions, parents, &labels, None);
            let gradients = found.clone().sum().backward();
            (host(found.inner()), host(logits.grad(&gradients).unwrap()))
        })
    }

    #[test]
    fn predictions_that_are_sure_and_wrong_have_their_whole_gradient() {
        let close = |found: &[f32], expected: [f32; 3]| {
            let close =
                |(found, expected): (&f32, f32)| (found - expected).abs() <= 1e-5 * expected.abs().max(1e-3);
            assert!(found.iter().zip(expected).all(close), "{found:?}, expected {expected:?}");
        };
        let [positive, negative] = of_logits(&TaskLosses::default(), &[-20.0, 30.0, 0.0], &[None; 3]);
        let (half, tiny) = (2.0_f32.ln(), (-20.0_f32).exp());
        close(&positive.0, [20.0, 0.0, half]);
        close(&positive.1, [-1.0, 0.0, -0.5]);
        close(&negative.0, [tiny, 30.0, half]);
        close(&negative.1, [tiny, 1.0, 0.5]);
        // Kept negatives move the log-odds by −ln r.
        let kept = TaskLosses { kept_negatives: vec![0.01, 1.0, 1.0], ..TaskLosses::default() };
        close(&of_logits(&kept, &[-25.0, 30.0, 0.0], &[None; 3])[0].0, [25.0 - 100.0_f32.ln(), 0.0, half]);
    }

    #[test]
    fn three_conditionals_of_004_train_all_three() {
        let z = (0.004_f32 / 0.996).ln();
        let parents = [None, Some(0), Some(1)];
        let [(losses, gradient), _] = of_logits(&TaskLosses::default(), &[z; 3], &parents);
        let expected = -(0.004_f32.ln());
        for (task, loss) in losses.iter().enumerate() {
            let expected = expected * (task + 1) as f32;
            assert!((loss - expected).abs() < 1e-4, "{losses:?}");
        }
        // −ln p_k falls by 1 − σ in every logit of its chain; the first is in all three.
        for (task, gradient) in gradient.iter().enumerate() {
            let expected = -0.996 * (3 - task) as f32;
            assert!((gradient - expected).abs() < 1e-4, "{gradient}, expected {expected}");
        }
    }

    #[test]
    fn a_local_task_of_a_chain_trains_its_conditional_alone() {
        let local = TaskLosses { local: vec![false, true], ..TaskLosses::default() };
        let parents = [None, Some(0)];
        let sigma = |z: f32| 1.0 / (1.0 + (-z).exp());
        let [(losses, gradient), _] = of_logits(&local, &[-1.0, 0.5], &parents);
        let close =
            |found: f32, expected: f32| assert!((found - expected).abs() < 1e-6, "{found}, {expected}");
        close(losses[0], -sigma(-1.0).ln());
        close(losses[1], -sigma(0.5).ln());
        close(gradient[0], sigma(-1.0) - 1.0);
        close(gradient[1], sigma(0.5) - 1.0);
        // Tasks predicted independently have one prediction each.
        let [independent, _] = of_logits(&local, &[-1.0, 0.5], &[None; 2]);
        assert_eq!(independent, of_logits(&TaskLosses::default(), &[-1.0, 0.5], &[None; 2])[0]);
    }

    /// Among rows of which a tenth of the negatives is kept, the loss is least at the probability among ALL rows.
    #[test]
    fn the_best_prediction_is_the_probability_among_all_rows() {
        let device = Device::default();
        let losses = TaskLosses { kept_negatives: vec![0.1], ..TaskLosses::default() };
        // 5 positives of 100 rows; of the 95 negatives 9.5 are kept.
        let y = Tensor::<2>::from_floats([[1.0], [0.0]], &device);
        let counts = Tensor::<2>::from_floats([[5.0], [9.5]], &device);
        let mean = |p: f32| {
            let p = Tensor::<2>::from_floats([[p], [p]], &device);
            host(losses.of(&p.into(), &[None], &y, Some(&counts))).iter().sum::<f32>()
        };
        let best =
            (1..400).map(|step| step as f32 / 2000.0).min_by(|a, b| mean(*a).total_cmp(&mean(*b))).unwrap();
        assert!((best - 0.05).abs() < 1e-3, "{best}");
    }
}
