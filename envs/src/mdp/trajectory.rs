//! Along a session: what follows a row, and what rows are worth. The only place that knows where a walk may go.
//!
//! | the row is | what stands for all that follows it |
//! | --- | --- |
//! | inside its session | the next row |
//! | its session's last | nothing: 0 |
//! | the last one of its session that this split shows | the row itself: the state after it must not be seen |

use std::iter;

use crate::table::{LogTable, Row, SessionEnd};

/// The state to bootstrap from after `row`; none where its session is over.
#[inline]
pub fn bootstrap_state(table: &LogTable, row: Row) -> Option<Row> {
    match table.end(row) {
        SessionEnd::Continues => Some(Row(row.0 + 1)),
        SessionEnd::Terminated => None,
        SessionEnd::Cut => Some(row),
    }
}

/// The same for the values of all rows of one session: the value of what follows each.
pub fn bootstrap_values(values: &[f64], terminated: bool) -> impl Iterator<Item = f64> {
    let after_last = values.last().map(|&last| if terminated { 0.0 } else { last });
    values.iter().skip(1).copied().chain(after_last)
}

/// Discounted returns `G_t = r_t + γ G_{t+1}` of one session, as far as its rows are seen: nothing follows the last one.
pub fn discounted_returns(rewards: &[f64], gamma: f64) -> Vec<f64> {
    let mut returns = rewards.to_vec();
    for row in (1..returns.len()).rev() {
        returns[row - 1] += gamma * returns[row];
    }
    returns
}

/// The rows behind one n-step target `Σ_{i<n} γⁱ r_i + γⁿ V(bootstrap)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trajectory {
    first: Row,
    last: Row,
    /// [`bootstrap_state`] of the last row.
    pub bootstrap: Option<Row>,
}

impl Trajectory {
    /// At most `n_steps` rows from `first` on. Where the session is over, or goes on unseen, there are fewer: the last row that
    /// is seen is a state to bootstrap from, and gives its own reward only where the trajectory starts there.
    pub fn new(table: &LogTable, first: Row, n_steps: u32) -> Self {
        let mut last = first;
        for _ in 1..n_steps {
            match bootstrap_state(table, last) {
                Some(next) if next != last && table.end(next) != SessionEnd::Cut => last = next,
                _ => break,
            }
        }
        Self { first, last, bootstrap: bootstrap_state(table, last) }
    }

    /// The last row whose reward counts.
    pub fn last(&self) -> Row {
        self.last
    }

    /// The rows whose rewards count.
    pub fn rows(&self) -> impl Iterator<Item = Row> + use<> {
        (self.first.0..=self.last.0).map(Row)
    }

    /// The same with what their rewards count: γⁱ.
    pub fn discounted_rows(&self, gamma: f32) -> impl Iterator<Item = (Row, f32)> + use<> {
        self.rows().zip(iter::successors(Some(1.0), move |discount| Some(discount * gamma)))
    }

    /// What the value of the bootstrap state counts: γⁿ, 0 where the session is over.
    pub fn bootstrap_discount(&self, gamma: f32) -> f32 {
        match self.bootstrap {
            Some(_) => self.rows().fold(1.0, |discount, _| discount * gamma),
            None => 0.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::table;
    use SessionEnd::{Cut, Terminated};

    #[test]
    fn what_follows_a_row() {
        let table = table(1, &[(2, Terminated), (2, Cut), (1, Cut)]);
        let following = table.rows().map(|row| bootstrap_state(&table, row).map(|next| next.0));
        assert_eq!(following.collect::<Vec<_>>(), [Some(1), None, Some(3), Some(3), Some(4)]);
    }

    #[test]
    fn values_follow_the_same_rule_as_states() {
        let table = table(1, &[(3, Terminated), (1, Cut), (2, Cut)]);
        let value = |row: u32| -f64::from(row) - 1.0;
        let by_state: Vec<f64> =
            table.rows().map(|row| bootstrap_state(&table, row).map_or(0.0, |next| value(next.0))).collect();
        let sessions = [(0..3, true), (3..4, false), (4..6, false)];
        let by_session: Vec<f64> = sessions
            .into_iter()
            .flat_map(|(rows, terminated)| {
                bootstrap_values(&rows.map(value).collect::<Vec<_>>(), terminated).collect::<Vec<_>>()
            })
            .collect();
        assert_eq!(by_state, by_session);
        assert_eq!(bootstrap_values(&[], true).count(), 0);
    }

    #[test]
    fn returns_by_hand() {
        assert_eq!(discounted_returns(&[-1.0, -2.0, -4.0], 0.5), [-3.0, -4.0, -4.0]);
        assert_eq!(discounted_returns(&[], 0.5), [0.0; 0]);
    }

    /// First row, rows whose rewards count, bootstrap state, its discount at γ = ½.
    fn trajectory(table: &LogTable, first: u32, n_steps: u32) -> (Vec<u32>, Option<u32>, f32) {
        let found = Trajectory::new(table, Row(first), n_steps);
        (
            found.rows().map(|row| row.0).collect(),
            found.bootstrap.map(|row| row.0),
            found.bootstrap_discount(0.5),
        )
    }

    #[test]
    fn trajectories_stay_inside_their_session() {
        let table = table(1, &[(4, Terminated), (1, Terminated)]);
        assert_eq!(trajectory(&table, 0, 1), (vec![0], Some(1), 0.5));
        assert_eq!(trajectory(&table, 0, 3), (vec![0, 1, 2], Some(3), 0.125));
        assert_eq!(trajectory(&table, 2, 3), (vec![2, 3], None, 0.0));
        assert_eq!(trajectory(&table, 3, 1), (vec![3], None, 0.0));
    }

    #[test]
    fn where_a_session_goes_on_unseen_its_last_row_is_the_state_to_bootstrap_from() {
        let table = table(1, &[(3, Cut), (2, Terminated)]);
        assert_eq!(trajectory(&table, 0, 5), (vec![0, 1], Some(2), 0.25));
        assert_eq!(
            trajectory(&table, 2, 1),
            (vec![2], Some(2), 0.5),
            "its own state stands for the next one"
        );
        assert_eq!(trajectory(&table, 2, 5), (vec![2], Some(2), 0.5));
    }

    #[test]
    fn discounts_of_rewards() {
        let table = table(1, &[(3, Terminated)]);
        let found = Trajectory::new(&table, Row(0), 3).discounted_rows(0.5);
        assert_eq!(found.collect::<Vec<_>>(), [(Row(0), 1.0), (Row(1), 0.5), (Row(2), 0.25)]);
    }
}
