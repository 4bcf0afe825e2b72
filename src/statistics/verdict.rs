//! What an interval says, in a word.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Which way a metric is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// AUC.
    HigherIsBetter,
    /// Log loss.
    LowerIsBetter,
}

/// What is told from the base.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The interval is clear of 0 on the good side, and so is p after the correction for many comparisons.
    Better,
    /// The same on the other side.
    Worse,
    /// Neither.
    CannotBeTold,
}

impl Verdict {
    /// Of an interval of "tried minus base" and its p, adjusted where it is one of many.
    pub fn of(interval: [f64; 2], p: Option<f64>, direction: Direction) -> Self {
        let is_clear = p.is_none_or(|p| p < 1.0 - super::LEVEL);
        let (up, down) = (is_clear && interval[0] > 0.0, is_clear && interval[1] < 0.0);
        match direction {
            Direction::HigherIsBetter if up => Self::Better,
            Direction::HigherIsBetter if down => Self::Worse,
            Direction::LowerIsBetter if down => Self::Better,
            Direction::LowerIsBetter if up => Self::Worse,
            _ => Self::CannotBeTold,
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Better => "better",
            Self::Worse => "worse",
            Self::CannotBeTold => "cannot be told",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_direction_is_the_metrics_own() {
        let of = |interval, direction| Verdict::of(interval, None, direction);
        assert_eq!(of([0.1, 0.2], Direction::HigherIsBetter), Verdict::Better);
        assert_eq!(of([0.1, 0.2], Direction::LowerIsBetter), Verdict::Worse);
        assert_eq!(of([-0.2, -0.1], Direction::LowerIsBetter), Verdict::Better);
        assert_eq!(of([-0.1, 0.2], Direction::HigherIsBetter), Verdict::CannotBeTold);
        assert_eq!(Verdict::of([0.1, 0.2], Some(0.06), Direction::HigherIsBetter), Verdict::CannotBeTold);
        assert_eq!(of([f64::NAN, f64::NAN], Direction::HigherIsBetter), Verdict::CannotBeTold);
    }
}
