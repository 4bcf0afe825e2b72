//! Whether a forward pass trains or evaluates, and where its dropout masks come from.

use std::collections::VecDeque;

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
    masks: Masks<'a>,
}

/// Where dropout masks come from.
#[derive(Debug)]
enum Masks<'a> {
    None,
    Drawn(&'a mut Stream),
    Given(&'a mut VecDeque<Vec<f32>>),
}

/// Where the masks of a pass were: see [`Pass::mark`].
#[derive(Debug)]
pub struct Mark(Place);

#[derive(Debug)]
enum Place {
    None,
    Drawn(Stream),
    Given(VecDeque<Vec<f32>>),
}

impl<'a> Pass<'a> {
    /// Dropout is the identity.
    pub fn evaluation() -> Pass<'static> {
        Pass { masks: Masks::None }
    }

    /// Dropout masks come from `masks`.
    pub fn training(masks: &'a mut Stream) -> Self {
        Self { masks: Masks::Drawn(masks) }
    }

    /// Dropout masks are taken from the front of `masks`, one by each layer whose rate is above 0, in the order of the forward
    /// pass. A mask is the factors its layer's output is multiplied by, row-major: 0, or 1 over the kept share. For comparing a
    /// network with another implementation, which draws other masks.
    pub fn given(masks: &'a mut VecDeque<Vec<f32>>) -> Self {
        Self { masks: Masks::Given(masks) }
    }

    /// Where the masks are, to go back to with [`Pass::rewind`].
    pub fn mark(&self) -> Mark {
        Mark(match &self.masks {
            Masks::None => Place::None,
            Masks::Drawn(stream) => Place::Drawn((*stream).clone()),
            Masks::Given(masks) => Place::Given((*masks).clone()),
        })
    }

    /// Gives the masks since `mark` once more, drawn or given.
    ///
    /// # Panics
    /// If `mark` is of a pass whose masks come from somewhere else.
    pub fn rewind(&mut self, mark: &Mark) {
        match (&mut self.masks, &mark.0) {
            (Masks::None, Place::None) => {}
            (Masks::Drawn(stream), Place::Drawn(mark)) => stream.clone_from(mark),
            (Masks::Given(masks), Place::Given(mark)) => masks.clone_from(mark),
            (masks, place) => panic!("a pass of {masks:?} does not go back to {place:?}"),
        }
    }

    /// Inverted dropout: zeroes an element with probability `rate` and divides the kept ones by the kept share.
    ///
    /// The rate is met to within 2⁻¹⁶; the scale uses the share that is really drawn.
    ///
    /// # Shapes
    /// - input, output: any, the same
    ///
    /// # Panics
    /// If masks are given, and there are fewer than layers that take one or the next has another size.
    pub fn dropout<const D: usize>(&mut self, input: Tensor<D>, rate: f64) -> Tensor<D> {
        let dropped = (rate * 65_536.0).round() as u16;
        if dropped == 0 {
            return input;
        }
        let shape = input.shape();
        let mask = match &mut self.masks {
            Masks::None => return input,
            Masks::Drawn(stream) => draw_mask(shape.num_elements(), dropped, stream),
            Masks::Given(masks) => masks.pop_front().expect("a mask for every layer with dropout"),
        };
        assert_eq!(mask.len(), shape.num_elements(), "factors of a mask for an output of shape {shape:?}");
        let device = input.device().inner();
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

    #[test]
    fn given_masks_are_taken_in_turn_by_layers_with_a_rate() {
        let device = burn::tensor::Device::default();
        let input = || Tensor::<2>::from_floats([[1.0, 2.0], [3.0, 4.0]], &device);
        let data = |tensor: Tensor<2>| tensor.into_data().try_into_vec::<f32>().unwrap();
        let mut masks = VecDeque::from([vec![0.0, 2.0, 2.0, 0.0], vec![2.0, 0.0, 0.0, 0.0]]);
        let mut pass = Pass::given(&mut masks);
        assert_eq!(data(pass.dropout(input(), 0.5)), [0.0, 4.0, 6.0, 0.0]);
        assert_eq!(data(pass.dropout(input(), 0.0)), [1.0, 2.0, 3.0, 4.0]);
        assert_eq!(data(pass.dropout(input(), 0.1)), [2.0, 0.0, 0.0, 0.0]);
        assert!(masks.is_empty());
    }

    #[test]
    fn masks_come_once_more_after_a_rewind_drawn_or_given() {
        let device = burn::tensor::Device::default();
        let data = |tensor: Tensor<2>| tensor.into_data().try_into_vec::<f32>().unwrap();
        let twice = |pass: &mut Pass<'_>, rewinds: bool| {
            let draw = |pass: &mut Pass<'_>| data(pass.dropout(Tensor::ones([4, 4], &device), 0.5));
            let _ = draw(pass);
            let mark = pass.mark();
            let first = draw(pass);
            if rewinds {
                pass.rewind(&mark);
            }
            (first, draw(pass))
        };
        let mask = |scale: f32| (0..16).map(|index| scale * (index % 2) as f32).collect::<Vec<_>>();
        for rewinds in [true, false] {
            let mut stream = Streams::new(1).named("dropout");
            let (first, second) = twice(&mut Pass::training(&mut stream), rewinds);
            assert_eq!(first == second, rewinds, "drawn");
            let mut masks: VecDeque<_> = [1.0, 2.0, 3.0].map(mask).into();
            let (first, second) = twice(&mut Pass::given(&mut masks), rewinds);
            assert_eq!((&first, &second), (&mask(2.0), &mask(if rewinds { 2.0 } else { 3.0 })), "given");
            assert_eq!(masks.len(), usize::from(rewinds), "what is left is what was not taken");
        }
        let (first, second) = twice(&mut Pass::evaluation(), true);
        assert_eq!(first, second);
    }
}
