//! Users and items, and how much they agree.

use rand::{Rng, RngExt};
use rand_distr::{Distribution, StandardNormal};

use super::SyntheticConfig;

/// Share of the variance of users and items that their group or category explains: what a model can learn of a
/// user it has seen twice.
const COHESION: f64 = 0.85;
/// Standard deviation of the error with which an item's quality is seen.
const QUALITY_ERROR: f64 = 0.4;

/// Weights of what makes up a logit; their squares sum to about 1, so that `signal` is the sum's deviation.
const AFFINITY: f64 = 0.65;
const TENDENCY: f64 = 0.4;
const QUALITY: f64 = 0.5;
const PRICE: f64 = 0.4;
const HOUR: f64 = 0.25;
const POSITION: f64 = 0.15;

/// Everybody and everything there is.
pub(super) struct World {
    pub(super) users: Vec<User>,
    pub(super) items: Vec<Item>,
    n_tasks: usize,
}

pub(super) struct User {
    pub(super) group: u32,
    /// What the user likes: `[latent]`.
    pub(super) interest: Vec<f64>,
    /// How readily the user does each task's thing: `[task]`.
    tendency: Vec<f64>,
}

pub(super) struct Item {
    pub(super) category: u32,
    pub(super) quality_seen: f64,
    pub(super) price: f64,
    /// What each task's taste finds in the item: `[task][latent]`.
    properties: Vec<Vec<f64>>,
    /// What each task makes of the item's quality: `[task]`.
    quality: Vec<f64>,
    /// Logarithm of the price, standardised.
    expense: f64,
}

/// The row's circumstances.
pub(super) struct Context<'a> {
    /// The user's interest at that moment: `[latent]`.
    pub(super) interest: &'a [f64],
    pub(super) hour: u32,
    /// Place in the session, counted from 0.
    pub(super) place: u32,
}

impl World {
    pub(super) fn draw<R: Rng + ?Sized>(config: &SyntheticConfig, rng: &mut R) -> Self {
        let n_tasks = config.tasks.len();
        let dim = config.latent_dim as usize;
        let groups: Vec<_> = (0..config.n_user_groups).map(|_| normals(dim, rng)).collect();
        // What the tasks share of the properties first, then what each sees for itself.
        let categories: Vec<Vec<_>> =
            (0..config.n_categories).map(|_| (0..=n_tasks).map(|_| normals(dim, rng)).collect()).collect();
        let users = (0..config.n_users).map(|_| User::draw(config, &groups, rng)).collect();
        let items = (0..config.n_items).map(|_| Item::draw(config, &categories, rng)).collect();
        Self { users, items, n_tasks }
    }

    /// The part of a task's logit that features can tell; standard deviation about 1.
    pub(super) fn logit(&self, task: usize, user: &User, item: &Item, context: &Context<'_>) -> f64 {
        let properties = &item.properties[task];
        let agreement: f64 = context.interest.iter().zip(properties).map(|(likes, has)| likes * has).sum();
        let lateness = task as f64 / (self.n_tasks - 1) as f64;
        let evening = (f64::from(context.hour) - 20.0) / 24.0 * std::f64::consts::TAU;
        AFFINITY * agreement / (properties.len() as f64).sqrt()
            + TENDENCY * user.tendency[task]
            + QUALITY * item.quality[task]
            - PRICE * lateness * item.expense
            + HOUR * evening.cos()
            - POSITION * f64::from(context.place + 1).ln()
    }
}

impl User {
    fn draw<R: Rng + ?Sized>(config: &SyntheticConfig, groups: &[Vec<f64>], rng: &mut R) -> Self {
        let group = rng.random_range(0..config.n_user_groups);
        let own = normals(config.latent_dim as usize, rng);
        let shared = normal(rng);
        let tendency = config.tasks.iter().map(|_| mix(config.task_sharing, shared, normal(rng))).collect();
        Self { group, interest: mix_all(COHESION, &groups[group as usize], &own), tendency }
    }
}

impl Item {
    fn draw<R: Rng + ?Sized>(config: &SyntheticConfig, categories: &[Vec<Vec<f64>>], rng: &mut R) -> Self {
        let category = rng.random_range(0..config.n_categories);
        let mut aspects = categories[category as usize]
            .iter()
            .map(|center| mix_all(COHESION, center, &normals(center.len(), rng)))
            .collect::<Vec<_>>()
            .into_iter();
        let shared = aspects.next().expect("the shared aspect comes first");
        let properties = aspects.map(|own| mix_all(config.task_sharing, &shared, &own)).collect();
        let shared = normal(rng);
        let quality = config.tasks.iter().map(|_| mix(config.task_sharing, shared, normal(rng))).collect();
        let expense = normal(rng);
        Self {
            category,
            quality_seen: shared + QUALITY_ERROR * normal(rng),
            price: ((3.0 + 0.6 * expense).exp() * 100.0).round() / 100.0,
            properties,
            quality,
            expense,
        }
    }
}

pub(super) fn normal<R: Rng + ?Sized>(rng: &mut R) -> f64 {
    StandardNormal.sample(rng)
}

fn normals<R: Rng + ?Sized>(n: usize, rng: &mut R) -> Vec<f64> {
    (0..n).map(|_| normal(rng)).collect()
}

/// A standard normal of which `share` of the variance is `common`'s.
pub(super) fn mix(share: f64, common: f64, own: f64) -> f64 {
    share.sqrt() * common + (1.0 - share).sqrt() * own
}

fn mix_all(share: f64, common: &[f64], own: &[f64]) -> Vec<f64> {
    common.iter().zip(own).map(|(&common, &own)| mix(share, common, own)).collect()
}
