//! What came out of a run, in a sentence or two: where `rmtl train` ends, and where `report.md` begins.
//!
//! One run has one seed. What its test sessions say of a difference is measured here; what another seed would have given is
//! not, so no sentence calls an actor better.

use std::ops::Range;

use rmtl_agents::stream::Stream;

use crate::metric::TaskMetrics;
use crate::output::report::{Comparison, TaskBlock};
use crate::statistics::{BothSources, CountedAuc, resample};

/// Rows looked at by a bootstrap, all resamples together: a second or so.
const WORK: usize = 100_000_000;
/// A standard error of this many resamples is right within 10 %; of the other bound, within 3 %.
const FEWEST_RESAMPLES: usize = 50;
const MOST_RESAMPLES: usize = 500;

/// The test rows two actors are compared on; every label is 0 or 1.
#[derive(Clone, Copy, Debug)]
pub struct Rows<'a> {
    /// `[row, task]`.
    pub labels: &'a [u8],
    /// Row ranges of the sessions.
    pub sessions: &'a [Range<u32>],
    /// Number of tasks.
    pub n_tasks: usize,
}

/// The difference of two actors' mean AUC with its error over sessions, from predictions `[row, task]`. Nothing where a
/// task has one outcome only.
pub fn difference(rows: Rows<'_>, tried: &[f32], base: &[f32], stream: &mut Stream) -> Option<BothSources> {
    let Rows { labels, sessions, n_tasks } = rows;
    let session_of: Vec<u32> =
        (0..).zip(sessions).flat_map(|(index, rows)| rows.clone().map(move |_| index)).collect();
    let column = |values: &[f32], task: usize| -> Vec<f32> {
        values.iter().skip(task).step_by(n_tasks).copied().collect()
    };
    let labels: Vec<Vec<u8>> =
        (0..n_tasks).map(|task| labels.iter().skip(task).step_by(n_tasks).copied().collect()).collect();
    let columns: Vec<[Vec<f32>; 2]> =
        (0..n_tasks).map(|task| [column(tried, task), column(base, task)]).collect();
    let counted = labels
        .iter()
        .zip(&columns)
        .map(|(labels, [tried, base])| {
            Some([CountedAuc::new(labels, &session_of, tried)?, CountedAuc::new(labels, &session_of, base)?])
        })
        .collect::<Option<Vec<_>>>()?;
    let mean_difference = |counts: &[u32]| {
        let of_task = |[tried, base]: &[CountedAuc<'_>; 2]| Some(tried.at(counts)? - base.at(counts)?);
        let sum = counted.iter().map(of_task).sum::<Option<f64>>()?;
        Some(sum / n_tasks as f64)
    };
    let n_resamples = WORK / (2 * tried.len()).max(1);
    let n_resamples = n_resamples.clamp(FEWEST_RESAMPLES, MOST_RESAMPLES);
    let once = mean_difference(&vec![1; sessions.len()])?;
    let over_sessions = resample(sessions.len(), n_resamples, stream, mean_difference)?;
    BothSources::of(&[once], over_sessions.error)
}

/// What is to be told of.
#[derive(Clone, Copy, Debug)]
pub struct Outcome<'a> {
    /// The weighting's name.
    pub weighting: &'a str,
    /// The actors on the test split.
    pub actors: &'a Comparison,
    /// The final actor's mean AUC minus that of what it is compared with.
    pub difference: Option<&'a BothSources>,
}

impl Outcome<'_> {
    /// For people.
    pub fn sentence(&self) -> String {
        let Comparison { tasks, equal_budget, baseline, .. } = self.actors;
        let further = equal_budget.is_some() || baseline.is_some();
        let name = match (further, self.weighting) {
            (true, "critic") | (false, _) => format!("{} weights", self.weighting),
            (true, _) => format!("{} weights with the agent's losses", self.weighting),
        };
        let (base, of_base) = match (equal_budget, baseline) {
            (Some(base), _) => {
                (base, "equal weights with the same start, batches and largest number of steps")
            }
            (None, Some(base)) => (
                base,
                "the pretrained actor, whose training had a length of its own (so this is not the weights' doing alone)",
            ),
            (None, None) => return self.alone(&name),
        };
        let by_auc = means(tasks, base, TaskMetrics::ranking).map(|means| ("mean AUC", means, ""));
        let by_loss = means(tasks, base, TaskMetrics::loss)
            .map(|means| ("mean logloss", means, ", where lower is better"));
        match (by_auc, by_loss) {
            (Some((metric, [tried, base], _)), loss) => {
                let loss = loss.map_or(String::new(), |(metric, [tried, base], direction)| {
                    format!("; {metric} {tried:.4} against {base:.4}{direction}")
                });
                format!(
                    "{name}: {metric} {tried:.4} against {base:.4} of {of_base}{loss}. {}",
                    self.honesty()
                )
            }
            (None, Some((metric, [tried, base], direction))) => format!(
                "{name}: {metric} {tried:.4} against {base:.4} of {of_base}{direction} (a task has no AUC on the test \
                 split). One run, whose error is not known; `rmtl compare` judges several."
            ),
            (None, None) => {
                format!("{name}: neither AUC nor logloss is known of every task on the test split.")
            }
        }
    }

    /// How much the difference of one run says.
    fn honesty(&self) -> String {
        let Some(BothSources { difference, interval, .. }) = self.difference else {
            return "One run, and how far its test sessions can be trusted is not known: `rmtl compare` judges several."
                .into();
        };
        if *difference == 0.0 {
            return "Both rank the test rows equally well.".into();
        }
        let margin = (interval[1] - interval[0]) / 2.0;
        let measured = format!(
            "One run, so a difference in AUC under {margin:.4} tells nothing (95 %, bootstrap over the test sessions)"
        );
        match difference.abs() < margin {
            true => format!("{measured}: this one does not. `rmtl compare` judges runs of several seeds."),
            false => format!(
                "{measured}; this one is larger, but another seed may say otherwise: `rmtl compare` judges several."
            ),
        }
    }

    /// A run in which nothing is compared.
    fn alone(&self, name: &str) -> String {
        let tasks = &self.actors.tasks;
        let reached = match (mean(tasks, TaskMetrics::ranking), mean(tasks, TaskMetrics::loss)) {
            (Some(auc), Some(loss)) => format!("mean AUC {auc:.4}, mean logloss {loss:.4} on the test split"),
            (Some(auc), None) => format!("mean AUC {auc:.4} on the test split"),
            (None, Some(loss)) => {
                format!("mean logloss {loss:.4} on the test split, where a task has no AUC")
            }
            (None, None) => "neither AUC nor logloss is known of every task on the test split".into(),
        };
        format!(
            "{name}: {reached}. This run compares it with nothing: `rmtl compare` puts finished runs side by side, \
             `tensorboard --logdir` shows how it came about."
        )
    }
}

fn mean(tasks: &TaskBlock, metric: impl Fn(&TaskMetrics) -> Option<f64>) -> Option<f64> {
    let sum = tasks.values().map(metric).sum::<Option<f64>>()?;
    Some(sum / tasks.len() as f64)
}

fn means(tried: &TaskBlock, base: &TaskBlock, metric: fn(&TaskMetrics) -> Option<f64>) -> Option<[f64; 2]> {
    Some([mean(tried, metric)?, mean(base, metric)?])
}

#[cfg(test)]
mod tests;
