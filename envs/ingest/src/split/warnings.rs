//! What the sizes of the splits say about the numbers that will be measured on them.

use rmtl_envs::{Schema, Split, SplitSummary, Warning, auc_standard_error};

use crate::findings::warnings::warning;

/// Share of cut sessions from which it is worth a word: more ends are unknown than known.
const NOTABLE_CUT: f64 = 0.5;

/// Factor between the label rates of two splits from which a model's probabilities are off by as much.
const NOTABLE_RATE_FACTOR: f64 = 1.5;

/// Standard deviations between two rates from which they differ for certain, sessions of dependent rows allowed for.
const CLEAR_DEVIATIONS: f64 = 5.0;

/// What an AUC is taken to be before one is measured: between chance and the best of recommendation logs.
pub(crate) const ASSUMED_AUC: f64 = 0.7;

/// Standard error of an AUC from which the differences this project is about (below .02) drown in it.
pub(crate) const NOTABLE_ERROR: f64 = 0.02;

/// The warnings of all splits.
pub(crate) fn all(schema: &Schema, splits: &[SplitSummary]) -> Vec<Warning> {
    let sessions: Vec<_> = splits.iter().map(|of| (of.split.name(), of.cut_sessions, of.sessions)).collect();
    let mut warnings = vec![cut_sessions(&sessions)];
    for (index, task) in schema.tasks.iter().enumerate().filter(|(_, task)| task.number.is_none()) {
        let measured: Vec<Measured> = splits.iter().map(|summary| Measured::of(summary, index)).collect();
        warnings.push(drifting_rate(&task.name, &measured));
        warnings.push(few_positives(&task.name, &measured[1..]));
        warnings.extend(measured.iter().map(|of| one_class(&task.name, of)));
    }
    warnings
}

/// A task's rows in one split.
#[derive(Clone, Copy, Debug)]
struct Measured {
    split: Split,
    rows: u64,
    positives: u64,
}

impl Measured {
    fn of(summary: &SplitSummary, task: usize) -> Self {
        Self { split: summary.split, rows: summary.rows, positives: summary.positives[task] }
    }

    fn rate(&self) -> f64 {
        self.positives as f64 / self.rows.max(1) as f64
    }

    fn negatives(&self) -> u64 {
        self.rows - self.positives
    }
}

/// Sessions whose end is not known; of each split (name, cut sessions, sessions).
fn cut_sessions(splits: &[(&str, u64, u64)]) -> Warning {
    let share = |cut: u64, sessions: u64| cut as f64 / sessions.max(1) as f64;
    let notable: Vec<_> =
        splits.iter().filter(|&&(_, cut, sessions)| share(cut, sessions) >= NOTABLE_CUT).collect();
    let parts: Vec<String> = notable
        .iter()
        .map(|&&(split, cut, sessions)| {
            format!("{:.0} % of the {split} sessions", 100.0 * share(cut, sessions))
        })
        .collect();
    warning("cut_sessions", notable.iter().map(|&&(_, cut, _)| cut).sum(), |_| {
        format!(
            "{} are cut: nobody knows whether they go on, so critics' targets at their last rows bootstrap from the row's own \
             state, and few returns are known to compare Q with; a `gap` under `[session]` (a shorter one, if there is one) lets \
             sessions end",
            listed(&parts)
        )
    })
}

/// A task whose label is much rarer or more frequent in a later split than in training.
fn drifting_rate(task: &str, measured: &[Measured]) -> Warning {
    let (train, others) = measured.split_first().expect("there is a training split");
    let drifted = others.iter().filter(|other| rates_differ(train, other));
    let rows = drifted.map(|other| other.rows).sum();
    let rates: Vec<String> =
        measured.iter().map(|of| format!("{} of {} rows", percent(of.rate()), of.split.name())).collect();
    warning("label_rate", rows, |_| {
        format!(
            "task `{task}`: the label is 1 in {}; predictions learnt on train will be off by that much (PCOC): look for labels that \
             were not yet known at the end of a split, or train on rows nearer to those",
            listed(&rates)
        )
    })
}

/// Whether the rates differ by a notable factor and beyond chance: `z = |p₁ − p₂| / √(p (1 − p)(1/n₁ + 1/n₂))`, `p` the rate
/// of both together.
fn rates_differ(a: &Measured, b: &Measured) -> bool {
    let (low, high) = (a.rate().min(b.rate()), a.rate().max(b.rate()));
    let pooled = (a.positives + b.positives) as f64 / (a.rows + b.rows).max(1) as f64;
    let variance = pooled * (1.0 - pooled) * (1.0 / a.rows as f64 + 1.0 / b.rows as f64);
    high > NOTABLE_RATE_FACTOR * low && high - low > CLEAR_DEVIATIONS * variance.sqrt()
}

/// A task of which a split has so few positives (or negatives) that its AUC is hardly more than a guess.
fn few_positives(task: &str, measured: &[Measured]) -> Warning {
    let error = |of: &Measured| auc_standard_error(ASSUMED_AUC, of.positives, of.negatives());
    // One outcome alone is another warning.
    let few: Vec<&Measured> =
        measured.iter().filter(|of| error(of).is_finite() && error(of) > NOTABLE_ERROR).collect();
    let parts: Vec<String> = few
        .iter()
        .map(|of| {
            let (rarer, name) = (of.positives.min(of.negatives()), of.split.name());
            let outcome = if of.positives <= of.negatives() { "positives" } else { "negatives" };
            format!("{rarer} {outcome} in {name} (standard error of an AUC there about {:.3})", error(of))
        })
        .collect();
    warning("few_positives", few.iter().map(|of| of.rows).sum(), |_| {
        format!(
            "task `{task}`: only {}; smaller differences of AUC say nothing: use a longer log or a larger share of it for these \
             splits",
            listed(&parts)
        )
    })
}

/// A task of which a split knows only one outcome: AUC is undefined there.
fn one_class(task: &str, of: &Measured) -> Warning {
    let one_sided = of.positives == 0 || of.positives == of.rows;
    warning("one_class", if one_sided { of.rows } else { 0 }, |rows| {
        let (positives, split) = (of.positives, of.split.name());
        format!("task `{task}`: {positives} of {rows} {split} rows have label 1; AUC is undefined there")
    })
}

/// A share with two significant digits.
pub(crate) fn percent(share: f64) -> String {
    let percent = 100.0 * share;
    let decimals = match percent {
        _ if percent >= 10.0 || percent == 0.0 => 0,
        _ => (1.0 - percent.log10().floor()) as usize,
    };
    format!("{percent:.decimals$} %")
}

fn listed(parts: &[String]) -> String {
    match parts {
        [] => String::new(),
        [one] => one.clone(),
        [rest @ .., last] => format!("{} and {last}", rest.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(split: Split, positives: u64, rows: u64) -> Measured {
        Measured { split, rows, positives }
    }

    #[test]
    fn cut_sessions_are_named_from_one_half() {
        let warned = cut_sessions(&[("train", 50, 100), ("validation", 49, 100), ("test", 90, 100)]);
        assert_eq!(warned.rows, 140);
        assert!(
            warned.message.starts_with("50 % of the train sessions and 90 % of the test sessions are cut")
        );
        assert_eq!(cut_sessions(&[("train", 49, 100), ("validation", 0, 0), ("test", 0, 9)]).rows, 0);
    }

    #[test]
    fn rates_differ_where_factor_and_chance_say_so() {
        let differ =
            |(p, n), (q, m)| rates_differ(&measured(Split::Train, p, n), &measured(Split::Test, q, m));
        // 10 % of 1000 and 20 %: pooled .15, √(.15 · .85 · .002) = .01597, z = 6.3.
        assert!(differ((100, 1000), (200, 1000)) && differ((200, 1000), (100, 1000)));
        // The same rates on 500 rows each: z = 4.4.
        assert!(!differ((50, 500), (100, 500)));
        // Clear beyond doubt, and no more than a factor of 1.4.
        assert!(!differ((100_000, 1_000_000), (140_000, 1_000_000)));
        // None at all in the later split.
        assert!(differ((100, 1000), (0, 1000)) && !differ((1, 1000), (0, 1000)) && !differ((0, 10), (0, 10)));
    }

    #[test]
    fn few_positives_name_split_number_and_error() {
        let few = |positives, rows| few_positives("buy", &[measured(Split::Test, positives, rows)]);
        let warned = few(11, 20_000);
        assert_eq!((warned.kind.as_str(), warned.rows), ("few_positives", 20_000));
        assert!(warned.message.contains("11 positives in test (standard error of an AUC there about 0.089)"));
        assert!(few(19_990, 20_000).message.contains("10 negatives in test"));
        // √(.08647 / P) is .02 at 216; the many negatives add a little.
        assert!(few(210, 20_000).rows > 0);
        assert_eq!(few(230, 20_000).rows, 0);
        // Undefined, and so another warning.
        assert_eq!(few(0, 20_000).rows, 0);
        assert_eq!((one_class("buy", &measured(Split::Test, 0, 7)).rows, few(0, 7).rows), (7, 0));
        assert_eq!(one_class("buy", &measured(Split::Test, 1, 7)).rows, 0);
    }

    #[test]
    fn shares_have_two_digits() {
        assert_eq!([0.9, 0.1, 0.032, 0.0011, 0.0].map(percent), ["90 %", "10 %", "3.2 %", "0.11 %", "0 %"]);
        let parts = ["a", "b", "c"].map(String::from);
        assert_eq!((listed(&parts), listed(&parts[..1])), ("a, b and c".into(), "a".into()));
    }
}
