//! Where the sessions of a table lie.

use std::ops::Range;

use crate::table::{LogTable, SessionEnd};

/// The sessions of one table, as contiguous row ranges in the table's order.
///
/// A session is of rows of one split: where its log goes on in another, that is a session of the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sessions {
    /// First row of every session, then the number of rows.
    bounds: Vec<u32>,
}

impl Sessions {
    /// Finds the sessions of `table` by reading its `end` column once.
    pub fn of(table: &LogTable) -> Self {
        let mut bounds = vec![0];
        let mut row = 0;
        for ends in table.ends() {
            for &end in ends {
                row += 1;
                if end != SessionEnd::Continues as u8 {
                    bounds.push(row);
                }
            }
        }
        Self { bounds }
    }

    /// Number of sessions.
    pub fn len(&self) -> usize {
        self.bounds.len() - 1
    }

    /// Whether the table has no session, and so no row.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Number of rows of all sessions: the table's.
    pub fn n_rows(&self) -> usize {
        self.bounds[self.len()] as usize
    }

    /// The rows of a session; never empty.
    pub fn range(&self, session: usize) -> Range<u32> {
        self.bounds[session]..self.bounds[session + 1]
    }

    /// The rows of every session, in the table's order.
    pub fn iter(&self) -> impl Iterator<Item = Range<u32>> {
        self.bounds.windows(2).map(|pair| pair[0]..pair[1])
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::fixture::table;
    use SessionEnd::{Cut, Terminated};

    #[test]
    fn sessions_end_where_the_table_says() {
        let table = table(1, &[(2, Terminated), (1, Cut), (3, Terminated)]);
        let sessions = Sessions::of(&table);
        assert_eq!(sessions.iter().collect::<Vec<_>>(), [0..2, 2..3, 3..6]);
        assert_eq!((sessions.len(), sessions.n_rows(), sessions.is_empty()), (3, 6, false));
        assert_eq!(sessions.range(1), 2..3);
    }

    #[test]
    fn a_table_without_rows_has_no_session() {
        let sessions = Sessions::of(&table(1, &[]));
        assert_eq!((sessions.len(), sessions.n_rows(), sessions.is_empty()), (0, 0, true));
        assert_eq!(sessions.iter().count(), 0);
    }

    #[test]
    fn a_session_may_lie_across_chunks() {
        let chunk = crate::table::CHUNK_ROWS as u32;
        let sessions = Sessions::of(&table(1, &[(chunk - 1, Terminated), (3, Terminated), (1, Cut)]));
        assert_eq!(
            sessions.iter().collect::<Vec<_>>(),
            [0..chunk - 1, chunk - 1..chunk + 2, chunk + 2..chunk + 3]
        );
    }

    proptest! {
        #[test]
        fn sessions_partition_the_rows(lengths in prop::collection::vec((1..9_u32, any::<bool>()), 0..30)) {
            let ends: Vec<_> =
                lengths.iter().map(|&(length, cut)| (length, if cut { Cut } else { Terminated })).collect();
            let table = table(2, &ends);
            let sessions = Sessions::of(&table);
            prop_assert_eq!(sessions.len(), ends.len());
            let found: Vec<u32> = sessions.iter().map(|range| range.len() as u32).collect();
            prop_assert_eq!(found, ends.iter().map(|&(length, _)| length).collect::<Vec<_>>());
            let rows: Vec<u32> = sessions.iter().flatten().collect();
            prop_assert_eq!(rows, (0..table.n_rows() as u32).collect::<Vec<_>>());
        }
    }
}
