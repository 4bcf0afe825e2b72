//! Numbers over seeds.

use serde::{Deserialize, Serialize};

/// Mean and standard deviation over seeds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// Mean.
    pub mean: f64,
    /// Sample standard deviation; absent for one seed.
    pub std: Option<f64>,
    /// Seeds that have a value.
    pub n: usize,
}

impl Spread {
    /// Of the values there are; nothing without any.
    pub fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let values: Vec<f64> = values.into_iter().collect();
        let n = values.len();
        if n == 0 {
            return None;
        }
        let mean = values.iter().sum::<f64>() / n as f64;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        Some(Self { mean, std: (n > 1).then(|| (squares / (n - 1) as f64).sqrt()), n })
    }

    /// Standard error of the mean; absent for one seed.
    pub fn error(&self) -> Option<f64> {
        self.std.map(|std| std / (self.n as f64).sqrt())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spread_by_hand() {
        let spread = Spread::of([1.0, 2.0, 6.0]).unwrap();
        assert_eq!((spread.mean, spread.n), (3.0, 3));
        assert!((spread.std.unwrap() - 7.0_f64.sqrt()).abs() < 1e-12);
        assert!((spread.error().unwrap() - (7.0_f64 / 3.0).sqrt()).abs() < 1e-12);
        assert_eq!(Spread::of([1.0]).unwrap().std, None);
        assert_eq!(Spread::of([1.0]).unwrap().error(), None);
        assert_eq!(Spread::of([]), None);
    }
}
