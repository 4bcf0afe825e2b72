//! The TD loss over the updates: whether it still falls, and whether it has risen again.

/// The TD loss, window by window of updates.
pub(crate) struct TdTrend {
    window: u64,
    sum: f64,
    n: u64,
    last: Option<f64>,
    best: f64,
}

impl TdTrend {
    pub(super) fn new(window: u64) -> Self {
        Self { window, sum: 0.0, n: 0, last: None, best: f64::INFINITY }
    }

    pub(super) fn add(&mut self, loss: f64) {
        self.sum += loss;
        self.n += 1;
        if self.n == self.window {
            let mean = self.sum / self.n as f64;
            self.last = Some(mean);
            self.best = self.best.min(mean);
            (self.sum, self.n) = (0.0, 0);
        }
    }

    /// Whether a window begins: the one before has just ended.
    pub(crate) fn is_new(&self) -> bool {
        self.n == 0
    }

    /// The mean of the last whole window; of all losses where there were fewer.
    pub(crate) fn mean(&self) -> f64 {
        self.last.unwrap_or(self.sum / self.n.max(1) as f64)
    }

    /// The smallest mean of a window; that of all losses where there were fewer.
    pub(crate) fn best(&self) -> f64 {
        if self.best.is_finite() { self.best } else { self.mean() }
    }

    /// A loss that has risen again was not learnt, whatever stopped it.
    pub(super) fn complaint(&self) -> Option<String> {
        (self.mean() > 2.0 * self.best()).then(|| {
            format!(
                "the TD loss has risen to {:.4} from {:.4}, its best window: the critics diverge; use a lower \
                 `critic.learning_rate` or `critic.tau`",
                self.mean(),
                self.best()
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_trend_of_the_td_loss_by_hand() {
        let mut trend = TdTrend::new(2);
        trend.add(3.0);
        assert_eq!((trend.mean(), trend.best(), trend.is_new()), (3.0, 3.0, false));
        for loss in [1.0, 0.5, 0.3] {
            trend.add(loss);
        }
        assert_eq!((trend.mean(), trend.best(), trend.is_new()), (0.4, 0.4, true));
        trend.add(0.75);
        trend.add(0.75);
        assert_eq!((trend.mean(), trend.best(), trend.complaint()), (0.75, 0.4, None));
        trend.add(0.9);
        trend.add(0.9);
        assert!(trend.complaint().is_some_and(|text| text.contains("to 0.9000 from 0.4000")));
    }
}
