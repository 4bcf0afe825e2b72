//! What a reader of an actor's metrics should be told: numbers that are worse than none.

use rmtl_envs::auc_standard_error;

use crate::metric::TaskMetrics;
use crate::output::report::TaskBlock;

/// Standard errors of a ranking without skill within which an AUC cannot be told from ½: about 95 % of them.
const CHANCE_ERRORS: f64 = 2.0;

/// Normalised entropy of predicting the base rate everywhere.
const BASE_RATE_NE: f64 = 1.0;

/// Predicted over observed positives outside which probabilities are wrong by a factor, not by a shift of the data.
const CALIBRATED: std::ops::RangeInclusive<f64> = 0.5..=2.0;

/// The warnings about an actor's metrics on the rows of `split`, task by task.
pub fn warnings(split: &str, block: &TaskBlock) -> Vec<String> {
    let of_task = |(task, of): (&String, &TaskMetrics)| {
        let ranking = if of.number.is_some() { of_number(of) } else { ranking(of) };
        let findings = [ranking, entropy(of), calibration(of)];
        findings.into_iter().flatten().map(|finding| format!("task `{task}` on {split}: {finding}")).collect()
    };
    block.iter().flat_map(|entry| -> Vec<String> { of_task(entry) }).collect()
}

/// What the AUC is worth. How precisely it can be measured at all is said of the data, before anything is trained.
fn ranking(of: &TaskMetrics) -> Option<String> {
    let (positives, negatives) = (of.positives, of.rows - of.positives);
    let Some(auc) = of.auc else {
        return Some(format!(
            "AUC is undefined with {positives} positives in {} rows; use a longer log or a larger share of it for this split",
            of.rows
        ));
    };
    let by_chance = CHANCE_ERRORS * auc_standard_error(0.5, positives, negatives);
    if auc < 0.5 - by_chance {
        return Some(format!(
            "AUC {auc:.4} is below ½: it ranks worse than a coin; look for a label that is turned round, or features that mean \
             something else in this split"
        ));
    }
    if auc < 0.5 + by_chance {
        return Some(format!(
            "AUC {auc:.4} cannot be told from chance, which gives ½ ± {by_chance:.4} with {positives} positives; train longer, \
             add features, or use more rows"
        ));
    }
    None
}

/// The same of a number.
fn of_number(of: &TaskMetrics) -> Option<String> {
    let number = of.number?;
    if number.xauc.is_none() {
        return Some("its labels are all the same number here, so nothing can be ranked: use a longer log or another split".into());
    }
    let nmse = number.nmse.filter(|&nmse| nmse > BASE_RATE_NE)?;
    Some(format!(
        "the squared error is {nmse:.3} times that of the training rows' mean, which predicts better; stop earlier, use a lower \
         learning rate, or a `cap` nearer to the usual values"
    ))
}

fn entropy(of: &TaskMetrics) -> Option<String> {
    let ne = of.ne.filter(|&ne| ne > BASE_RATE_NE)?;
    Some(format!(
        "NE {ne:.4} is above 1: its logloss is worse than predicting the split's share of positives everywhere; stop earlier, \
         use a lower learning rate or more dropout"
    ))
}

fn calibration(of: &TaskMetrics) -> Option<String> {
    let pcoc = of.pcoc.filter(|pcoc| !CALIBRATED.contains(pcoc))?;
    let what = if of.number.is_some() { "predictions" } else { "probabilities" };
    Some(format!(
        "PCOC {pcoc:.3} lies outside [½, 2]: the {what} are wrong by that factor; calibrate before they are used, and compare the \
         labels' means in the splits"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn healthy() -> TaskMetrics {
        TaskMetrics {
            auc: Some(0.72),
            logloss: Some(0.3),
            s_logloss: Some(0.3),
            gauc: Some(0.6),
            gauc_skipped_sessions: 0,
            conditional_auc: None,
            pcoc: Some(1.1),
            ne: Some(0.95),
            ece: Some(0.01),
            calibration: Vec::new(),
            number: None,
            positives: 1_000,
            rows: 10_000,
        }
    }

    fn found(of: TaskMetrics) -> Vec<String> {
        warnings("test", &TaskBlock::from_iter([("click".to_owned(), healthy()), ("buy".to_owned(), of)]))
    }

    #[track_caller]
    fn assert_one(of: TaskMetrics, words: &str) {
        let found = found(of);
        assert!(found.len() == 1 && found[0].starts_with("task `buy` on test: "), "{found:?}");
        assert!(found[0].contains(words), "{found:?}");
    }

    #[test]
    fn good_numbers_need_no_words() {
        assert_eq!(found(healthy()), [""; 0]);
        let at_the_bounds = |pcoc| TaskMetrics { pcoc: Some(pcoc), ne: Some(1.0), ..healthy() };
        assert_eq!(found(at_the_bounds(0.5)), [""; 0]);
        assert_eq!(found(at_the_bounds(2.0)), [""; 0]);
    }

    #[test]
    fn each_bad_number_is_named() {
        assert_one(TaskMetrics { ne: Some(1.01), ..healthy() }, "NE 1.0100 is above 1");
        assert_one(TaskMetrics { pcoc: Some(2.1), ..healthy() }, "PCOC 2.100 lies outside");
        assert_one(TaskMetrics { pcoc: Some(0.4), ..healthy() }, "PCOC 0.400 lies outside");
        assert_one(
            TaskMetrics { auc: None, positives: 0, pcoc: None, ne: None, ..healthy() },
            "AUC is undefined with 0",
        );
    }

    #[test]
    fn an_auc_is_measured_against_chance() {
        // Without skill: √(10 001 / (12 · 1000 · 9000)) = .00962, so chance reaches from .4808 to .5192.
        let of = |auc| TaskMetrics { auc: Some(auc), ..healthy() };
        assert_one(of(0.480), "is below ½");
        assert_one(of(0.482), "cannot be told from chance, which gives ½ ± 0.0192");
        assert_one(of(0.518), "cannot be told from chance");
        assert_eq!(found(of(0.520)), [""; 0]);
    }
}
