//! Which settings an arm tries: all of a grid, random ones, or such as the ones before make likely (TPE: Bergstra et al.,
//! NeurIPS 2011).

use rand::RngExt;
use rmtl_agents::stream::Stream;
use serde::{Deserialize, Serialize};
use tpe::density_estimation::DefaultEstimatorBuilder;
use tpe::{TpeOptimizer, histogram_estimator, parzen_estimator, range};

use crate::study::space::Space;

/// `method`: how the settings of a search are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// Every combination of the spaces' values.
    Grid,
    /// Drawn evenly, by ratio with `log`.
    Random,
    /// Drawn where those tried before were good; the first quarter is random.
    Tpe,
}

/// Settings that are tried together: those of TPE look at the same results, so that a study comes out the same however
/// many runs go side by side.
const BATCH: usize = 4;

/// A setting.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Point {
    /// Placeholder and what stands in its place.
    pub(super) values: Vec<(String, String)>,
    coordinates: Vec<f64>,
}

impl Point {
    /// The one setting of an arm that searches nothing.
    pub(super) fn only() -> Self {
        Self { values: Vec::new(), coordinates: Vec::new() }
    }
}

/// The search of one arm in one cell.
pub(super) struct Search {
    spaces: Vec<(String, Space)>,
    method: Method,
    trials: usize,
    stream: Stream,
    /// TPE's, one for each space.
    optimizers: Vec<TpeOptimizer<DefaultEstimatorBuilder>>,
    n_asked: usize,
}

impl Search {
    /// Of spaces that were checked.
    pub(super) fn new(
        method: Method,
        spaces: impl IntoIterator<Item = (String, Space)>,
        trials: usize,
        stream: Stream,
    ) -> Self {
        let spaces: Vec<(String, Space)> = spaces.into_iter().collect();
        let optimizer = |(_, space): &(String, Space)| {
            let (from, to) = space.bounds();
            let estimator = if space.values.is_some() { histogram_estimator() } else { parzen_estimator() };
            TpeOptimizer::new(estimator, range(from, to).expect("a space was checked before it is used"))
        };
        let optimizers = spaces.iter().map(optimizer).collect();
        Self { spaces, method, trials, stream, optimizers, n_asked: 0 }
    }

    /// The settings to try next; none at the end. Those before must have been [told](Self::tell).
    pub(super) fn ask(&mut self) -> Vec<Point> {
        let left = self.trials - self.n_asked;
        let n_random = (self.trials / 4).max(BATCH);
        let coordinates = match self.method {
            Method::Grid if self.n_asked == 0 => {
                grid(self.spaces.iter().map(|(_, space)| space)).unwrap_or_default()
            }
            Method::Grid => Vec::new(),
            Method::Random => (0..left).map(|_| self.random()).collect(),
            Method::Tpe if self.n_asked == 0 => (0..left.min(n_random)).map(|_| self.random()).collect(),
            Method::Tpe => (0..left.min(BATCH)).map(|_| self.likely()).collect(),
        };
        self.n_asked += coordinates.len();
        coordinates.into_iter().map(|coordinates| self.point(coordinates)).collect()
    }

    /// What a setting came to, the higher the better; nothing where it failed.
    pub(super) fn tell(&mut self, point: &Point, score: Option<f64>) {
        // It minimises.
        let value = score.map_or(f64::INFINITY, |score| -score);
        for (optimizer, coordinate) in self.optimizers.iter_mut().zip(&point.coordinates) {
            // The upper end of a grid is outside TPE's range, and a score may be no number: nothing to learn from.
            drop(optimizer.tell(*coordinate, value));
        }
    }

    fn random(&mut self) -> Vec<f64> {
        let stream = &mut self.stream;
        let draw = |(_, space): &(String, Space)| {
            let (from, to) = space.bounds();
            stream.random_range(from..to)
        };
        self.spaces.iter().map(draw).collect()
    }

    fn likely(&mut self) -> Vec<f64> {
        let stream = &mut self.stream;
        let ask = |optimizer: &mut TpeOptimizer<_>| {
            let Ok(coordinate) = optimizer.ask(stream);
            coordinate
        };
        self.optimizers.iter_mut().map(ask).collect()
    }

    fn point(&self, coordinates: Vec<f64>) -> Point {
        let spaces = self.spaces.iter().zip(&coordinates);
        let values = spaces.map(|((name, space), at)| (name.clone(), space.text(*at))).collect();
        Point { values, coordinates }
    }
}

/// Every combination of the spaces' grids, the last one changing fastest; nothing where one of them has none.
pub(super) fn grid<'a>(spaces: impl Iterator<Item = &'a Space>) -> Option<Vec<Vec<f64>>> {
    let mut all = vec![Vec::new()];
    for space in spaces {
        let steps = space.grid()?;
        let longer = |point: Vec<f64>| {
            steps.iter().map(move |step| point.iter().copied().chain([*step]).collect()).collect::<Vec<_>>()
        };
        all = all.into_iter().flat_map(longer).collect();
    }
    Some(all)
}

#[cfg(test)]
mod tests;
