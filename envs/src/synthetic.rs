//! Session logs whose true probabilities are known, so that a model can be compared with the best one possible.

mod config;
mod log;
mod outcome;
mod planted;
mod world;

use arrow_array::RecordBatch;
use rand::Rng;

pub use self::config::SyntheticConfig;
use self::log::Log;
pub use self::planted::{Planted, PlantedTask};
use self::world::World;

/// Draws a log: a pure function of the configuration and the generator's state.
///
/// Users have interests that lie near their group's, items have properties that lie near their category's, and
/// how well the two agree decides, with the item's quality and price, the hour and the position, how likely each
/// task of the chain is once the task before it has happened:
///
/// `P(y_k = 1 | y_{k−1} = 1) = sigmoid(b_k + signal · (affinity_k(user, item) + …) + noise)`
///
/// (a share `label_noise_k` of the labels has the rate in its place). `b_k` is set so that the mean of that probability is the configured rate. Items are shown by a power law;
/// a user's interest drifts within a session; users come back, some within the same session.
///
/// | column | type | |
/// | --- | --- | --- |
/// | `session` | `UInt32` | numbered by their start |
/// | `time` | `Int64` | milliseconds since 1970; the log is sorted by it, sessions overlap |
/// | `user`, `user_group`, `item`, `category` | `UInt32` | |
/// | `hour` | `UInt32` | of the day, 0–23 |
/// | `position` | `UInt32` | ⌊log₂⌋ of the place in the session, counted from 1, at most 5 |
/// | `quality` | `Float64` | the item's quality, seen with an error |
/// | `price` | `Float64` | of the item; matters more for later tasks |
/// | one per task, under its name | `UInt8` | 0 or 1, 0 wherever an earlier task's is 0 |
/// | `p_` + the task's name | `Float64` | true probability of that label |
///
/// With [`planted`](SyntheticConfig::planted) tasks the columns are `session`, `time`, `user`, `item`, the labels and the
/// true probabilities, and the law is that of [`Planted`].
///
/// # Panics
/// If the configuration is not valid; [`SyntheticConfig::validate`] tells.
pub fn generate<R: Rng + ?Sized>(config: &SyntheticConfig, rng: &mut R) -> RecordBatch {
    config.validate().unwrap_or_else(|error| panic!("{error}"));
    if let Some(planted) = &config.planted {
        return planted::generate(config, planted, rng);
    }
    let world = World::draw(config, rng);
    let mut log = Log::draw(config, &world, rng);
    log.sort_by_time();
    log.into_batch(config, &world)
}

#[cfg(test)]
mod tests;
