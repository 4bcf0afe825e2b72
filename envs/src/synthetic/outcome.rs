//! From logits to probabilities of known mean, and to labels.

use rand::{Rng, RngExt};

/// Turns logits `[row × task]` into P(label = 1), shifting each task's so that P(task | the task before) has its
/// rate for a mean. Of the share `label_noise` (none where it is empty) the rate alone decides.
pub(super) fn probabilities(logits: Vec<f64>, rates: &[f64], label_noise: &[f64]) -> Vec<f64> {
    let mut probabilities = logits;
    let mut before = vec![1.0; probabilities.len() / rates.len()];
    for (task, &rate) in rates.iter().enumerate() {
        let logits: Vec<f64> = probabilities.iter().skip(task).step_by(rates.len()).copied().collect();
        let bias = bias(&logits, &before, rate);
        // Without noise these are 1 and 0, and the product and sum are exact.
        let noise = label_noise.get(task).copied().unwrap_or(0.0);
        for (row, logit) in logits.into_iter().enumerate() {
            before[row] *= (1.0 - noise) * sigmoid(bias + logit) + noise * rate;
            probabilities[row * rates.len() + task] = before[row];
        }
    }
    probabilities
}

/// The `b` for which the mean of sigmoid(b + logit), weighted, is `rate`: bisected to rounding.
pub(super) fn bias(logits: &[f64], weights: &[f64], rate: f64) -> f64 {
    let total: f64 = weights.iter().sum();
    let mean = |bias: f64| {
        let sum: f64 = logits.iter().zip(weights).map(|(logit, weight)| weight * sigmoid(bias + logit)).sum();
        sum / total
    };
    let (mut low, mut high) = (-100.0, 100.0);
    for _ in 0..50 {
        let middle = (low + high) / 2.0;
        if mean(middle) < rate { low = middle } else { high = middle }
    }
    (low + high) / 2.0
}

/// Labels `[row × task]`: a task happens if the one before it did, with the probability left to it.
pub(super) fn draw_labels<R: Rng + ?Sized>(probabilities: &[f64], n_tasks: usize, rng: &mut R) -> Vec<u8> {
    let mut labels = Vec::with_capacity(probabilities.len());
    for probabilities in probabilities.chunks_exact(n_tasks) {
        // One number decides the row: P(u < p_k) is p_k, and p_k falls along the chain.
        let luck: f64 = rng.random();
        labels.extend(probabilities.iter().map(|&probability| u8::from(luck < probability)));
    }
    labels
}

pub(super) fn sigmoid(logit: f64) -> f64 {
    1.0 / (1.0 + (-logit).exp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probabilities_have_the_mean_that_is_asked_for() {
        // Two rows whose logits differ by ln 4 and ln 9: with b = ln ½ and ln ⅓ by hand,
        // P(first) = 1/3 and 2/3, of mean 1/2; P(second | first) = 1/4 and 3/4, of mean (1/3·1/4 + 2/3·3/4) / 1.
        let logits = vec![0.0, 0.0, 4_f64.ln(), 9_f64.ln()];
        let found = probabilities(logits.clone(), &[0.5, 7.0 / 12.0], &[]);
        let expected = [1.0 / 3.0, 1.0 / 12.0, 2.0 / 3.0, 1.0 / 2.0];
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-9, "{found} is not {expected}");
        }
        // Half of the first task's labels by its rate: ½ · ⅓ + ½ · ½ and ½ · ⅔ + ½ · ½.
        let noisy = probabilities(logits, &[0.5, 7.0 / 12.0], &[0.5, 0.0]);
        for (found, expected) in [noisy[0], noisy[2]].iter().zip([5.0 / 12.0, 7.0 / 12.0]) {
            assert!((found - expected).abs() < 1e-9, "{found} is not {expected}");
        }
        let second = noisy[1] + noisy[3];
        assert!(
            (second - 7.0 / 12.0).abs() < 1e-9,
            "the second keeps its rate where the first happened: {second}"
        );
    }

    #[test]
    fn labels_fall_along_the_chain() {
        /// Gives the same number again and again.
        struct Fixed(u64);
        impl rand::TryRng for Fixed {
            type Error = std::convert::Infallible;

            fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
                Ok((self.0 >> 32) as u32)
            }

            fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
                Ok(self.0)
            }

            fn try_fill_bytes(&mut self, _: &mut [u8]) -> Result<(), Self::Error> {
                unreachable!("labels draw numbers")
            }
        }
        // Half of the numbers there are: luck 0.5.
        let labels = draw_labels(&[0.9, 0.6, 0.4, 0.5, 0.5, 0.1], 3, &mut Fixed(1 << 63));
        assert_eq!(labels, [1, 1, 0, 0, 0, 0]);
    }
}
