//! Q against what follows: returns and TD errors of the actor's own predictions on the validation sessions.

use indexmap::IndexMap;
use rmtl_agents::critic::Critic;
use rmtl_agents::input::BatchReader;
use rmtl_agents::parameter::host;
use rmtl_envs::{Rewards, Row, SessionEnd, Split};
use serde::{Deserialize, Serialize};

use crate::log::tags::{self, Phase};
use crate::metric::{POSITIONS, QEvaluation, QMetrics, QRow, QScored, evaluate_q};
use crate::phase::evaluate::{BATCH, Evaluator};
use crate::run::Run;

/// What a report says of one task's critic.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TaskCriticSummary {
    /// Q and the returns on validation sessions, those that end apart from those that go on.
    #[serde(flatten)]
    pub evaluation: QEvaluation,
    /// Share of validation rows with a dead Q.
    pub dead_share: f64,
    /// Largest less smallest Q over the validation rows.
    pub q_range: f64,
    /// Variance of the rewards of the validation rows: what a TD loss is large or small beside.
    #[serde(skip)]
    pub reward_variance: f64,
}

/// Compares critics with the validation sessions.
pub(crate) struct Diagnosis<'a> {
    reader: BatchReader<'a>,
    terminated: Vec<bool>,
    rewards: Rewards,
    gamma: f64,
}

impl<'a> Diagnosis<'a> {
    pub(crate) fn new(run: &Run<'a>, validation: &Evaluator<'a>) -> Self {
        let reader = run.reader(Split::Validation);
        let last = |rows: &std::ops::Range<u32>| reader.table.end(Row(rows.end - 1));
        let terminated =
            validation.sessions().iter().map(|rows| last(rows) == SessionEnd::Terminated).collect();
        let (rewards, gamma) = (run.rewards(), run.config.critic.gamma);
        Self { reader, terminated, rewards, gamma }
    }

    /// Evaluates Q(s, π(s)) for the predictions π(s) `[row, task]` of the split, logs and gives what it finds, task by task.
    pub(crate) fn measure(
        &self,
        run: &mut Run<'_>,
        (phase, step): (Phase, u64),
        critic: &Critic,
        validation: &Evaluator<'a>,
        predictions: &[f32],
    ) -> IndexMap<String, TaskCriticSummary> {
        let tasks: Vec<String> = run.schema().tasks.iter().map(|task| task.name.clone()).collect();
        let q_values = self.q_values(critic, predictions);
        let mut found = IndexMap::new();
        for (index, name) in tasks.iter().enumerate() {
            let rows = self.rows(&q_values, predictions, index, tasks.len());
            let evaluation = evaluate_q(&QScored {
                rows: &rows,
                sessions: validation.sessions(),
                terminated: &self.terminated,
                gamma: self.gamma,
            });
            log(run, phase, step, name, &evaluation);
            let n_dead =
                rows.iter().filter(|row| row.q.abs() < f64::from(rmtl_agents::critic::DEAD_Q)).count();
            let dead_share = n_dead as f64 / rows.len().max(1) as f64;
            let (low, high) = rows.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), row| {
                (low.min(row.q), high.max(row.q))
            });
            let q_range = (high - low).max(0.0);
            let reward_variance = variance(rows.iter().map(|row| row.reward));
            found
                .insert(name.clone(), TaskCriticSummary { evaluation, dead_share, q_range, reward_variance });
        }
        found
    }

    fn q_values(&self, critic: &Critic, predictions: &[f32]) -> Vec<f32> {
        let n_tasks = self.reader.table.n_tasks();
        let rows: Vec<Row> = self.reader.table.rows().collect();
        let batches = rows.chunks(BATCH).zip(predictions.chunks(BATCH * n_tasks));
        batches
            .flat_map(|(rows, actions)| {
                let actions = self.reader.tensor(actions.to_vec(), rows.len(), n_tasks);
                host(critic.q_values(&self.reader.states(rows), actions))
            })
            .collect()
    }

    fn rows(&self, q_values: &[f32], predictions: &[f32], task: usize, n_tasks: usize) -> Vec<QRow> {
        let row = |row: Row| {
            let index = row.0 as usize * n_tasks + task;
            let label = self.reader.table.labels(row)[task];
            let reward = self.rewards.of_task(self.reader.table, row, task, predictions[index]);
            QRow { q: f64::from(q_values[index]), reward: f64::from(reward), label }
        };
        self.reader.table.rows().map(row).collect()
    }
}

/// The mean squared distance from the mean; 0 of nothing.
fn variance(values: impl Iterator<Item = f64> + Clone) -> f64 {
    let n = values.clone().count().max(1) as f64;
    let mean = values.clone().sum::<f64>() / n;
    values.map(|value| (value - mean).powi(2)).sum::<f64>() / n
}

/// The kinds of sessions, by their names in tags.
fn kinds(evaluation: &QEvaluation) -> [(&'static str, &QMetrics); 2] {
    [("terminated", &evaluation.terminated), ("cut", &evaluation.cut)]
}

/// Logs the calibration curves at the end of a phase, as two curves over the groups.
pub(crate) fn log_calibration(run: &mut Run<'_>, phase: Phase, tasks: &IndexMap<String, TaskCriticSummary>) {
    for (task, summary) in tasks {
        for (kind, metrics) in kinds(&summary.evaluation) {
            for (group, point) in (1..).zip(&metrics.calibration) {
                run.logger.scalar(&tags::calibration_q(phase, task, kind), group, point.q);
                run.logger.scalar(&tags::calibration_return(phase, task, kind), group, point.value);
            }
        }
    }
}

fn log(run: &mut Run<'_>, phase: Phase, step: u64, task: &str, evaluation: &QEvaluation) {
    let mut scalars = Vec::new();
    for (kind, metrics) in kinds(evaluation) {
        scalars.extend([
            (tags::validation_q_correlation(phase, task, kind), metrics.correlation),
            (tags::validation_q_bias(phase, task, kind), metrics.bias),
            (tags::validation_td_loss(phase, task, kind), metrics.td_loss),
        ]);
        if !metrics.errors.is_empty() {
            run.logger.histogram(&tags::validation_q_error(phase, task, kind), step, &metrics.errors);
        }
    }
    for (value, label) in evaluation.td_error_by_label.iter().zip(["0", "1"]) {
        scalars.push((tags::validation_td_error_by_label(phase, task, label), *value));
    }
    for (value, (position, _)) in evaluation.td_error_by_position.iter().zip(POSITIONS) {
        scalars.push((tags::validation_td_error_by_position(phase, task, position), *value));
    }
    for (tag, value) in scalars {
        if let Some(value) = value {
            run.logger.scalar(&tag, step, value);
        }
    }
}
