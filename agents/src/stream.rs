//! Named random streams: every random draw of a run comes from one of them.

use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::SeedableRng;

/// A seeded, serialisable source of random numbers.
pub type Stream = Xoshiro256PlusPlus;

/// The seed of a run, from which streams are taken by name.
///
/// Streams of different names are independent, and a stream depends on nothing but the seed and its name. So a new
/// consumer of randomness, or a phase that is skipped or repeated, never shifts the draws of another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Streams {
    seed: u64,
}

impl Streams {
    /// Streams of the run seeded with `seed`.
    pub fn new(seed: u64) -> Self {
        Self { seed }
    }

    /// The stream called `name`, at its beginning.
    pub fn named(&self, name: &str) -> Stream {
        // FNV-1a: stable across versions and platforms, which `std`'s hasher does not promise.
        let mut hash = 0xcbf2_9ce4_8422_2325_u64 ^ self.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        for byte in name.bytes() {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        Stream::seed_from_u64(hash)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::Rng;

    #[test]
    fn a_stream_depends_on_seed_and_name_only() {
        let streams = Streams::new(7);
        assert_eq!(streams.named("replay").next_u64(), Streams::new(7).named("replay").next_u64());
        assert_ne!(streams.named("replay").next_u64(), streams.named("shuffle").next_u64());
        assert_ne!(streams.named("replay").next_u64(), Streams::new(8).named("replay").next_u64());
    }
}
