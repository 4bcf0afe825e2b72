//! The cross-entropy method (Rubinstein, 1999): normals around where the best of the last round lay.

use rand_distr::{Distribution, StandardNormal};

use crate::stream::Stream;

/// A search for the numbers that score best, without gradients.
#[derive(Clone, Debug)]
pub struct CrossEntropy {
    means: Vec<f64>,
    /// The deviation below which none falls.
    least: f64,
    deviations: Vec<f64>,
    population: usize,
    round: Vec<(f64, Vec<f64>)>,
    best: Option<(f64, Vec<f64>)>,
    /// Whether a round is over.
    has_moved: bool,
}

/// Share of a round that the next one is drawn around.
const ELITE: f64 = 0.25;

/// Share of the new means and deviations; the rest stays.
const PACE: f64 = 0.7;

/// Deviations do not fall below this share of the first one, so that no round is of one point.
const LEAST: f64 = 0.1;

impl CrossEntropy {
    /// Begins around 0 with this deviation; a round is of `population` points, at least 4.
    pub fn new(n: usize, deviation: f64, population: usize) -> Self {
        Self::around(vec![0.0; n], deviation, population)
    }

    /// The same around a point of one's own.
    pub fn around(start: Vec<f64>, deviation: f64, population: usize) -> Self {
        let deviations = vec![deviation; start.len()];
        Self {
            means: start,
            least: LEAST * deviation,
            deviations,
            population: population.max(4),
            round: Vec::new(),
            best: None,
            has_moved: false,
        }
    }

    /// The next point to score; the very first is the one it begins around.
    pub fn ask(&self, stream: &mut Stream) -> Vec<f64> {
        if self.round.is_empty() && self.best.is_none() {
            return self.means.clone();
        }
        let draw = |(mean, deviation): (&f64, &f64)| {
            let draw: f64 = StandardNormal.sample(stream);
            mean + deviation * draw
        };
        self.means.iter().zip(&self.deviations).map(draw).collect()
    }

    /// Takes in the score of a point, the larger the better.
    pub fn tell(&mut self, point: Vec<f64>, score: f64) {
        if self.best.as_ref().is_none_or(|(best, _)| score > *best) {
            self.best = Some((score, point.clone()));
        }
        self.round.push((score, point));
        if self.round.len() < self.population {
            return;
        }
        self.has_moved = true;
        let mut round = std::mem::take(&mut self.round);
        round.sort_by(|a, b| b.0.total_cmp(&a.0));
        round.truncate(((self.population as f64 * ELITE).ceil() as usize).max(2));
        let n = round.len() as f64;
        for (index, (mean, deviation)) in self.means.iter_mut().zip(&mut self.deviations).enumerate() {
            let of = |point: &(f64, Vec<f64>)| point.1[index];
            let centre = round.iter().map(of).sum::<f64>() / n;
            let variance = round.iter().map(|point| (of(point) - centre).powi(2)).sum::<f64>() / n;
            *mean += PACE * (centre - *mean);
            *deviation = (*deviation + PACE * (variance.sqrt() - *deviation)).max(self.least);
        }
    }

    /// What it has come to: the mean of what it draws, for the best of many noisy scores flatters. Before a round is over it is
    /// the best point.
    pub fn found(&self) -> &[f64] {
        match &self.best {
            Some((_, point)) if !self.has_moved => point,
            _ => &self.means,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::Streams;

    fn found(score: impl Fn(&[f64]) -> f64) -> Vec<f64> {
        let mut search = CrossEntropy::new(2, 1.0, 12);
        let mut stream = Streams::new(1).named("search");
        for _ in 0..240 {
            let point = search.ask(&mut stream);
            let score = score(&point);
            search.tell(point, score);
        }
        search.found().to_vec()
    }

    #[test]
    fn it_finds_a_maximum() {
        let found = found(|x| -(x[0] - 1.5).powi(2) - (x[1] + 0.7).powi(2));
        assert!((found[0] - 1.5).abs() < 0.15 && (found[1] + 0.7).abs() < 0.15, "{found:?}");
    }

    #[test]
    fn before_a_round_is_over_the_best_point_is_what_it_has() {
        let mut search = CrossEntropy::new(1, 1.0, 4);
        for (point, score) in [(0.0, 1.0), (0.5, 3.0), (0.7, 2.0)] {
            search.tell(vec![point], score);
        }
        assert_eq!(search.found(), [0.5]);
        // The best two of four are .5 and .7, of which 70 % are taken.
        search.tell(vec![9.0], 0.0);
        assert!((search.found()[0] - 0.42).abs() < 1e-12, "{:?}", search.found());
    }

    #[test]
    fn it_begins_with_the_point_it_is_given() {
        let mut search = CrossEntropy::around(vec![2.0, -1.0], 0.5, 4);
        let mut stream = Streams::new(1).named("search");
        assert_eq!(search.ask(&mut stream), [2.0, -1.0]);
        search.tell(vec![2.0, -1.0], 1.0);
        let next = search.ask(&mut stream);
        assert!(
            next != [2.0, -1.0] && (next[0] - 2.0).abs() < 2.5 && (next[1] + 1.0).abs() < 2.5,
            "{next:?}"
        );
    }

    #[test]
    fn negative_control_where_scores_say_nothing_it_does_not_find_it() {
        // The last digits of a number are of no use.
        let found = found(|x| ((x[0] * 1e6).abs()).fract());
        assert!((found[0] - 1.5).abs() > 0.15 || (found[1] + 0.7).abs() > 0.15, "{found:?}");
    }
}
