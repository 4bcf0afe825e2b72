//! A discounted Gaussian Thompson bandit over a few vectors of log weights, without a state. Thompson (1933); the
//! discount, for rewards that drift, as in Garivier & Moulines (ALT 2011) and Raj & Kalyani (2017).

use rand::RngExt;
use rand_distr::{Distribution, StandardNormal};
use rmtl_envs::{BlockEnvironment, BlockStep};

use super::branching::{Block, Lineage, Shuffle, Standing, as_told};
use super::steered::LogWeights;
use crate::stream::Stream;

/// Chooses an arm for every block and learns what it brought.
#[derive(Clone, Debug)]
pub struct Bandit {
    arms: Vec<LogWeights>,
    bound: f64,
    discount: f64,
    /// Discounted, by arm: blocks and the sum of what they brought.
    counts: Vec<f64>,
    sums: Vec<f64>,
    /// Discounted, of all arms: the sum of squares.
    squares: f64,
    /// By block of a training: trainings seen, and what the block brought in them on average.
    usual: Vec<(f64, f64)>,
    draws: Stream,
}

/// Variances do not fall below this, so that nothing is divided by zero where all blocks bring the same.
const LEAST_VARIANCE: f64 = 1e-12;

impl Bandit {
    /// One that has seen nothing, for a bound of the changes in a block and a limit of log weights. Arm 0 is equal weights, arm
    /// k raises task k to `e^min(bound, limit)` times the others, so that a block leads from any arm to any other. `discount`
    /// in (0, 1] is what a block counts less for every one after it.
    pub fn new(n_tasks: usize, bound: f64, limit: f64, discount: f64, draws: Stream) -> Self {
        let emphasis = bound.min(limit);
        let share = emphasis / n_tasks as f64;
        let raised = |raised: usize| {
            (0..n_tasks).map(|task| if task == raised { emphasis - share } else { -share }).collect()
        };
        let arms: Vec<LogWeights> =
            std::iter::once(vec![0.0; n_tasks]).chain((0..n_tasks).map(raised)).collect();
        Self {
            bound,
            discount,
            counts: vec![0.0; arms.len()],
            sums: vec![0.0; arms.len()],
            squares: 0.0,
            usual: Vec::new(),
            draws,
            arms,
        }
    }

    /// The log weights of every arm.
    pub fn arms(&self) -> &[LogWeights] {
        &self.arms
    }

    /// One episode of `environment`, which must be at its beginning. A block is paid the change of the objective.
    ///
    /// # Errors
    /// The environment's.
    pub fn play<E: BlockEnvironment>(
        &mut self,
        environment: &mut E,
        shuffle: &mut Option<Shuffle>,
        look: impl Fn(&E) -> Standing,
    ) -> Result<Lineage, E::Error> {
        let mut lineage = Lineage::new();
        let mut before = look(environment);
        for index in 0..environment.n_steps() {
            let state = environment.state().to_vec();
            let arm = self.choose();
            let change = |(to, from): (&f64, &f64)| ((to - from) / self.bound) as f32;
            let action: Vec<f32> = self.arms[arm].iter().zip(&before.log_weights).map(change).collect();
            let BlockStep { rewards, terminated } = environment.step(&action)?;
            let after = look(environment);
            let paid = as_told(shuffle, after.objective - before.objective);
            self.tell(index as usize, arm, paid);
            before.clone_from(&after);
            lineage.push((Block { index, state, action, rewards, update: None }, after));
            if terminated {
                break;
            }
        }
        Ok(lineage)
    }

    /// An arm that was never told of, else the largest draw of `N(mean_a, σ² / n_a)`.
    fn choose(&mut self) -> usize {
        let unknown: Vec<usize> = (0..self.arms.len()).filter(|&arm| self.counts[arm] == 0.0).collect();
        if !unknown.is_empty() {
            return unknown[self.draws.random_range(0..unknown.len())];
        }
        let n: f64 = self.counts.iter().sum();
        let mean = self.sums.iter().sum::<f64>() / n;
        let variance = (self.squares / n - mean * mean).max(LEAST_VARIANCE);
        let mut best = (f64::NEG_INFINITY, 0);
        for (arm, (count, sum)) in self.counts.iter().zip(&self.sums).enumerate() {
            let draw: f64 = StandardNormal.sample(&mut self.draws);
            let value = sum / count + draw * (variance / count).sqrt();
            if value > best.0 {
                best = (value, arm);
            }
        }
        best.1
    }

    /// Takes in what a block brought, less what it brought in the trainings before: every training gains most where it begins,
    /// whatever the arm. The first training has nothing to be compared with and teaches only that.
    fn tell(&mut self, block: usize, arm: usize, paid: f64) {
        if self.usual.len() <= block {
            self.usual.resize(block + 1, (0.0, 0.0));
        }
        let (n, usual) = &mut self.usual[block];
        let more = paid - *usual;
        let is_known = *n > 0.0;
        *n += 1.0;
        *usual += more / *n;
        if !is_known {
            return;
        }
        let discount = self.discount;
        self.counts.iter_mut().chain(&mut self.sums).for_each(|value| *value *= discount);
        self.counts[arm] += 1.0;
        self.sums[arm] += more;
        self.squares = discount * self.squares + more * more;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::Streams;

    fn bandit(limit: f64) -> Bandit {
        Bandit::new(4, 2.0, limit, 0.5, Streams::new(1).named("bandit"))
    }

    #[test]
    fn an_arm_is_equal_weights_or_a_task_that_is_raised() {
        let arms = bandit(4.0).arms().to_vec();
        assert_eq!(arms.len(), 5);
        assert_eq!(arms[0], [0.0; 4]);
        assert_eq!(arms[3], [-0.5, -0.5, 1.5, -0.5]);
        assert_eq!(bandit(1.0).arms()[3], [-0.25, -0.25, 0.75, -0.25]);
    }

    #[test]
    fn what_it_is_told_is_compared_with_trainings_before_and_discounted() {
        let mut bandit = bandit(4.0);
        bandit.tell(0, 1, 5.0);
        bandit.tell(1, 2, 1.0);
        assert_eq!(bandit.counts, [0.0; 5]);
        // 7 against 5, then 4 against the 6 of two trainings, then 1 against the 1 of one.
        bandit.tell(0, 1, 7.0);
        bandit.tell(0, 2, 4.0);
        bandit.tell(1, 1, 1.0);
        assert_eq!(bandit.counts, [0.0, 1.25, 0.5, 0.0, 0.0]);
        assert_eq!(bandit.sums, [0.0, 0.5, -1.0, 0.0, 0.0]);
        assert_eq!(bandit.squares, 0.25 * 4.0 + 0.5 * 4.0);
    }
}
