//! Adam over a few numbers a weighting learns.

use serde::{Deserialize, Serialize};

/// Adam with β = (0.9, 0.999), ε = 1e-8.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Adam {
    learning_rate: f64,
    step: i32,
    moments: Vec<[f64; 2]>,
}

impl Adam {
    pub(super) fn new(n: usize, learning_rate: f64) -> Self {
        Self { learning_rate, step: 0, moments: vec![[0.0; 2]; n] }
    }

    pub(super) fn step(&mut self, values: &mut [f64], gradient: impl IntoIterator<Item = f64>) {
        self.step += 1;
        let [first, second] = [0.9_f64, 0.999].map(|beta| 1.0 - beta.powi(self.step));
        for ((value, g), [m, v]) in values.iter_mut().zip(gradient).zip(&mut self.moments) {
            *m = 0.9 * *m + 0.1 * g;
            *v = 0.999 * *v + 0.001 * g * g;
            *value -= self.learning_rate * (*m / first) / ((*v / second).sqrt() + 1e-8);
        }
    }
}
