//! All phases of a run on one axis of steps.

use super::chart::{Band, Piece, Series};
use super::curves::{Curves, thinned};
use crate::log::tags::Phase;
use crate::output::report::Report;

/// The phases that learn, one behind the other.
pub(super) struct Timeline {
    spans: Vec<Span>,
}

struct Span {
    phase: Phase,
    start: u64,
    steps: u64,
}

impl Timeline {
    /// The phases of a run in their order. What is walked or predicted without learning takes no place on it.
    pub(super) fn of(report: &Report) -> Self {
        let mut start = 0;
        let mut spans = Vec::new();
        for (name, timing) in &report.phases {
            let learns = |phase: &Phase| *phase != Phase::Collect && phase.name() == name;
            if let Some(phase) = Phase::ALL.into_iter().find(learns).filter(|_| timing.steps > 0) {
                spans.push(Span { phase, start, steps: timing.steps });
                start += timing.steps;
            }
        }
        Self { spans }
    }

    /// The phases as stretches of the axis.
    pub(super) fn bands(&self) -> Vec<Band> {
        let band = |span: &Span| Band {
            name: span.phase.name().replace('_', " "),
            from: span.start as f64,
            to: (span.start + span.steps) as f64,
        };
        self.spans.iter().map(band).collect()
    }

    /// Where a step of a phase lies.
    pub(super) fn at(&self, phase: &str, step: u64) -> Option<f64> {
        let span = self.spans.iter().find(|span| span.phase.name() == phase)?;
        Some((span.start + step) as f64)
    }

    /// A curve of every task, in a piece for every phase.
    pub(super) fn series(
        &self,
        curves: &Curves,
        tasks: &[&str],
        tag: fn(Phase, &str) -> String,
    ) -> Vec<Series> {
        let of_task = |task: &&str| Series {
            name: (*task).to_owned(),
            pieces: self.pieces(curves, |phase| tag(phase, task)),
            spread: Vec::new(),
        };
        tasks.iter().map(of_task).filter(|series| !series.pieces.is_empty()).collect()
    }

    /// The points of a tag, phase by phase; phases without one have no piece.
    pub(super) fn pieces(&self, curves: &Curves, tag: impl Fn(Phase) -> String) -> Vec<Piece> {
        let piece = |span: &Span| {
            let points = curves.of(&tag(span.phase)).iter();
            let points: Piece = points.map(|&(step, value)| ((span.start + step) as f64, value)).collect();
            thinned(&points)
        };
        self.spans.iter().map(piece).filter(|piece| !piece.is_empty()).collect()
    }
}
