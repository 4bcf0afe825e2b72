//! Population based training (Jaderberg et al., 2017, arXiv 1711.09846) over the log weights: trainings side by side, of
//! which the best are copied in the places of the worst and changed.

use std::rc::Rc;

use rand::RngExt;
use rmtl_envs::{BlockEnvironment, BlockStep};

use super::branching::{Block, Lineage, Shuffle, Standing, as_told};
use super::network::centred_on_host;
use crate::stream::Stream;

/// Share of a population that is replaced after a block, and share that it is replaced by.
const QUARTER: usize = 4;

/// What a population has come to.
#[derive(Clone, Debug, PartialEq)]
pub struct Population {
    /// The objective of every member at its end.
    pub objectives: Vec<f64>,
    /// The best of them, as it was told.
    pub score: f64,
    /// Every block of that member, and of those it was copied from before.
    pub lineage: Lineage,
}

/// A training.
struct Member<S> {
    here: Rc<S>,
    /// Whether its log weights change in the next block.
    explores: bool,
    score: f64,
    lineage: Lineage,
}

impl<S> Member<S> {
    fn child(&self) -> Self {
        Self { here: Rc::clone(&self.here), explores: true, score: self.score, lineage: self.lineage.clone() }
    }
}

/// `n` trainings from where `environment` is, which must be the beginning of an episode, to its end.
///
/// All but the first begin with random log weights. After a block the worst quarter by the objective, one at least, are
/// exchanged for copies of random members of the best quarter, and only these change their log weights in the next one: by
/// a random action. All share an episode, so that nothing but log weights tells them apart.
///
/// # Errors
/// The environment's.
///
/// # Panics
/// If `n` is 0.
pub fn population<E: BlockEnvironment>(
    environment: &mut E,
    n: usize,
    shuffle: &mut Option<Shuffle>,
    draws: &mut Stream,
    look: impl Fn(&E) -> Standing,
) -> Result<Population, E::Error> {
    let n_tasks = environment.n_tasks();
    let start = Rc::new(environment.snapshot());
    let member = |index: usize| Member {
        here: Rc::clone(&start),
        explores: index > 0,
        score: f64::NEG_INFINITY,
        lineage: Lineage::new(),
    };
    let mut members: Vec<Member<E::Snapshot>> = (0..n).map(member).collect();
    drop(start);
    for index in 0..environment.n_steps() {
        let mut is_over = false;
        for member in &mut members {
            environment.restore(&member.here);
            let state = environment.state().to_vec();
            let explores = std::mem::take(&mut member.explores);
            let action = if explores { any_action(n_tasks, draws) } else { vec![0.0; n_tasks] };
            let BlockStep { rewards, terminated } = environment.step(&action)?;
            let standing = look(environment);
            member.score = as_told(shuffle, standing.objective);
            member.lineage.push((Block { index, state, action, rewards, update: None }, standing));
            is_over = terminated;
            if !terminated {
                member.here = Rc::new(environment.snapshot());
            }
        }
        if is_over {
            break;
        }
        exploit(&mut members, draws);
    }
    let last = |member: &Member<E::Snapshot>| member.lineage.last().map(|(_, standing)| standing.objective);
    let objectives = members.iter().filter_map(last).collect();
    let best = members.into_iter().max_by(|a, b| a.score.total_cmp(&b.score)).expect("there is a member");
    Ok(Population { objectives, score: best.score, lineage: best.lineage })
}

/// Exchanges the worst for copies of the best.
fn exploit<S>(members: &mut [Member<S>], draws: &mut Stream) {
    let mut order: Vec<usize> = (0..members.len()).collect();
    order.sort_by(|&a, &b| members[b].score.total_cmp(&members[a].score));
    let n = (order.len() / QUARTER).max(1).min(order.len() / 2);
    for &worst in order.iter().rev().take(n) {
        let parent = order[draws.random_range(0..n)];
        members[worst] = members[parent].child();
    }
}

fn any_action(n_tasks: usize, draws: &mut Stream) -> Vec<f32> {
    let action: Vec<f32> = (0..n_tasks).map(|_| draws.random::<f32>() * 2.0 - 1.0).collect();
    centred_on_host(&action)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::Streams;

    #[test]
    fn the_worst_quarter_become_copies_of_the_best_and_the_others_stay() {
        let member =
            |score: f64| Member { here: Rc::new(score), explores: false, score, lineage: Vec::new() };
        let after = |scores: &[f64]| {
            let mut members: Vec<Member<f64>> = scores.iter().copied().map(member).collect();
            exploit(&mut members, &mut Streams::new(1).named("draws"));
            members.iter().map(|member| (*member.here, member.explores)).collect::<Vec<_>>()
        };
        assert_eq!(after(&[1.0]), [(1.0, false)]);
        assert_eq!(after(&[1.0, 3.0, 2.0]), [(3.0, true), (3.0, false), (2.0, false)]);
        let eight = after(&[5.0, 1.0, 8.0, 4.0, 2.0, 7.0, 3.0, 6.0]);
        let untouched = [(5.0, false), (8.0, false), (4.0, false), (7.0, false), (3.0, false), (6.0, false)];
        assert_eq!([eight[0], eight[2], eight[3], eight[5], eight[6], eight[7]], untouched);
        assert!([eight[1], eight[4]].iter().all(|(from, explores)| *explores && *from >= 7.0), "{eight:?}");
    }
}
