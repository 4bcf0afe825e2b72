//! A curve whose value stays the same is written where it changes, and not before.

/// What has been written of a curve.
#[derive(Clone, Copy, Debug)]
pub(super) struct Curve {
    value: f32,
    /// The last step at which the value was still the same.
    withheld: Option<u64>,
    has_changed: bool,
}

impl Curve {
    /// After its first point.
    pub(super) fn new(value: f32) -> Self {
        Self { value, withheld: None, has_changed: false }
    }

    /// The points to be written now that this one has come: none, it, or the last of the same value before and it.
    pub(super) fn then(&mut self, step: u64, value: f32) -> [Option<(u64, f32)>; 2] {
        if value.to_bits() == self.value.to_bits() {
            self.withheld = Some(step);
            return [None, None];
        }
        let before = self.withheld.take().map(|step| (step, self.value));
        self.value = value;
        self.has_changed = true;
        [before, Some((step, value))]
    }

    /// The point that a reader who looks now would miss; of a curve that never changed its first point says all.
    pub(super) fn last(&mut self) -> Option<(u64, f32)> {
        if !self.has_changed {
            return None;
        }
        self.withheld.take().map(|step| (step, self.value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_constant_has_one_point() {
        let mut curve = Curve::new(0.5);
        assert_eq!([curve.then(2, 0.5), curve.then(3, 0.5)], [[None, None]; 2]);
        assert_eq!(curve.last(), None);
    }

    #[test]
    fn a_step_keeps_both_its_edges_and_the_end() {
        let mut curve = Curve::new(0.5);
        curve.then(2, 0.5);
        assert_eq!(curve.then(3, 1.0), [Some((2, 0.5)), Some((3, 1.0))]);
        assert_eq!(curve.then(4, 2.0), [None, Some((4, 2.0))]);
        assert_eq!(curve.then(5, 2.0), [None, None]);
        assert_eq!((curve.last(), curve.last()), (Some((5, 2.0)), None));
    }

    #[test]
    fn what_is_no_number_is_a_value_too() {
        let mut curve = Curve::new(f32::NAN);
        assert_eq!(curve.then(2, f32::NAN), [None, None]);
        assert_eq!(curve.then(3, 1.0)[1], Some((3, 1.0)));
    }
}
