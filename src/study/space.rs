//! What a placeholder may stand for.

use serde::Deserialize;
use toml::Value;

/// A placeholder's space: `{ low, high, log = true }` or `{ values = [...] }`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Space {
    /// The least number.
    pub low: Option<f64>,
    /// The largest number.
    pub high: Option<f64>,
    /// Whether ratios count, not differences: from .1 to 1 is as far as from 1 to 10.
    #[serde(default)]
    pub log: bool,
    /// Numbers of a grid from `low` to `high`, both among them.
    pub steps: Option<usize>,
    /// All there is to choose from: numbers, lists, texts, tables.
    pub values: Option<Vec<Value>>,
}

/// Significant digits of the numbers that are tried: enough to matter, and they can be written down.
const DIGITS: usize = 4;

impl Space {
    /// Why this is no space, in words for the author of the study file.
    pub(super) fn check(&self) -> Result<(), String> {
        match (self.low, self.high, &self.values) {
            (None, None, Some(values)) if values.is_empty() => {
                Err("`values` is empty; name at least one".into())
            }
            (None, None, Some(_)) if self.log || self.steps.is_some() => {
                Err("`log` and `steps` belong to `low` and `high`, not to `values`".into())
            }
            (None, None, Some(_)) => Ok(()),
            (Some(low), Some(high), None) if !(low.is_finite() && high.is_finite() && low < high) => {
                Err(format!("`low` must be below `high`; found {low} and {high}"))
            }
            (Some(low), Some(_), None) if self.log && low <= 0.0 => {
                Err(format!("with `log` `low` must be above 0; found {low}"))
            }
            (Some(low), Some(high), None) if !self.has_width() => Err(format!(
                "`low` and `high` are too near to one another or too far apart; found {low} and {high}"
            )),
            (Some(_), Some(_), None) if self.steps.is_some_and(|steps| steps < 2) => {
                Err("`steps` must be at least 2: `low` and `high` are among them".into())
            }
            (Some(_), Some(_), None) => Ok(()),
            _ => Err("expected `{ low = …, high = …, log = true }` or `{ values = […] }`".into()),
        }
    }

    /// Coordinates from and to which it reaches, the upper one excluded for `values`: the logarithm of a number with
    /// `log`, the place among `values`.
    pub(super) fn bounds(&self) -> (f64, f64) {
        match &self.values {
            Some(values) => (0.0, values.len() as f64),
            None => (self.coordinate(self.low), self.coordinate(self.high)),
        }
    }

    /// Whether there is something between its ends that can be drawn.
    fn has_width(&self) -> bool {
        let (from, to) = self.bounds();
        from < to && (to - from).is_finite()
    }

    fn coordinate(&self, bound: Option<f64>) -> f64 {
        let bound = bound.expect("a space was checked before it is used");
        if self.log { bound.ln() } else { bound }
    }

    /// The coordinates of a grid; nothing where nobody has said how fine it is.
    pub(super) fn grid(&self) -> Option<Vec<f64>> {
        let (from, to) = self.bounds();
        match &self.values {
            Some(values) => Some((0..values.len()).map(|index| index as f64).collect()),
            None => {
                let steps = self.steps?;
                let at = |step: usize| from + (to - from) * step as f64 / (steps - 1) as f64;
                Some((0..steps).map(at).collect())
            }
        }
    }

    /// What stands at a coordinate, as a study writes it in place of the placeholder. A text has no quotes: it may be
    /// part of a name.
    pub(super) fn text(&self, coordinate: f64) -> String {
        match &self.values {
            Some(values) => match &values[(coordinate.max(0.0) as usize).min(values.len() - 1)] {
                Value::String(text) => text.clone(),
                value => value.to_string(),
            },
            None => {
                let number = if self.log { coordinate.exp() } else { coordinate };
                let (low, high) = (self.low.unwrap_or(number), self.high.unwrap_or(number));
                format!("{:?}", rounded(number).clamp(low, high))
            }
        }
    }
}

fn rounded(number: f64) -> f64 {
    format!("{number:.*e}", DIGITS - 1).parse().unwrap_or(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn space(text: &str) -> Space {
        toml::from_str(text).unwrap()
    }

    #[test]
    fn a_grid_has_both_ends_and_even_ratios() {
        let space = space("low = 0.1\nhigh = 10\nlog = true\nsteps = 3");
        space.check().unwrap();
        let texts: Vec<String> = space.grid().unwrap().into_iter().map(|at| space.text(at)).collect();
        assert_eq!(texts, ["0.1", "1.0", "10.0"]);
    }

    #[test]
    fn values_are_chosen_by_their_place_and_texts_have_no_quotes() {
        let space = space("values = [1, [2.0, 3.0], 'word']");
        assert_eq!(space.bounds(), (0.0, 3.0));
        assert_eq!([0.0, 1.9, 2.5, 3.0].map(|at| space.text(at)), ["1", "[2.0, 3.0]", "word", "word"]);
    }

    #[test]
    fn numbers_are_rounded_and_stay_within_their_bounds() {
        let space = space("low = 0.12344\nhigh = 2");
        assert_eq!(
            [0.12344, 0.5, 1.23456789, 2.0].map(|at| space.text(at)),
            ["0.12344", "0.5", "1.235", "2.0"]
        );
    }

    #[test]
    fn what_is_no_space_is_told() {
        for (text, message) in [
            ("", "expected `{ low"),
            ("low = 1", "expected `{ low"),
            ("low = 1\nhigh = 2\nvalues = [1]", "expected `{ low"),
            ("low = 2\nhigh = 1", "below `high`"),
            ("low = 0\nhigh = 1\nlog = true", "above 0"),
            ("low = -1e308\nhigh = 1e308", "too far apart"),
            ("low = 10000000000.0\nhigh = 10000000000.000002\nlog = true", "too near"),
            ("low = 0\nhigh = 1\nsteps = 1", "at least 2"),
            ("values = []", "empty"),
            ("values = [1]\nlog = true", "belong to"),
        ] {
            let error = space(text).check().unwrap_err();
            assert!(error.contains(message), "{text}: {error}");
        }
    }
}
