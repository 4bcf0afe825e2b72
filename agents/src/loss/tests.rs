use super::*;
use burn::tensor::{Device, Tolerance};

/// The value of one term of cumulative probabilities alone.
pub(super) fn value_of<const N: usize, const K: usize>(
    term: &dyn LossTerm,
    probabilities: [[f32; K]; N],
    labels: [[f32; K]; N],
    parents: &[Option<usize>],
) -> f32 {
    let device = Device::default();
    let probabilities = Tensor::<2>::from_floats(probabilities, &device);
    value(term, probabilities.into(), Tensor::from_floats(labels, &device), parents)
}

/// The value of one term; fields are not looked at.
pub(super) fn value(
    term: &dyn LossTerm,
    predictions: Predictions,
    labels: Tensor<2>,
    parents: &[Option<usize>],
) -> f32 {
    let tasks = TaskFacts {
        losses: TaskLosses::default(),
        parents: parents.to_vec(),
        positive_rates: vec![0.5; parents.len()],
    };
    let losses = task_bce(predictions.probabilities.clone(), &labels);
    let input = LossInput {
        predictions: &predictions,
        labels: &labels,
        losses: &losses,
        fields: &[],
        tasks: &tasks,
        agent: None,
    };
    term.value(&input).into_scalar()
}

/// Value and gradient, in the predictions `p` of two independent tasks, of a term of the agent.
pub(super) fn of_agent(term: &dyn LossTerm, p: Tensor<2>, agent: &AgentInput) -> (f32, Vec<f32>) {
    let labels = Tensor::zeros(p.dims(), &Device::default());
    let value = term.value(&LossInput {
        predictions: &p.clone().into(),
        labels: &labels,
        losses: &task_bce(p.clone(), &labels),
        fields: &[],
        tasks: &TaskFacts {
            losses: TaskLosses::default(),
            parents: vec![None, None],
            positive_rates: vec![0.5; 2],
        },
        agent: Some(agent),
    });
    let gradients = value.clone().backward();
    (value.into_scalar(), crate::parameter::host(p.grad(&gradients).unwrap()))
}

#[test]
fn bce_by_hand() {
    let device = Device::default();
    let p = Tensor::from_floats([[0.8, 0.25], [1.0, 0.0]], &device);
    let y = Tensor::from_floats([[1.0, 0.0], [1.0, 1.0]], &device);
    // −ln 0.8, −ln 0.75, −ln(1 − 1e-7), −ln 1e-7
    let expected = Tensor::<2>::from_floats([[0.223_143_55, 0.287_682_07], [1.19e-7, 16.118_095]], &device);
    let tolerance = Tolerance::absolute(1e-5);
    task_bce(p, &y).into_data().assert_approx_eq::<f32>(&expected.into_data(), tolerance);
}

#[test]
fn bce_gradient_by_hand() {
    let device = Device::default().autodiff();
    let p = Tensor::<2>::from_floats([[0.8, 0.25]], &device).require_grad();
    let y = Tensor::from_floats([[1.0, 0.0]], &device);
    let gradients = task_bce(p.clone(), &y).sum().backward();
    // d/dp −ln p = −1/0.8; d/dp −ln(1 − p) = 1/0.75
    let expected = Tensor::<2>::from_floats([[-1.25, 1.333_333_4]], &Device::default());
    p.grad(&gradients)
        .unwrap()
        .into_data()
        .assert_approx_eq::<f32>(&expected.into_data(), Tolerance::default());
}
