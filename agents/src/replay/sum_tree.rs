//! Numbers whose running sums are found and changed in O(log n).

/// A complete binary tree: leaves are the numbers, every other node the sum of the two below it.
#[derive(Clone, Debug)]
pub(super) struct SumTree {
    /// The root at 1, the children of `i` at `2i` and `2i + 1`, the leaves from `n_leaves` on.
    nodes: Vec<f64>,
    n_leaves: usize,
}

impl SumTree {
    /// `n` zeros.
    pub(super) fn new(n: usize) -> Self {
        let n_leaves = n.next_power_of_two();
        Self { nodes: vec![0.0; 2 * n_leaves], n_leaves }
    }

    pub(super) fn sum(&self) -> f64 {
        self.nodes[1]
    }

    pub(super) fn get(&self, index: usize) -> f64 {
        self.nodes[self.n_leaves + index]
    }

    pub(super) fn set(&mut self, index: usize, value: f64) {
        let mut node = self.n_leaves + index;
        self.nodes[node] = value;
        while node > 1 {
            node /= 2;
            // Added up anew, so that no rounding error is carried on.
            self.nodes[node] = self.nodes[2 * node] + self.nodes[2 * node + 1];
        }
    }

    /// The number that `position` in `[0, sum)` falls on when all are laid end to end; never one that is 0 unless all are.
    pub(super) fn find(&self, mut position: f64) -> usize {
        let mut node = 1;
        while node < self.n_leaves {
            let (left, right) = (self.nodes[2 * node], self.nodes[2 * node + 1]);
            let goes_right = position >= left && right > 0.0;
            node = 2 * node + usize::from(goes_right);
            if goes_right {
                position -= left;
            }
        }
        node - self.n_leaves
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn positions_fall_on_numbers_by_hand() {
        let mut tree = SumTree::new(5);
        for (index, value) in [2.0, 0.0, 1.0, 0.0, 3.0].into_iter().enumerate() {
            tree.set(index, value);
        }
        assert_eq!((tree.sum(), tree.get(4)), (6.0, 3.0));
        let found = [0.0, 1.9, 2.0, 2.9, 3.0, 5.9, 6.0, 7.0].map(|position| tree.find(position));
        assert_eq!(found, [0, 0, 2, 2, 4, 4, 4, 4], "past the end is the last number, never a zero");
    }

    proptest! {
        #[test]
        fn it_finds_what_a_walk_finds(writes in prop::collection::vec((0_usize..13, 0_u8..4), 1..60), at in 0.0..1.0) {
            let mut tree = SumTree::new(13);
            let mut plain = [0.0; 13];
            for (index, value) in writes {
                tree.set(index, f64::from(value));
                plain[index] = f64::from(value);
            }
            let sum: f64 = plain.iter().sum();
            prop_assert_eq!(tree.sum(), sum);
            prop_assume!(sum > 0.0);
            let mut left = at * sum;
            let walked = plain.iter().position(|value| { left -= value; left < 0.0 }).expect("below the sum");
            prop_assert_eq!(tree.find(at * sum), walked);
        }
    }
}
