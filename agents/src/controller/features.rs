//! What a controller sees of a training: `[task, feature]`, without a scale of its own.

use crate::weighting::Gram;

/// Names of the features, in their order.
///
/// Slopes are changes over the last block times the number of blocks: per training, however it is divided.
pub const FEATURES: [&str; 11] = [
    "train_loss",
    "train_loss_slope",
    "control_loss",
    "control_loss_slope",
    "control_auc",
    "control_auc_slope",
    "gradient_norm",
    "gradient_cosine",
    "log_weight",
    "base_rate",
    "progress",
];

/// What is measured where a block ends: one number per task, in their order.
#[derive(Clone, Debug, PartialEq)]
pub struct BlockState {
    /// Share of the training that is done.
    pub progress: f64,
    /// Mean loss over the block's training rows, over the loss of the base rate; absent before the first block.
    pub train_losses: Option<Vec<f64>>,
    /// Loss on the control slice, over the loss of its base rate.
    pub control_losses: Vec<f64>,
    /// AUC there, or of numbers XAUC; ½ where there is none.
    pub control_aucs: Vec<f64>,
    /// Inner products of the tasks' gradients on what they share; absent where they share nothing.
    pub gram: Option<Gram>,
    /// Share of positive training rows, or of numbers their mean share of the cap.
    pub base_rates: Vec<f64>,
}

/// Makes states of measurements; remembers the one before, for the slopes.
#[derive(Clone, Debug, PartialEq)]
pub struct Features {
    n_blocks: f64,
    previous: Option<BlockState>,
}

impl Features {
    /// Of a training of so many blocks that has not begun.
    pub fn new(n_blocks: u32) -> Self {
        Self { n_blocks: f64::from(n_blocks), previous: None }
    }

    /// The state after a measurement, given the log weights of the block: `[task, feature]` in the order of [`FEATURES`].
    pub fn observe(&mut self, now: BlockState, log_weights: &[f64]) -> Vec<f32> {
        let train = |of: &BlockState, task: usize| match &of.train_losses {
            Some(losses) => losses[task],
            None => of.control_losses[task],
        };
        let mut state = Vec::with_capacity(log_weights.len() * FEATURES.len());
        for (task, log_weight) in log_weights.iter().enumerate() {
            let slope = |of: &dyn Fn(&BlockState) -> f64| {
                self.previous.as_ref().map_or(0.0, |previous| (of(&now) - of(previous)) * self.n_blocks)
            };
            let (norm, cosine) = now.gram.as_ref().map_or((0.0, 0.0), |gram| angles(gram, task));
            let features = [
                train(&now, task),
                slope(&|of| train(of, task)),
                now.control_losses[task],
                slope(&|of| of.control_losses[task]),
                2.0 * now.control_aucs[task] - 1.0,
                slope(&|of| 2.0 * of.control_aucs[task]),
                norm,
                cosine,
                log_weight / 2.0,
                now.base_rates[task].max(1e-6).ln() / LOG_OF_A_HUNDRED,
                2.0 * now.progress - 1.0,
            ];
            state.extend(
                features.map(|value| if value.is_nan() { 0.0 } else { value.clamp(-MOST, MOST) as f32 }),
            );
        }
        self.previous = Some(now);
        state
    }
}

/// No feature is larger: a network has not seen such numbers, and a loss that explodes says enough at this size.
const MOST: f64 = 5.0;

/// Brings the logarithms of base rates, from a half to a thousandth, to the size of the other features.
const LOG_OF_A_HUNDRED: f64 = 4.605_170_185_988_092;

/// `ln(‖g_k‖ / mean_j ‖g_j‖)` and the mean cosine of g_k with the others; 0 where they mean nothing.
fn angles(gram: &Gram, task: usize) -> (f64, f64) {
    if gram.is_degenerate() {
        return (0.0, 0.0);
    }
    let n = gram.n();
    let mean = (0..n).map(|k| gram.norm(k)).sum::<f64>() / n as f64;
    let cosine = |k: usize| gram.at(task, k) / (gram.norm(task) * gram.norm(k));
    let others = (0..n).filter(|&k| k != task).map(cosine).sum::<f64>();
    ((gram.norm(task) / mean).ln(), others / (n - 1).max(1) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(progress: f64, losses: [f64; 2], aucs: [f64; 2]) -> BlockState {
        BlockState {
            progress,
            train_losses: (progress > 0.0).then(|| losses.map(|loss| loss - 0.1).to_vec()),
            control_losses: losses.to_vec(),
            control_aucs: aucs.to_vec(),
            // Norms 1 and 3, cosine ½.
            gram: Some(Gram::new(2, vec![1.0, 1.5, 1.5, 9.0])),
            base_rates: vec![0.1, 0.01],
        }
    }

    #[test]
    fn states_by_hand() {
        let mut features = Features::new(10);
        let first = features.observe(measured(0.0, [1.0, 1.2], [0.5, 0.5]), &[0.0, 0.0]);
        let second = features.observe(measured(0.1, [0.9, 1.15], [0.6, 0.55]), &[-1.0, 1.0]);
        let close = |found: &[f32], expected: [f64; 11]| {
            let pairs = found.iter().zip(expected);
            assert!(pairs.clone().all(|(a, b)| (f64::from(*a) - b).abs() < 1e-6), "{found:?} {expected:?}");
        };
        let shorter = 0.5_f64.ln();
        let longer = 1.5_f64.ln();
        close(&first[..11], [1.0, 0.0, 1.0, 0.0, 0.0, 0.0, shorter, 0.5, 0.0, -0.5, -1.0]);
        close(&first[11..], [1.2, 0.0, 1.2, 0.0, 0.0, 0.0, longer, 0.5, 0.0, -1.0, -1.0]);
        // Before the first block the control slice stands for the training rows: .8 − 1 in a tenth of the training.
        close(&second[..11], [0.8, -2.0, 0.9, -1.0, 0.2, 2.0, shorter, 0.5, -0.5, -0.5, -0.8]);
        close(&second[11..], [1.05, -1.5, 1.15, -0.5, 0.1, 1.0, longer, 0.5, 0.5, -1.0, -0.8]);
    }

    #[test]
    fn gradients_that_say_nothing_and_numbers_that_are_none_are_zeros() {
        let mut measured = measured(0.0, [f64::NAN, 1e9], [0.5, 0.5]);
        measured.gram = Some(Gram::new(2, vec![0.0, 0.0, 0.0, 1.0]));
        let state = Features::new(10).observe(measured, &[0.0, 0.0]);
        assert_eq!((state[0], state[11], state[6], state[7]), (0.0, 5.0, 0.0, 0.0));
    }
}
