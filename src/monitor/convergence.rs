//! When critics have learnt: the stop of their training.

use crate::config::ConvergeConfig;

/// Compares the mean loss of each window with the best one so far.
pub(crate) struct Convergence {
    config: ConvergeConfig,
    best: f64,
    windows_since: u32,
}

impl Convergence {
    pub(crate) fn new(config: ConvergeConfig) -> Self {
        Self { config, best: f64::INFINITY, windows_since: 0 }
    }

    /// Takes in the mean loss of a window; true once it has converged.
    pub(crate) fn has_converged_at(&mut self, mean: f64) -> bool {
        if mean < self.best * (1.0 - self.config.epsilon) {
            self.windows_since = 0;
        } else {
            self.windows_since += 1;
        }
        self.best = self.best.min(mean);
        self.windows_since >= self.config.patience
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn convergence_needs_patience_windows_without_improvement() {
        let config = ConvergeConfig { epsilon: 0.1, patience: 2, ..ConvergeConfig::default() };
        let mut convergence = Convergence::new(config);
        // 0.48 is under 10 % better than 0.5, 0.2 is better, then nothing is.
        let means = [1.0, 0.5, 0.48, 0.2, 0.2, 0.19];
        let found = means.map(|mean| convergence.has_converged_at(mean));
        assert_eq!(found, [false, false, false, false, false, true]);
        assert!((convergence.best - 0.19).abs() < 1e-12);
    }
}
