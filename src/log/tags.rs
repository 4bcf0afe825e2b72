//! The name of every curve, and the only place that spells one.
//!
//! A tag is `<phase>/<quantity>` or `<phase>/<quantity>/<task or part>`: TensorBoard groups by the first
//! part, so each phase is a group, and the tasks of one quantity stand side by side. `docs/metrics.md`
//! explains each tag; a test holds the two together.

use std::fmt;

/// The training phase a value belongs to, the first part of its tag. Steps count within a phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Phase {
    /// The actor alone, equal weights, until the early stop.
    Pretrain,
    /// Walking sessions to fill the replay buffer.
    Collect,
    /// The critics, the actor frozen.
    Critics,
    /// The actor on the weighted loss, the critics frozen.
    Weighted,
    /// Actor and critics side by side.
    Joint,
    /// `Weighted` or `Joint` once more with all weights 1 and without critics, for comparison.
    EqualBudget,
    /// Learning a controller of the task weights; a step is a block of a training.
    Control,
}

impl Phase {
    /// Every phase, in the order of a run.
    pub const ALL: [Self; 7] = [
        Self::Pretrain,
        Self::Collect,
        Self::Critics,
        Self::Weighted,
        Self::Joint,
        Self::EqualBudget,
        Self::Control,
    ];

    /// The name in tags and reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pretrain => "pretrain",
            Self::Collect => "collect",
            Self::Critics => "critics",
            Self::Weighted => "weighted",
            Self::Joint => "joint",
            Self::EqualBudget => "equal_budget",
            Self::Control => "control",
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// Parameters that have an optimiser, hence a learning rate and a gradient norm, of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Part {
    /// Layers of the actor.
    ActorDense,
    /// Embedding tables of the actor.
    ActorEmbedding,
    /// Layers of the critics.
    CriticDense,
    /// Embedding tables of the critics.
    CriticEmbedding,
}

impl Part {
    /// Every part.
    pub const ALL: [Self; 4] =
        [Self::ActorDense, Self::ActorEmbedding, Self::CriticDense, Self::CriticEmbedding];

    /// The name in tags.
    pub fn name(self) -> &'static str {
        match self {
            Self::ActorDense => "actor_dense",
            Self::ActorEmbedding => "actor_embedding",
            Self::CriticDense => "critic_dense",
            Self::CriticEmbedding => "critic_embedding",
        }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// Writes a function per tag and [`PATTERNS`], the list of them all.
macro_rules! tags {
    ($($(#[doc = $doc:literal])+ $name:ident($($part:ident: $kind:ty),*) = $pattern:literal;)+) => {
        $(
            $(#[doc = $doc])+
            pub fn $name($($part: $kind),*) -> String {
                format!($pattern)
            }
        )+

        /// Every tag there is, with its variable parts in braces, as `docs/metrics.md` lists them.
        pub const PATTERNS: &[&str] = &[$($pattern),+];

        /// What each of them is.
        const DESCRIPTIONS: &[&str] = &[$(concat!($($doc),+)),+];
    };
}

tags! {
    /// Binary cross entropy of a task, unweighted.
    task_loss(phase: Phase, task: &str) = "{phase}/loss/{task}";
    /// Binary cross entropy of a task with the rows' weights, as it enters the training loss.
    weighted_loss(phase: Phase, task: &str) = "{phase}/weighted_loss/{task}";
    /// One term of the training loss, named by the `LossTerm`.
    loss_term(phase: Phase, term: &str) = "{phase}/loss_term/{term}";
    /// Share of a batch's rows whose probability lies below the floor of a term that weighs rows by its inverse.
    floor_share(phase: Phase, term: &str, task: &str) = "{phase}/floor_share/{term}/{task}";
    /// What the actor's optimisers minimise: the sum of all terms.
    total_loss(phase: Phase) = "{phase}/total_loss";

    /// What the backbone anneals.
    annealed(phase: Phase, name: &str) = "{phase}/annealed/{name}";
    /// Histogram over the batch of something the backbone shows of itself.
    backbone_diagnostic(phase: Phase, name: &str) = "{phase}/backbone/{name}";

    /// Mean of the loss weights `ω = 1 − λ Q`.
    weight_mean(phase: Phase, task: &str) = "{phase}/weight_mean/{task}";
    /// Standard deviation of the loss weights.
    weight_std(phase: Phase, task: &str) = "{phase}/weight_std/{task}";
    /// Smallest loss weight.
    weight_min(phase: Phase, task: &str) = "{phase}/weight_min/{task}";
    /// Largest loss weight.
    weight_max(phase: Phase, task: &str) = "{phase}/weight_max/{task}";
    /// Histogram of the loss weights.
    weight(phase: Phase, task: &str) = "{phase}/weight/{task}";

    /// Mean of the loss weights of the rows of one segment.
    weight_mean_by_segment(phase: Phase, task: &str, segment: &str) = "{phase}/weight_mean_by_segment/{task}/{segment}";

    /// Pearson correlation of a row's weight with its unweighted loss.
    weight_loss_correlation(phase: Phase, task: &str) = "{phase}/weight_loss_correlation/{task}";

    /// What the critics' optimisers minimise: the sum over tasks of the TD losses.
    critic_loss(phase: Phase) = "{phase}/critic_loss";
    /// Mean squared TD error of a task.
    td_loss(phase: Phase, task: &str) = "{phase}/td_loss/{task}";
    /// Mean TD error `δ = y − Q`; far from 0 means a biased critic.
    td_error_mean(phase: Phase, task: &str) = "{phase}/td_error_mean/{task}";
    /// Mean absolute TD error.
    td_error_abs(phase: Phase, task: &str) = "{phase}/td_error_abs/{task}";
    /// Mean of the critic's values `Q(s, a)`.
    q_mean(phase: Phase, task: &str) = "{phase}/q_mean/{task}";
    /// Share of rows with `|Q(s, a)| < 1e-4`; near 1 the critic is dead and all weights are 1.
    q_zero_share(phase: Phase, task: &str) = "{phase}/q_zero_share/{task}";
    /// Share of rows with a Q that no return can have; above 0 the critic diverges.
    q_outside_share(phase: Phase, task: &str) = "{phase}/q_outside_share/{task}";
    /// Mean reward of the actions taken.
    reward_mean(phase: Phase, task: &str) = "{phase}/reward_mean/{task}";

    /// Pearson correlation of Q with the Monte-Carlo return on validation sessions, `terminated` or `cut` ones.
    validation_q_correlation(phase: Phase, task: &str, sessions: &str) = "{phase}/validation_q_correlation/{task}/{sessions}";
    /// Mean of Q less the Monte-Carlo return.
    validation_q_bias(phase: Phase, task: &str, sessions: &str) = "{phase}/validation_q_bias/{task}/{sessions}";
    /// Histogram of Q less the Monte-Carlo return.
    validation_q_error(phase: Phase, task: &str, sessions: &str) = "{phase}/validation_q_error/{task}/{sessions}";
    /// Mean Q of ten groups of validation rows in the order of Q, the step being the group.
    calibration_q(phase: Phase, task: &str, sessions: &str) = "{phase}/calibration_q/{task}/{sessions}";
    /// Mean Monte-Carlo return of the same groups.
    calibration_return(phase: Phase, task: &str, sessions: &str) = "{phase}/calibration_return/{task}/{sessions}";
    /// Mean squared TD error of the actor's own predictions on the validation split.
    validation_td_loss(phase: Phase, task: &str, sessions: &str) = "{phase}/validation_td_loss/{task}/{sessions}";
    /// Mean absolute TD error there, of rows with that label.
    validation_td_error_by_label(phase: Phase, task: &str, label: &str) = "{phase}/validation_td_error_by_label/{task}/{label}";
    /// Mean absolute TD error there, by the row's position in its session.
    validation_td_error_by_position(phase: Phase, task: &str, position: &str) = "{phase}/validation_td_error_by_position/{task}/{position}";

    /// Learning rate.
    learning_rate(phase: Phase, part: Part) = "{phase}/learning_rate/{part}";
    /// Euclidean norm of the gradient.
    gradient_norm(phase: Phase, part: Part) = "{phase}/gradient_norm/{part}";
    /// What clipping left of the actor's gradient.
    clip_factor(phase: Phase) = "{phase}/clip_factor";

    /// AUC on the validation split.
    validation_auc(phase: Phase, task: &str) = "{phase}/validation_auc/{task}";
    /// Logloss on the validation split.
    validation_logloss(phase: Phase, task: &str) = "{phase}/validation_logloss/{task}";
    /// AUC of the actor itself where its average is what is validated (`ema`).
    raw_validation_auc(phase: Phase, task: &str) = "{phase}/raw_validation_auc/{task}";
    /// Logloss of the same.
    raw_validation_logloss(phase: Phase, task: &str) = "{phase}/raw_validation_logloss/{task}";
    /// Session-averaged logloss on the validation split.
    validation_s_logloss(phase: Phase, task: &str) = "{phase}/validation_s_logloss/{task}";
    /// XAUC of a task whose label is a number.
    validation_xauc(phase: Phase, task: &str) = "{phase}/validation_xauc/{task}";
    /// Root of its mean squared error.
    validation_rmse(phase: Phase, task: &str) = "{phase}/validation_rmse/{task}";
    /// Its mean absolute error.
    validation_mae(phase: Phase, task: &str) = "{phase}/validation_mae/{task}";
    /// Mean over tasks of the validation AUC, what the early stop looks at.
    validation_mean_auc(phase: Phase) = "{phase}/validation_mean_auc";

    /// AUC on the training rows that a controller measures on.
    control_auc(phase: Phase, task: &str) = "{phase}/control_auc/{task}";
    /// Loss there over that of the base rate.
    control_loss(phase: Phase, task: &str) = "{phase}/control_loss/{task}";
    /// A feature of the state before a block.
    block_state(phase: Phase, feature: &str, task: &str) = "{phase}/state/{feature}/{task}";
    /// A controller's action in a block.
    block_action(phase: Phase, task: &str) = "{phase}/action/{task}";
    /// Log weight that a controller has given a task.
    log_weight(phase: Phase, task: &str) = "{phase}/log_weight/{task}";
    /// A controller's objective where a training ends, the step being the training.
    objective(phase: Phase) = "{phase}/objective";
    /// Work so far, in whole trainings.
    trainings(phase: Phase) = "{phase}/trainings";

    /// Speed.
    rows_per_second(phase: Phase) = "{phase}/time/rows_per_second";
    /// Time spent.
    seconds(phase: Phase) = "{phase}/time/seconds";

    /// The resolved run file.
    run_file() = "run/file";
}

/// What a tag is, for people; `None` of a tag that is not one of these.
pub fn description(tag: &str) -> Option<&'static str> {
    let is_of = |pattern: &str| {
        let mut parts = tag.split('/');
        // A task may have a name with slashes in it: what follows a pattern's parts belongs to the last one.
        pattern
            .split('/')
            .all(|part| parts.next().is_some_and(|found| part.starts_with('{') || part == found))
    };
    let index = PATTERNS.iter().position(|pattern| is_of(pattern))?;
    Some(DESCRIPTIONS[index].trim())
}

/// Whether a tag's values come from a clock. They lie apart from those that two runs of one seed have in
/// common.
pub fn is_timing(tag: &str) -> bool {
    tag.split('/').nth(1) == Some("time")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    const DOCUMENTATION: &str = include_str!("../../docs/metrics.md");

    /// Tags in the first column of the page's tables; folders end in a slash.
    fn documented() -> BTreeSet<&'static str> {
        let first_cell = |line: &'static str| line.strip_prefix("| `")?.split_once('`').map(|(tag, _)| tag);
        DOCUMENTATION
            .lines()
            .filter_map(first_cell)
            .filter(|cell| cell.contains('/') && !cell.ends_with('/'))
            .collect()
    }

    #[test]
    fn every_tag_is_documented_and_every_documented_tag_exists() {
        let patterns: BTreeSet<&str> = PATTERNS.iter().copied().collect();
        assert_eq!(patterns.len(), PATTERNS.len(), "two functions write one tag");
        assert_eq!(documented(), patterns);
    }

    #[test]
    fn every_phase_and_part_is_documented() {
        let names = Phase::ALL.map(Phase::name).into_iter().chain(Part::ALL.map(Part::name));
        for name in names {
            assert!(DOCUMENTATION.contains(&format!("`{name}`")), "{name} is missing");
        }
    }

    #[test]
    fn every_tag_says_what_it_is() {
        assert_eq!(description(&learning_rate(Phase::Joint, Part::ActorDense)), Some("Learning rate."));
        assert_eq!(description(&seconds(Phase::Joint)), Some("Time spent."));
        assert_eq!(
            description(&weight_mean(Phase::Joint, "a/b")),
            Some("Mean of the loss weights `ω = 1 − λ Q`.")
        );
        assert_eq!((description("joint/unknown/click"), description("joint")), (None, None));
        assert_eq!(DESCRIPTIONS.len(), PATTERNS.len());
    }

    #[test]
    fn tags_spell_phase_quantity_task() {
        assert_eq!(task_loss(Phase::EqualBudget, "click"), "equal_budget/loss/click");
        assert_eq!(
            gradient_norm(Phase::Critics, Part::CriticEmbedding),
            "critics/gradient_norm/critic_embedding"
        );
        assert_eq!(critic_loss(Phase::Critics), "critics/critic_loss");
        assert_eq!(run_file(), "run/file");
    }

    #[test]
    fn the_clock_is_known_by_the_quantity_whatever_a_task_is_called() {
        assert!(is_timing(&rows_per_second(Phase::Weighted)) && is_timing(&seconds(Phase::Collect)));
        assert!(!is_timing(&task_loss(Phase::Weighted, "time")));
        assert!(!is_timing(&run_file()));
        assert_eq!(PATTERNS.iter().filter(|pattern| is_timing(pattern)).count(), 2);
    }
}
