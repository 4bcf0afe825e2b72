//! The rivals of an agent that go through trainings block by block without one.

use rmtl_agents::controller::{Bandit, Lineage, LogWeights, Standing, population};
use rmtl_agents::stream::Streams;
use rmtl_envs::BlockEnvironment;

use super::Course;
use crate::control::env::ControlEnv;
use crate::error::{Error, Result};

impl Course<'_> {
    /// The log weights, block by block, of the best member of all populations. Those of a population share a seed.
    ///
    /// # Errors
    /// The budget does not allow for one.
    pub(super) fn populations(&mut self, env: &mut ControlEnv<'_, '_>) -> Result<Vec<LogWeights>> {
        let streams = Streams::new(self.study.seeds[0]);
        let mut shuffle = self.shuffle(&streams);
        let mut draws = streams.named("control/population");
        let mut best: Option<(f64, Vec<LogWeights>)> = None;
        for &seed in self.study.seeds.iter().cycle() {
            let Some(n) = self.affordable(env) else { break };
            env.reset(seed)?;
            let found = population(env, n, &mut shuffle, &mut draws, standing)?;
            for objective in found.objectives {
                self.end(env, seed, objective);
            }
            let schedule = self.schedule(found.lineage);
            if best.as_ref().is_none_or(|(score, _)| found.score > *score) {
                best = Some((found.score, schedule));
            }
        }
        let too_little = || {
            Error::Usage(format!(
                "a population is of two trainings at least, which are work of {:.1}; raise `budget`, `population` or `episodes`",
                env.cost(2)
            ))
        };
        best.map(|(_, schedule)| schedule).ok_or_else(too_little)
    }

    /// Members of the next population: as many as the budget allows for, two at least.
    fn affordable(&self, env: &ControlEnv<'_, '_>) -> Option<usize> {
        let left = self.study.episodes.map_or(usize::MAX, |most| most as usize) - self.episodes.len();
        let most = self.study.population.min(left);
        (2..=most).rev().find(|&n| env.trainings() + env.cost(n) <= self.study.budget)
    }

    /// The log weights, block by block, of the last training in which a bandit chose.
    pub(super) fn bandit(&mut self, env: &mut ControlEnv<'_, '_>) -> Result<Vec<LogWeights>> {
        let streams = Streams::new(self.study.seeds[0]);
        let mut shuffle = self.shuffle(&streams);
        let study = self.study;
        let draws = streams.named("control/bandit");
        let mut bandit = Bandit::new(env.n_tasks(), study.bound, study.limit, study.discount, draws);
        let mut last = vec![vec![0.0; env.n_tasks()]];
        while let Some(seed) = self.next(env) {
            env.reset(seed)?;
            let lineage = bandit.play(env, &mut shuffle, standing)?;
            last = self.schedule(lineage);
            self.end(env, seed, env.objective());
        }
        Ok(last)
    }

    /// Logs the blocks of a training and gives their log weights.
    fn schedule(&mut self, lineage: Lineage) -> Vec<LogWeights> {
        let of_block = |(block, standing)| {
            let Standing { log_weights, .. } = standing;
            self.log(&block, &log_weights);
            log_weights
        };
        lineage.into_iter().map(of_block).collect()
    }
}

fn standing(env: &ControlEnv<'_, '_>) -> Standing {
    Standing { objective: env.objective(), log_weights: env.log_weights().clone() }
}
