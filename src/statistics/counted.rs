//! Metrics of rows that count as often as their session was drawn.

use crate::metric::row_logloss;

/// AUC of rows that count differently often. Sorted once, then every resample is one pass.
pub struct CountedAuc<'a> {
    labels: &'a [u8],
    /// Session of every row.
    sessions: &'a [u32],
    predictions: &'a [f32],
    /// Rows in the order of their predictions.
    order: Vec<u32>,
}

impl<'a> CountedAuc<'a> {
    /// Nothing where a prediction is NaN.
    pub fn new(labels: &'a [u8], sessions: &'a [u32], predictions: &'a [f32]) -> Option<Self> {
        if predictions.iter().any(|prediction| prediction.is_nan()) {
            return None;
        }
        let mut order: Vec<u32> = (0..predictions.len() as u32).collect();
        order.sort_by(|&a, &b| predictions[a as usize].total_cmp(&predictions[b as usize]));
        Some(Self { labels, sessions, predictions, order })
    }

    /// The AUC where a row counts as often as its session.
    pub fn at(&self, counts: &[u32]) -> Option<f64> {
        let (mut wins, mut negatives_below, mut positives) = (0.0, 0.0, 0.0);
        let mut start = 0;
        while start < self.order.len() {
            let value = self.predictions[self.order[start] as usize];
            let (mut tied_positives, mut tied_negatives) = (0.0, 0.0);
            while let Some(&row) = self.order.get(start)
                && self.predictions[row as usize] == value
            {
                let count = f64::from(counts[self.sessions[row as usize] as usize]);
                match self.labels[row as usize] {
                    0 => tied_negatives += count,
                    _ => tied_positives += count,
                }
                start += 1;
            }
            wins += tied_positives * (negatives_below + tied_negatives / 2.0);
            negatives_below += tied_negatives;
            positives += tied_positives;
        }
        let pairs = positives * negatives_below;
        (pairs > 0.0).then(|| wins / pairs)
    }
}

/// Logloss of rows that count differently often. Every resample is one pass over the sessions.
pub struct CountedLogloss {
    /// By session: the sum of its rows' losses, and their number.
    sessions: Vec<(f64, f64)>,
}

impl CountedLogloss {
    /// Nothing where a prediction is NaN.
    ///
    /// # Shapes
    /// - all three: `[row]`
    pub fn new(labels: &[u8], sessions: &[u32], predictions: &[f32]) -> Option<Self> {
        if predictions.iter().any(|prediction| prediction.is_nan()) {
            return None;
        }
        let n_sessions = sessions.iter().max().map_or(0, |last| *last as usize + 1);
        let mut sums = vec![(0.0, 0.0); n_sessions];
        for ((label, session), prediction) in labels.iter().zip(sessions).zip(predictions) {
            let (loss, rows) = &mut sums[*session as usize];
            *loss += row_logloss(*label, *prediction);
            *rows += 1.0;
        }
        Some(Self { sessions: sums })
    }

    /// The logloss where a row counts as often as its session.
    pub fn at(&self, counts: &[u32]) -> Option<f64> {
        let add = |(loss, rows): (f64, f64), (of, count): (&(f64, f64), &u32)| {
            (loss + of.0 * f64::from(*count), rows + of.1 * f64::from(*count))
        };
        let (loss, rows) = self.sessions.iter().zip(counts).fold((0.0, 0.0), add);
        (rows > 0.0).then(|| loss / rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::{auc, logloss};

    #[test]
    fn a_counted_auc_is_that_of_rows_written_out_so_often() {
        let (labels, predictions) = ([1, 0, 1, 0, 0], [0.8, 0.5, 0.4, 0.4, 0.1]);
        let sessions = [0, 0, 1, 2, 2];
        let counted = CountedAuc::new(&labels, &sessions, &predictions).unwrap();
        assert_eq!(counted.at(&[1, 1, 1]), Some(0.75));
        // Session 0 twice, session 2 left out.
        assert_eq!(counted.at(&[2, 1, 0]), auc(&[1, 0, 1, 0, 1], &[0.8, 0.5, 0.8, 0.5, 0.4]));
        assert_eq!(counted.at(&[0, 1, 0]), None, "one class");
    }

    #[test]
    fn a_counted_logloss_is_that_of_rows_written_out_so_often() {
        let (labels, sessions, predictions) = ([1, 0, 1], [0, 0, 1], [0.8, 0.5, 0.4]);
        let counted = CountedLogloss::new(&labels, &sessions, &predictions).unwrap();
        let is_near =
            |found: Option<f64>, expected: Option<f64>| (found.unwrap() - expected.unwrap()).abs() < 1e-12;
        assert!(is_near(counted.at(&[1, 1]), logloss(&labels, &predictions)));
        assert!(is_near(counted.at(&[2, 0]), logloss(&[1, 0, 1, 0], &[0.8, 0.5, 0.8, 0.5])));
        assert_eq!(counted.at(&[0, 0]), None);
        assert!(CountedLogloss::new(&[1], &[0], &[f32::NAN]).is_none());
    }
}
