//! The training rows that are sorted, and the two halves of the sessions.

use rmtl_envs::{LogTable, Row, Sessions};

/// At most this many rows are sorted per field and task.
const MAX_ROWS: usize = 200_000;

/// Evenly spaced rows, each with the half of the log its session belongs to.
pub(super) struct Sample {
    pub(super) rows: Vec<(Row, usize)>,
}

impl Sample {
    pub(super) fn of(table: &LogTable) -> Self {
        let n_rows = table.n_rows();
        let n_sampled = n_rows.min(MAX_ROWS);
        let mut wanted = (0..n_sampled).map(|index| (index as u64 * n_rows as u64 / n_sampled as u64) as u32);
        let mut next = wanted.next();
        let mut rows = Vec::with_capacity(n_sampled);
        for (session, range) in Sessions::of(table).iter().enumerate() {
            while let Some(row) = next.filter(|&row| row < range.end) {
                rows.push((Row(row), half(session)));
                next = wanted.next();
            }
        }
        Self { rows }
    }
}

/// The half, 0 or 1, a session belongs to. Rows of one session are alike, so they stay together. Multiples of the golden
/// ratio are spread evenly, so that no regular spacing of the sample meets one half alone.
pub(super) fn half(session: usize) -> usize {
    usize::from((session as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 63 == 1)
}

#[cfg(test)]
mod tests {
    use super::half;

    #[test]
    fn halves_are_even_at_any_spacing() {
        for spacing in 1..=16 {
            let n_second: usize = (0..1000).map(|index| half(index * spacing)).sum();
            assert!((400..=600).contains(&n_second), "every {spacing}th session: {n_second} of 1000");
        }
    }
}
