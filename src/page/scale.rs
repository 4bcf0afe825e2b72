//! Numbers on an axis: where they stand, and how they are written.

/// A linear way from numbers to places in a drawing.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scale {
    from: f64,
    to: f64,
    start: f64,
    end: f64,
}

impl Scale {
    /// Draws the numbers `from` to `to` at the places `start` to `end`. A range of no width gets some, around its number.
    pub(super) fn new((from, to): (f64, f64), (start, end): (f64, f64)) -> Self {
        let room = if to > from { 0.0 } else { (from.abs() * 0.1).max(1e-3) };
        Self { from: from - room, to: to + room, start, end }
    }

    /// The place of a number.
    pub(super) fn at(&self, value: f64) -> f64 {
        self.start + (value - self.from) / (self.to - self.from) * (self.end - self.start)
    }

    /// About `n` round numbers within the range, with their places and how they are written.
    pub(super) fn ticks(&self, n: u32) -> Vec<(f64, String)> {
        let step = round_step((self.to - self.from) / f64::from(n));
        let first = (self.from / step - 1e-9).ceil() as i64;
        let last = (self.to / step + 1e-9).floor() as i64;
        (first..=last).map(|i| i as f64 * step).map(|value| (self.at(value), written(value, step))).collect()
    }
}

/// The least of 1, 2 and 5 times a power of ten that is not below `step`.
fn round_step(step: f64) -> f64 {
    let power = 10_f64.powf(step.log10().floor());
    let factor = [1.0, 2.0, 5.0].into_iter().find(|factor| factor * power >= step * (1.0 - 1e-9));
    factor.unwrap_or(10.0) * power
}

/// A number on an axis whose numbers lie `step` apart.
fn written(value: f64, step: f64) -> String {
    let value = if value.abs() < step * 1e-6 { 0.0 } else { value };
    let decimals = |step: f64| (-(step.log10()) - 1e-9).ceil().clamp(0.0, 12.0) as usize;
    match step {
        step if step >= 1e6 => format!("{:.*}M", decimals(step / 1e6), value / 1e6),
        step if step >= 1e3 => format!("{:.*}k", decimals(step / 1e3), value / 1e3),
        step if step < 1e-5 => format!("{value:.0e}"),
        step => format!("{value:.*}", decimals(step)),
    }
}

/// The range of some numbers, and a little room on both sides. `None` of none that is finite.
pub(super) fn range(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    let finite = values.filter(|value| value.is_finite());
    let (low, high) = finite
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
    let room = (high - low) * 0.04;
    (low <= high).then_some((low - room, high + room))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(from: f64, to: f64, n: u32) -> Vec<String> {
        Scale::new((from, to), (0.0, 100.0)).ticks(n).into_iter().map(|(_, label)| label).collect()
    }

    #[test]
    fn ticks_are_round_and_within_the_range() {
        assert_eq!(labels(0.0, 1.0, 5), ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
        assert_eq!(labels(0.702, 0.748, 4), ["0.72", "0.74"]);
        assert_eq!(labels(-3.0, 11.0, 4), ["0", "5", "10"]);
        assert_eq!(labels(0.0, 45_000.0, 4), ["0k", "20k", "40k"]);
        assert_eq!(labels(0.0, 3_000.0, 3), ["0k", "1k", "2k", "3k"]);
    }

    #[test]
    fn numbers_stand_where_their_share_of_the_range_is() {
        let scale = Scale::new((10.0, 20.0), (100.0, 0.0));
        assert_eq!((scale.at(10.0), scale.at(15.0), scale.at(20.0)), (100.0, 50.0, 0.0));
    }

    #[test]
    fn a_range_of_one_number_has_it_in_the_middle() {
        let scale = Scale::new((5.0, 5.0), (0.0, 100.0));
        assert!((scale.at(5.0) - 50.0).abs() < 1e-9);
        assert!(!scale.ticks(4).is_empty());
        assert!((Scale::new((0.0, 0.0), (0.0, 1.0)).at(0.0) - 0.5).abs() < 1e-9);
    }

    #[test]
    fn what_is_not_finite_has_no_part_in_a_range() {
        assert_eq!(range([f64::NAN, 1.0, f64::INFINITY].into_iter()), Some((1.0, 1.0)));
        assert_eq!(range([f64::NAN].into_iter()), None);
        let (low, high) = range([0.0, 10.0].into_iter()).expect("finite");
        assert!((low + 0.4).abs() < 1e-12 && (high - 10.4).abs() < 1e-12);
    }
}
