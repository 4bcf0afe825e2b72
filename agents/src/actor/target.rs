//! What follows an actor: the target network π̃ of schedules in which it moves while critics learn, and its average.

use burn::tensor::Tensor;
use rmtl_envs::Row;

use super::follower::{Follower, Followers};
use super::update::Collected;
use super::{Actor, Predict};
use crate::input::{BatchReader, StateBatch};
use crate::parameter::host;
use crate::policy::Policy;

/// Rows of one forward pass of a policy: n-step returns may ask for many.
const CHUNK: usize = 4096;

impl Actor {
    /// The same actor with a target network that equals it, and follows it at rate `tau` with every
    /// [`Actor::soft_update`].
    pub fn with_target(mut self, tau: f64) -> Self {
        self.followers.target = Some(Follower::new(&self.encoder, &self.network, tau));
        self
    }

    /// The same actor with an exponential average of its parameters, tables included, that starts at what they are now:
    /// `average ← decay · average + (1 − decay) · online` after every update. It changes nothing of the training.
    pub fn with_average(mut self, decay: f64) -> Self {
        self.followers.average = Some(Follower::new(&self.encoder, &self.network, 1.0 - decay));
        self
    }

    /// A snapshot of the averaged parameters with the optimisers as they are, followed by none; of the actor itself where it
    /// has no average. O(vocabulary): for validations, not for steps.
    pub fn averaged(&self) -> Self {
        let mut snapshot = self.without_followers();
        if let Some(average) = &self.followers.average {
            snapshot.network = average.copy_into(&mut snapshot.encoder, snapshot.network);
        }
        snapshot
    }

    /// Whether it has an average.
    pub fn has_average(&self) -> bool {
        self.followers.average.is_some()
    }

    /// A snapshot without target and average, optimisers included.
    pub fn without_followers(&self) -> Self {
        let Self { encoder, views, network, optimizers, config, n_steps, planned_steps, .. } = self;
        Self {
            encoder: encoder.clone(),
            views: views.clone(),
            network: network.clone(),
            optimizers: optimizers.clone(),
            config: *config,
            followers: Followers::default(),
            collected: Collected::default(),
            has_frozen_tables: self.has_frozen_tables,
            n_steps: *n_steps,
            planned_steps: *planned_steps,
        }
    }

    /// `target ← τ · online + (1 − τ) · target`; the tables' part is lazy and exact.
    ///
    /// # Panics
    /// If it has no target.
    pub fn soft_update(&mut self) {
        self.followers.target.as_mut().expect("an actor with a target").update(&self.network);
    }

    /// π̃(s): probabilities of the target network in evaluation mode.
    ///
    /// # Shapes
    /// - output: `[batch, task]`
    ///
    /// # Panics
    /// If it has no target.
    pub fn predict_target(&mut self, states: &StateBatch) -> Tensor<2> {
        self.followers.target.as_mut().expect("an actor with a target").predict(&self.encoder, states)
    }
}

/// An actor as it is, as the policy that acts.
pub struct OnlinePolicy<'a>(pub &'a Actor);

impl Policy for OnlinePolicy<'_> {
    fn actions(&mut self, reader: &BatchReader<'_>, rows: &[Row]) -> Vec<f32> {
        rows.chunks(CHUNK).flat_map(|rows| host(self.0.predict(&reader.states(rows)))).collect()
    }
}

/// The target network of an actor, as the policy of TD targets.
pub struct TargetPolicy<'a>(pub &'a mut Actor);

impl Policy for TargetPolicy<'_> {
    fn actions(&mut self, reader: &BatchReader<'_>, rows: &[Row]) -> Vec<f32> {
        rows.chunks(CHUNK).flat_map(|rows| host(self.0.predict_target(&reader.states(rows)))).collect()
    }
}
