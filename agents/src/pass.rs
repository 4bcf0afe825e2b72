//! Whether a forward pass trains or evaluates, and where its dropout masks come from.

use burn::tensor::{Tensor, TensorData};
use rand::Rng;
use rand_xoshiro::rand_core::SeedableRng;
use rayon::prelude::*;

use crate::stream::Stream;

/// Elements of a mask drawn from one child stream. Fixed, so that a mask does not depend on the number of threads.
const MASK_CHUNK: usize = 1 << 15;

/// One forward pass: evaluation, or training with dropout masks drawn from a stream.
///
/// Handed down explicitly instead of a flag inside every module, so that a network cannot be left in the wrong mode.
#[derive(Debug)]
pub struct Pass<'a> {
    masks: Option<&'a mut Stream>,
    progress: Option<Progress>,
}

/// How far a training has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The step that begins, counted from 0.
    pub step: u64,
    /// Steps at most, were there no early stop.
    pub planned_steps: u64,
}

impl<'a> Pass<'a> {
    /// Dropout is the identity.
    pub fn evaluation() -> Pass<'static> {
        Pass { masks: None, progress: None }
    }

    /// Dropout masks come from `masks`.
    pub fn training(masks: &'a mut Stream) -> Self {
        Self { masks: Some(masks), progress: None }
    }

    /// The same at a known point of the training.
    pub fn at(self, progress: Progress) -> Self {
        Self { progress: Some(progress), ..self }
    }

    /// Where the masks are, to go back to with [`Pass::rewind`].
    pub fn mark(&self) -> Option<Stream> {
        self.masks.as_deref().cloned()
    }

    /// Draws the masks since `mark` once more.
    pub fn rewind(&mut self, mark: &Option<Stream>) {
        if let (Some(masks), Some(mark)) = (self.masks.as_deref_mut(), mark) {
            masks.clone_from(mark);
        }
    }

    /// The point of the training, where known.
    pub fn progress(&self) -> Option<Progress> {
        self.progress
    }

    /// Inverted dropout: zeroes an element with probability `rate` and divides the kept ones by the kept share.
    ///
    /// The rate is met to within 2⁻¹⁶; the scale uses the share that is really drawn.
    ///
    /// # Shapes
    /// - input, output: any, the same
    pub fn dropout<const D: usize>(&mut self, input: Tensor<D>, rate: f64) -> Tensor<D> {
        let Some(stream) = self.masks.as_deref_mut() else {
            return input;
        };
        let dropped = (rate * 65_536.0).round() as u16;
        if dropped == 0 {
            return input;
        }
        let shape = input.shape();
        let device = input.device().inner();
        let mask = draw_mask(shape.num_elements(), dropped, stream);
        input * Tensor::from_data(TensorData::new(mask, shape), &device)
    }
}

/// `n` factors, each 0 with probability `dropped / 2¹⁶` and otherwise the inverse of the kept share.
fn draw_mask(n: usize, dropped: u16, stream: &mut Stream) -> Vec<f32> {
    let kept = 65_536.0 / (65_536.0 - f32::from(dropped));
    let seeds: Vec<u64> = (0..n.div_ceil(MASK_CHUNK)).map(|_| stream.next_u64()).collect();
    let mut mask = vec![0.0; n];
    mask.par_chunks_mut(MASK_CHUNK).zip(seeds).for_each(|(chunk, seed)| {
        let mut stream = Stream::seed_from_u64(seed);
        for quad in chunk.chunks_mut(4) {
            let mut bits = stream.next_u64();
            for factor in quad {
                *factor = if bits as u16 >= dropped { kept } else { 0.0 };
                bits >>= 16;
            }
        }
    });
    mask
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::Streams;

    #[test]
    fn the_drawn_share_and_the_scale_match_the_rate() {
        let n = 1 << 20;
        let mask = draw_mask(n, (0.2 * 65_536.0) as u16, &mut Streams::new(1).named("dropout"));
        let zeros = mask.iter().filter(|&&factor| factor == 0.0).count() as f64 / n as f64;
        // Three standard deviations of a share of 0.2 over 2²⁰ draws.
        assert!((zeros - 0.2).abs() < 3.0 * (0.16 / n as f64).sqrt(), "{zeros}");
        let kept = mask.iter().find(|&&factor| factor > 0.0).copied().unwrap();
        assert!((kept - 1.25).abs() < 1e-4, "{kept}");
    }

    #[test]
    fn evaluation_is_the_identity_and_training_follows_the_stream() {
        let device = burn::tensor::Device::default();
        let ones = Tensor::<2>::ones([8, 8], &device);
        let data = |tensor: Tensor<2>| tensor.into_data().try_into_vec::<f32>().unwrap();
        assert_eq!(data(Pass::evaluation().dropout(ones.clone(), 0.5)), vec![1.0; 64]);
        let draw = |seed| {
            let mut stream = Streams::new(seed).named("dropout");
            data(Pass::training(&mut stream).dropout(ones.clone(), 0.5))
        };
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
    }
}
