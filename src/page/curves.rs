//! The curves of a finished run, read back from its folder.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

use serde::Deserialize;

/// Parts of the tags that a page draws; lines without any are not parsed.
const DRAWN: [&str; 6] =
    ["/loss/", "/validation_auc/", "/validation_xauc/", "/weight_mean/", "/weight_std/", "/td_error_abs/"];

/// Points of a curve that are drawn at most; more are averaged in groups.
pub(super) const N_POINTS: usize = 150;

/// The points of every drawn tag.
#[derive(Debug, Default)]
pub(crate) struct Curves {
    of_tag: HashMap<String, Vec<(u64, f64)>>,
}

#[derive(Deserialize)]
struct Line {
    tag: String,
    step: u64,
    /// Absent of a histogram, null of what is no number.
    #[serde(default)]
    value: Option<f64>,
}

impl Curves {
    /// Reads `metrics.jsonl`. A line that is none, such as the last one before a disk was full, is left out.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(crate) fn read(path: &Path) -> io::Result<Self> {
        Self::of_lines(BufReader::new(File::open(path)?))
    }

    pub(super) fn of_lines(lines: impl BufRead) -> io::Result<Self> {
        let mut curves = Self::default();
        for line in lines.lines() {
            let line = line?;
            if !DRAWN.iter().any(|part| line.contains(part)) {
                continue;
            }
            if let Ok(Line { tag, step, value: Some(value) }) = serde_json::from_str(&line) {
                curves.of_tag.entry(tag).or_default().push((step, value));
            }
        }
        Ok(curves)
    }

    /// The points of a tag, `(step, value)`; none where it was not logged.
    pub(crate) fn of(&self, tag: &str) -> &[(u64, f64)] {
        self.of_tag.get(tag).map_or(&[], Vec::as_slice)
    }
}

/// At most [`N_POINTS`] points: means of neighbours, where there are more.
pub(super) fn thinned(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let mean = |group: &[(f64, f64)]| {
        let n = group.len() as f64;
        let (across, up) = group.iter().fold((0.0, 0.0), |sum, point| (sum.0 + point.0, sum.1 + point.1));
        (across / n, up / n)
    };
    points.chunks(points.len().div_ceil(N_POINTS).max(1)).map(mean).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drawn_curves_come_back_and_broken_lines_are_left_out() {
        let text = concat!(
            r#"{"tag":"weighted/loss/click","step":1,"value":0.5}"#,
            "\n",
            r#"{"tag":"weighted/loss/click","step":2,"value":null,"non_finite":"not_a_number"}"#,
            "\n",
            r#"{"tag":"weighted/learning_rate/actor_dense","step":1,"value":0.1}"#,
            "\n",
            r#"{"tag":"weighted/loss/click","step":3,"value":0.25}"#,
            "\n",
            r#"{"tag":"weighted/loss/cli"#,
        );
        let curves = Curves::of_lines(text.as_bytes()).expect("memory can be read");
        assert_eq!(curves.of("weighted/loss/click"), [(1, 0.5), (3, 0.25)]);
        assert!(curves.of("weighted/learning_rate/actor_dense").is_empty());
    }

    #[test]
    fn many_points_become_means_of_neighbours() {
        let few = [(0.0, 1.0), (1.0, 2.0)];
        assert_eq!(thinned(&few), few);
        assert!(thinned(&[]).is_empty());
        let many: Vec<(f64, f64)> =
            (0..2 * N_POINTS as u32).map(|i| (f64::from(i), f64::from(i % 2))).collect();
        let thin = thinned(&many);
        assert_eq!((thin.len(), thin[0], thin[1]), (N_POINTS, (0.5, 0.5), (2.5, 0.5)));
    }
}
