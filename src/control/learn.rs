//! A study, done: trainings until the budget is spent, and what they taught in a folder.

mod rivals;

use std::path::PathBuf;
use std::time::Instant;

use rmtl_agents::controller::{
    Agent, AgentKind, Block, Branching, Chooser, CrossEntropy, FEATURES, LogWeights, Shuffle, episode,
};
use rmtl_agents::stream::Streams;
use rmtl_envs::BlockEnvironment;
use serde::Serialize;

use super::env::{ControlEnv, Work};
use super::study::{Method, Study};
use crate::error::{Error, Result};
use crate::log::Logger;
use crate::log::tags::{self, Phase};
use crate::observer::PhaseObserver;
use crate::output::policy_file::{self, POLICY_FILE};
use crate::run::Run;

/// What a study has found and what it cost.
pub const LEARN_FILE: &str = "learn.json";
/// The `[weighting]` that uses what was found, as TOML.
pub const SCHEDULE_FILE: &str = "weighting.toml";

/// What a study found.
#[derive(Clone, Debug, Serialize)]
pub struct Learnt {
    /// The study.
    pub study: Study,
    /// Rows that were trained on, and rows that were measured on.
    pub rows: (usize, usize),
    /// Steps of a whole training.
    pub steps_per_training: u64,
    /// All work.
    pub work: Work,
    /// The same in whole trainings.
    pub trainings: f64,
    /// Seconds it took.
    pub seconds: f64,
    /// Seed and objective at the end of every training, in their order.
    pub episodes: Vec<(u64, f64)>,
    /// The schedule, where that is what is found.
    pub schedule: Option<Vec<LogWeights>>,
    /// The log weights, block by block, that a policy gives a training of the first seed without exploration: replayed as a
    /// schedule, or their mean held constant, they tell whether looking at the training is worth anything.
    pub replay: Option<Vec<LogWeights>>,
}

/// Learns or searches as `study` says, with the trainings of `run`, and leaves everything in its folder.
///
/// # Errors
/// A training diverges, is interrupted, or the folder cannot be written.
pub fn learn(run: &mut Run<'_>, study: &Study) -> Result<Learnt> {
    let n_tasks = run.schema().n_tasks();
    if !study.objective_weights.is_empty() && study.objective_weights.len() != n_tasks {
        return Err(Error::Usage(format!(
            "`objective_weights` needs one number per task: expected {n_tasks}, found {}",
            study.objective_weights.len()
        )));
    }
    if let Some(weights) = study.start.iter().flatten().find(|weights| weights.len() != n_tasks) {
        return Err(Error::Usage(format!(
            "`start` needs one number per task in each of its lists: expected {n_tasks}, found {}",
            weights.len()
        )));
    }
    let start = Instant::now();
    let progress = run.observer.begin(Phase::Control.name(), (study.budget * PER_TRAINING) as u64);
    let mut logger = std::mem::replace(&mut run.logger, Logger::disabled());
    let mut course =
        Course { study, logger: &mut logger, progress, told: 0, start, n_blocks: 0, episodes: Vec::new() };
    let mut env = ControlEnv::new(run, &study.steering())?;
    let found = match study.method {
        Method::Td3 => course.policy(&mut env, AgentKind::Td3, run),
        Method::Ddpg => course.policy(&mut env, AgentKind::Ddpg, run),
        Method::Greedy => course.best_of(&mut env, Chooser::Greedy),
        Method::Random => course.best_of(&mut env, Chooser::Random),
        Method::OpenLoop => course.search(&mut env, study.knots),
        Method::Constant => course.search(&mut env, 1),
        Method::Pbt => course.populations(&mut env),
        Method::Bandit => course.bandit(&mut env),
    }?;
    let (schedule, replay) = match study.method {
        Method::Td3 | Method::Ddpg => (None, Some(found)),
        _ => (Some(found), None),
    };
    let Course { progress, episodes, .. } = course;
    progress.finish();
    let learnt = Learnt {
        study: study.clone(),
        rows: env.rows(),
        steps_per_training: env.planned_steps(),
        work: env.work(),
        trainings: env.trainings(),
        seconds: start.elapsed().as_secs_f64(),
        episodes,
        schedule,
        replay,
    };
    logger.flush();
    run.logger = logger;
    let json = serde_json::to_string_pretty(&learnt).expect("it holds nothing JSON cannot say");
    run.folder.write(LEARN_FILE, &json)?;
    run.folder.write(SCHEDULE_FILE, &usage(study, learnt.schedule.as_deref()))?;
    Ok(learnt)
}

/// Units of progress in a whole training.
const PER_TRAINING: f64 = 100.0;

/// The table of a run file that uses what was found.
fn usage(study: &Study, schedule: Option<&[LogWeights]>) -> String {
    let what = match schedule {
        Some(schedule) => {
            let lists: Vec<String> = schedule.iter().map(|weights| format!("    {weights:?},\n")).collect();
            format!("schedule = [\n{}]", lists.concat())
        }
        None => format!("policy = \"{POLICY_FILE}\"\ncontrol_share = {:?}", study.control_share),
    };
    format!("[weighting.controller]\nbase = {:?}\n{what}\n", study.base)
}

/// How a study goes on.
struct Course<'a> {
    study: &'a Study,
    logger: &'a mut Logger,
    progress: Box<dyn PhaseObserver>,
    /// Progress told so far.
    told: u64,
    start: Instant,
    n_blocks: u64,
    episodes: Vec<(u64, f64)>,
}

impl Course<'_> {
    /// The seed of the next training; nothing where the budget does not allow for one like the last.
    fn next(&self, env: &ControlEnv<'_, '_>) -> Option<u64> {
        let n = self.episodes.len();
        let spent = env.trainings();
        let one = if n == 0 { 0.0 } else { spent / n as f64 };
        let most = self.study.episodes.map_or(usize::MAX, |most| most as usize);
        let goes_on = n < most && spent + one <= self.study.budget;
        goes_on.then(|| self.study.seeds[n % self.study.seeds.len()])
    }

    /// Takes in a training that has ended.
    fn end(&mut self, env: &ControlEnv<'_, '_>, seed: u64, objective: f64) {
        self.episodes.push((seed, objective));
        let (n, spent) = (self.episodes.len() as u64, env.trainings());
        self.logger.scalar(&tags::objective(Phase::Control), n, objective);
        self.logger.scalar(&tags::trainings(Phase::Control), n, spent);
        let so_far = (spent.min(self.study.budget) * PER_TRAINING) as u64;
        self.progress.advance(so_far - self.told);
        self.told = so_far;
        let left = self.start.elapsed().as_secs_f64() * (self.study.budget / spent - 1.0).max(0.0);
        self.progress.message(format!(
            "training {n}  objective {objective:.4}  spent {spent:.1} of {} trainings  {left:.0} s left",
            self.study.budget
        ));
    }

    fn log(&mut self, block: &Block, log_weights: &LogWeights) {
        self.n_blocks += 1;
        let (phase, step) = (Phase::Control, self.n_blocks);
        let numbers = |values: &[f32]| values.iter().map(|&value| f64::from(value)).collect::<Vec<_>>();
        for (index, feature) in FEATURES.iter().enumerate() {
            let values = numbers(&block.state).into_iter().skip(index).step_by(FEATURES.len());
            self.logger.per_task_of(|task| tags::block_state(phase, feature, task), step, values);
        }
        self.logger.per_task(tags::block_action, phase, step, numbers(&block.action));
        self.logger.per_task(tags::log_weight, phase, step, log_weights.iter().copied());
        self.logger.per_task(tags::reward_mean, phase, step, numbers(&block.rewards));
        if let Some(update) = &block.update {
            self.logger.scalar(&tags::critic_loss(phase), step, update.critic_loss);
            self.logger.per_task(tags::q_mean, phase, step, update.q.iter().copied());
            self.logger.per_task(tags::td_error_abs, phase, step, update.td_errors.iter().copied());
        }
    }

    fn agent(&self, env: &ControlEnv<'_, '_>, kind: AgentKind) -> (Agent, Streams) {
        let streams = Streams::new(self.study.seeds[0]);
        (Agent::new(kind, self.study.agent.clone(), env.n_tasks(), &streams), streams)
    }

    fn shuffle(&self, streams: &Streams) -> Option<Shuffle> {
        self.study.placebo.map(|placebo| Shuffle::new(placebo, streams.named("control/placebo")))
    }

    /// An agent learns from branching trainings; its policy is kept after every one. Gives what it does at last.
    fn policy(
        &mut self,
        env: &mut ControlEnv<'_, '_>,
        kind: AgentKind,
        run: &Run<'_>,
    ) -> Result<Vec<LogWeights>> {
        let (mut agent, streams) = self.agent(env, kind);
        let mut shuffle = self.shuffle(&streams);
        let mut draws = streams.named("control/branches");
        let chooser = Chooser::Policy { best: self.study.best };
        let branching = Branching { branches: self.study.branches, chooser };
        let path: PathBuf = run.folder.path().join(POLICY_FILE);
        while let Some(seed) = self.next(env) {
            env.reset(seed)?;
            episode(env, &mut agent, branching, &mut shuffle, &mut draws, |env, block| {
                self.log(block, env.log_weights());
            })?;
            self.end(env, seed, env.objective());
            let policy = agent.policy(self.study.blocks, self.study.bound, self.study.limit);
            policy_file::write(&path, &policy)?;
        }
        env.reset(self.study.seeds[0])?;
        let policy = agent.policy(self.study.blocks, self.study.bound, self.study.limit);
        let mut replay = Vec::new();
        for _ in 0..self.study.blocks {
            let action = policy.act(env.state());
            env.step(&action)?;
            replay.push(env.log_weights().clone());
        }
        Ok(replay)
    }

    /// The log weights, block by block, of the training that ended best.
    fn best_of(&mut self, env: &mut ControlEnv<'_, '_>, chooser: Chooser) -> Result<Vec<LogWeights>> {
        let (mut agent, streams) = self.agent(env, AgentKind::Td3);
        let mut draws = streams.named("control/branches");
        let branching = Branching { branches: self.study.branches, chooser };
        let mut best: Option<(f64, Vec<LogWeights>)> = None;
        while let Some(seed) = self.next(env) {
            env.reset(seed)?;
            let mut schedule = Vec::new();
            episode(env, &mut agent, branching, &mut None, &mut draws, |env, block| {
                self.log(block, env.log_weights());
                schedule.push(env.log_weights().clone());
            })?;
            self.end(env, seed, env.objective());
            if best.as_ref().is_none_or(|(score, _)| env.objective() > *score) {
                best = Some((env.objective(), schedule));
            }
        }
        Ok(best.map(|(_, schedule)| schedule).unwrap_or_else(|| vec![vec![0.0; env.n_tasks()]]))
    }

    /// The schedule that a cross-entropy search comes to.
    fn search(&mut self, env: &mut ControlEnv<'_, '_>, knots: u32) -> Result<Vec<LogWeights>> {
        let n_tasks = env.n_tasks();
        let mut stream = Streams::new(self.study.seeds[0]).named("control/search");
        let start = match &self.study.start {
            Some(start) => start.concat(),
            None => vec![0.0; knots as usize * n_tasks],
        };
        let mut search = CrossEntropy::around(start, 1.0, self.study.population);
        let limit = self.study.limit;
        while let Some(seed) = self.next(env) {
            let point = search.ask(&mut stream);
            let score = env.run_schedule(seed, &schedule_of(&point, n_tasks, limit))?;
            search.tell(point, score);
            self.end(env, seed, score);
        }
        Ok(schedule_of(search.found(), n_tasks, limit))
    }
}

/// Numbers `[knot, task]` as log weights of mean 0 within ±`limit`.
fn schedule_of(point: &[f64], n_tasks: usize, limit: f64) -> Vec<LogWeights> {
    let of_knot = |weights: &[f64]| {
        let mean = weights.iter().sum::<f64>() / n_tasks as f64;
        weights.iter().map(|weight| (weight - mean).clamp(-limit, limit)).collect()
    };
    point.chunks(n_tasks).map(of_knot).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_are_schedules_of_mean_zero() {
        let schedule = schedule_of(&[1.0, 3.0, -8.0, 8.0], 2, 4.0);
        assert_eq!(schedule, [[-1.0, 1.0], [-4.0, 4.0]]);
    }
}
