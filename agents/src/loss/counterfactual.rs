//! ESCM² counterfactual regulariser of the conditional probabilities (Wang et al., SIGIR 2022).
//!
//! The loss `e` of P(child | parent happened) can be seen only where the parent happened, o = 1. With the propensity
//! q = P(parent), the prediction as a constant and at least `propensity_floor`, summed over the pairs of dependent tasks:
//!
//! * inverse propensities: `w · mean_i o_i e_i / q_i`;
//! * doubly robust, where the backbone imputes losses ê: `w · (mean_i [ê_i + o_i (e_i − ê_i) / q_i] + mean_i o_i (e_i −
//!   ê_i)² / q_i)`.
//!
//! With exact propensities the mean is that of e over ALL rows. The backbone decides which: `backbone.escm2.mode`. The
//! paper's λ_c = 0.1 is `weight`. Rows with a propensity below the floor weigh too little for that: their share is
//! logged, and a run warns where they are more than half.
//!
//! Departures, the values being the paper's: 1. In the doubly robust estimate ê is a constant, and the squares alone
//! teach it. Its gradient is linear in ê where o = 0, without a bound: trained on it, imputed losses ran to minus
//! infinity. 2. In the squares e is a constant, and the estimate alone teaches the prediction. With e attached they
//! minimise the variance of e too, which pulls a rare task's prediction towards ½: at a click rate of .04 a true
//! conversion rate of .05 becomes .165.

use burn::tensor::Tensor;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    AtFloor, LossInput, LossTerm, Setting, check_has_pairs, check_strength, column, cross_entropy, pairs, sum,
};

/// `[losses.counterfactual]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, expecting = "a table of settings, such as {}")]
pub struct Config {
    /// Strength w.
    pub weight: f64,
    /// Smaller propensities count as this, which bounds a row's weight by its inverse.
    pub propensity_floor: f64,
}

impl Default for Config {
    fn default() -> Self {
        Self { weight: 0.1, propensity_floor: 0.05 }
    }
}

impl LossTerm for Config {
    fn value(&self, input: &LossInput<'_>) -> Tensor<1> {
        let predictions = input.predictions;
        let conditional = predictions.conditional.as_ref().expect("checked: the backbone gives conditionals");
        let terms = pairs(&input.tasks.parents).map(|(parent, child)| {
            let propensity = column(&predictions.probabilities, parent).detach();
            let share = column(input.labels, parent) / propensity.clamp(self.propensity_floor, 1.0);
            let logits = predictions.logits.as_ref().map(|logits| column(logits, child));
            let error = cross_entropy(column(conditional, child), logits, &column(input.labels, child));
            match &predictions.imputed {
                None => (share * error).mean(),
                Some(imputed) => {
                    let imputed = column(imputed, child);
                    let constant = imputed.clone().detach();
                    let estimate = constant.clone() + share.clone() * (error.clone() - constant);
                    (estimate + share * (error.detach() - imputed).square()).mean()
                }
            }
        });
        sum(terms, conditional) * self.weight
    }

    fn at_floor(&self, input: &LossInput<'_>) -> Vec<AtFloor> {
        let of_pair = |(parent, child)| {
            let propensity = column(&input.predictions.probabilities, parent);
            AtFloor::new(child, propensity, self.propensity_floor, column(input.labels, parent).ones_like())
        };
        pairs(&input.tasks.parents).map(of_pair).collect()
    }

    fn check(&self, setting: &Setting<'_>) -> Result<(), String> {
        check_strength("weight", self.weight)?;
        check_has_pairs("counterfactual", setting)?;
        if self.weight == 0.0 {
            return Err("`weight` is 0, which is ESMM: use `[backbone.esmm]` without this term".into());
        }
        if !(1e-4..=1.0).contains(&self.propensity_floor) {
            return Err(format!(
                "`propensity_floor` is a probability from 1e-4 to 1; found {}",
                self.propensity_floor
            ));
        }
        if setting.gives_conditionals {
            return Ok(());
        }
        Err("`losses.counterfactual` needs a backbone that predicts P(task | the task before): use `escm2` or `esmm`, or \
             remove the term"
            .into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backbone::Predictions;
    use crate::loss::TaskFacts;
    use crate::loss::tests::value;
    use crate::parameter::host;
    use burn::tensor::{Device, TensorData};

    /// Rows (click, no buy), (no click) and (click, buy), click probabilities 0.5, 0.5 and 0.01.
    fn of(imputed: Option<[f32; 3]>) -> f32 {
        let device = Device::default();
        let conditional = Tensor::from_floats([[0.5, 0.2], [0.5, 0.2], [0.01, 0.4]], &device);
        let cumulative = Tensor::from_floats([[0.5, 0.1], [0.5, 0.1], [0.01, 0.004]], &device);
        let imputed = imputed.map(|[a, b, c]| Tensor::from_floats([[0.0, a], [0.0, b], [0.0, c]], &device));
        let predictions =
            Predictions { conditional: Some(conditional), imputed, ..Predictions::from(cumulative) };
        let labels = Tensor::from_floats([[1.0, 0.0], [0.0, 0.0], [1.0, 1.0]], &device);
        let config = Config { weight: 0.5, propensity_floor: 0.1 };
        value(&config, predictions, labels, &[None, Some(0)])
    }

    #[test]
    fn inverse_propensities_by_hand() {
        // −ln 0.8 / 0.5 and −ln 0.4 / 0.1 (the floor), of three rows
        let expected = 0.5 * (0.223_143_55 / 0.5 + 0.916_290_7 / 0.1) / 3.0;
        assert!((of(None) - expected).abs() < 1e-5, "{}", of(None));
    }

    #[test]
    fn doubly_robust_by_hand() {
        let [a, b, c] = [0.2_f32, -0.3, 1.0];
        let (first, third) = (0.223_143_55 - a, 0.916_290_7 - c);
        let errors = a + first / 0.5 + b + c + third / 0.1;
        let expected = 0.5 * (errors + first * first / 0.5 + third * third / 0.1) / 3.0;
        assert!((of(Some([a, b, c])) - expected).abs() < 1e-5, "{}", of(Some([a, b, c])));
    }

    #[test]
    fn rows_that_cannot_be_seen_teach_the_imputation_nothing() {
        let device = Device::default().autodiff();
        let imputed = Tensor::<2>::from_floats([[0.0, 0.7], [0.0, -0.3]], &device).require_grad();
        let predictions = Predictions {
            conditional: Some(Tensor::full([2, 2], 0.5, &device).require_grad()),
            imputed: Some(imputed.clone()),
            ..Predictions::from(Tensor::full([2, 2], 0.5, &device))
        };
        // The first row was clicked, the second was not.
        let labels = Tensor::<2>::from_floats([[1.0, 0.0], [0.0, 0.0]], &Device::default());
        let tasks = crate::loss::TaskFacts {
            losses: Default::default(),
            parents: vec![None, Some(0)],
            positive_rates: vec![0.5; 2],
        };
        let losses = Tensor::zeros([2, 2], &Device::default());
        let input = LossInput {
            predictions: &predictions,
            labels: &labels,
            losses: &losses,
            fields: &[],
            tasks: &tasks,
            agent: None,
        };
        let gradients = Config::default().value(&input).backward();
        let gradient = crate::parameter::host(imputed.grad(&gradients).unwrap());
        assert!(gradient[1] != 0.0 && gradient[3] == 0.0, "{gradient:?}");
    }

    /// 500 rows alike: 20 clicks, as predicted, of which 1 converts. Trained to the minimum of what the task and the
    /// term lose, the conversion rate is predicted as observed. With the losses in the squares attached, its root was
    /// that of `q (p − r) / (1 − q p) + w ((p − r) + 2 r (1 − r) logit p) / (1 − p) = 0`, which is p = .165: a PCOC of
    /// 3.3.
    #[test]
    fn doubly_robust_training_predicts_the_conversions_that_are_observed() {
        const ROWS: usize = 500;
        const CLICKS: usize = 20;
        let device = Device::default().autodiff();
        let labels: Vec<f32> = (0..ROWS)
            .flat_map(|row| [f32::from(u8::from(row < CLICKS)), f32::from(u8::from(row == 0))])
            .collect();
        let labels = Tensor::<2>::from_data(TensorData::new(labels, [ROWS, 2]), &Device::default());
        let click = (CLICKS as f32 / ROWS as f32).recip();
        let click = Tensor::<2>::full([ROWS, 1], -(click - 1.0).ln(), &device);
        let parents = [None, Some(0)];
        let tasks =
            TaskFacts { losses: Default::default(), parents: parents.into(), positive_rates: vec![0.5; 2] };
        let config = Config { weight: 0.1, propensity_floor: 0.01 };
        let (mut logit, mut imputed) = (-1.0, 0.5);
        for _ in 0..300 {
            let leaf = |value: f32| Tensor::<2>::full([1, 1], value, &device).require_grad();
            let (of_logit, of_imputed) = (leaf(logit), leaf(imputed));
            let logits = Tensor::cat(vec![click.clone(), of_logit.clone().expand([ROWS, 1])], 1);
            let imputation = Tensor::cat(vec![click.zeros_like(), of_imputed.clone().expand([ROWS, 1])], 1);
            let predictions =
                Predictions { imputed: Some(imputation), ..Predictions::chained(logits, &parents) };
            let losses = tasks.losses.of(&predictions, &parents, &labels, None);
            let input = LossInput {
                predictions: &predictions,
                labels: &labels,
                losses: &losses,
                fields: &[],
                tasks: &tasks,
                agent: None,
            };
            let gradients = (losses.clone().mean_dim(0).sum() + config.value(&input)).backward();
            let gradient = |leaf: Tensor<2>| host(leaf.grad(&gradients).unwrap())[0];
            logit -= 50.0 * gradient(of_logit);
            imputed -= 2.0 * gradient(of_imputed);
        }
        let pcoc = (1.0 / (1.0 + (-logit).exp())) / (1.0 / CLICKS as f32);
        assert!((pcoc - 1.0).abs() < 0.01, "{pcoc}");
        // The imputed loss is that of the rows that can be seen.
        let entropy = -(0.05_f32 * 0.05_f32.ln() + 0.95 * 0.95_f32.ln());
        assert!((imputed - entropy).abs() < 1e-3, "{imputed}, expected {entropy}");
    }

    #[test]
    fn rows_below_the_floor_are_counted_pair_by_pair() {
        let device = Device::default();
        let p = Tensor::<2>::from_floats([[0.04, 0.5, 0.01], [0.06, 0.5, 0.01], [0.01, 0.04, 0.01]], &device);
        let predictions = Predictions::from(p);
        let zeros = Tensor::<2>::zeros([3, 3], &device);
        let parents = vec![None, Some(0), Some(1)];
        let tasks = TaskFacts { losses: Default::default(), parents, positive_rates: vec![0.5; 3] };
        let input = LossInput {
            predictions: &predictions,
            labels: &zeros,
            losses: &zeros,
            fields: &[],
            tasks: &tasks,
            agent: None,
        };
        let found = Config::default().at_floor(&input).into_iter();
        let found: Vec<_> = found.map(|of| (of.task, host(of.rows)[0], host(of.of)[0])).collect();
        assert_eq!(found, [(1, 2.0, 3.0), (2, 1.0, 3.0)]);
    }

    #[test]
    fn backbones_without_conditionals_are_refused() {
        let setting = Setting { parents: &[None, Some(0)], ..Setting::default() };
        assert!(Config::default().check(&setting).unwrap_err().contains("escm2"));
    }
}
