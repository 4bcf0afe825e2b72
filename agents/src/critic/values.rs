//! What critics say to others.

use burn::tensor::{Device, Tensor, TensorData};

use super::twin::MemberValues;
use crate::input::StateBatch;
use crate::weighting::QValues;

/// What is known of the rows of a batch beside their states.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RowMarks {
    /// The fold of every row; empty where it is in none, so that no critic has seen its reward.
    pub folds: Vec<u8>,
    /// See [`QValues::stages`].
    pub stages: Vec<u8>,
}

/// Q as it is now, without what trains it: other threads may ask.
pub struct Values<'a> {
    /// By fold.
    members: Vec<MemberValues<'a>>,
    marks: RowMarks,
}

impl<'a> Values<'a> {
    pub(super) fn new(members: Vec<MemberValues<'a>>) -> Self {
        Self { members, marks: RowMarks::default() }
    }

    /// Of rows of which this is known.
    pub fn of_rows(self, marks: RowMarks) -> Self {
        Self { marks, ..self }
    }

    /// Q_k(s, a_k) in evaluation mode. In the graph of `actions` if they have one, for the policy gradient; the critics'
    /// own parameters are never in it. Of a row in a fold by the critics that have not learnt from that fold, of others
    /// the mean over the folds'.
    ///
    /// # Shapes
    /// - actions, output: `[batch, task]`
    pub fn at(&self, states: &StateBatch, actions: Tensor<2>) -> Tensor<2> {
        if let [member] = self.members.as_slice() {
            return member.at(states, actions);
        }
        let values = self.members.iter().map(|member| member.at(states, actions.clone()));
        let mean = 1.0 / self.members.len() as f64;
        if self.marks.folds.is_empty() {
            return values.reduce(|sum, values| sum + values).expect("there is a critic") * mean;
        }
        out_of_fold(values, &self.marks.folds)
    }

    /// The same with what a weighting is told beside them.
    pub fn for_weights(&self, states: &StateBatch, actions: Tensor<2>) -> QValues {
        QValues { values: self.at(states, actions), stages: self.marks.stages.clone() }
    }
}

/// Of every row the value of its own fold's critics, which have learnt from the others; `of_folds` are `[batch, width]`.
pub(super) fn out_of_fold(of_folds: impl Iterator<Item = Tensor<2>>, folds: &[u8]) -> Tensor<2> {
    let own = of_folds.enumerate().map(|(fold, values)| {
        let device = values.device().inner();
        values * rows_where(folds, &device, |of| usize::from(of) == fold)
    });
    own.reduce(|sum, values| sum + values).expect("there is a critic")
}

/// `[batch, 1]` of 1 for the folds that `counts`, 0 for others.
pub(super) fn rows_where(folds: &[u8], device: &Device, counts: impl Fn(u8) -> bool) -> Tensor<2> {
    let ones: Vec<f32> = folds.iter().map(|&fold| f32::from(u8::from(counts(fold)))).collect();
    Tensor::from_data(TensorData::new(ones, [folds.len(), 1]), device)
}
