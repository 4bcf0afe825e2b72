//! Weightings go on in another process where they were.

use super::*;
use crate::stream::Streams;

fn batches(seed: u64, n: usize) -> Vec<WeightingInput> {
    use rand::RngExt;
    let mut stream = Streams::new(seed).named("batches");
    let device = Device::default();
    let mut tensor = |low: f32, high: f32| {
        let values: Vec<f32> = (0..12).map(|_| stream.random_range(low..high)).collect();
        Tensor::<2>::from_data(TensorData::new(values, [4, 3]), &device)
    };
    let batch = |_| {
        let gradients: Vec<Vec<f64>> =
            host(tensor(-1.0, 1.0)).chunks(4).map(|of| of.iter().map(|&v| v.into()).collect()).collect();
        WeightingInput {
            losses: tensor(0.1, 2.0),
            q_values: Some(QValues { values: tensor(-3.0, 0.0), stages: vec![0, 1, 1, 2] }),
            gram: Some(gram(&gradients)),
        }
    };
    (0..n).map(batch).collect()
}

/// The weights of batches, an epoch each.
fn go_on(weighting: &mut dyn LossWeighting, batches: &[WeightingInput]) -> Vec<f32> {
    let mut found = Vec::new();
    for input in batches {
        found.extend(host(weigh_rows_and_tasks(weighting, input)));
        if weighting.needs_update() {
            weighting.update(&[0.3, 0.4, 0.5]);
        }
        weighting.end_epoch(&input.mean_losses());
    }
    found
}

#[test]
fn whatever_tells_its_state_goes_on_from_it_in_another_one() {
    let (before, after) = (batches(1, 5), batches(2, 4));
    let bounds = WeightBounds { normalize: Normalize::TaskMean, clip: Some([0.0, 10.0]) };
    let (mut n_told, mut n_forgetful) = (0, 0);
    for config in WeightingConfig::variants() {
        if config.check_tasks(3).is_err() {
            continue;
        }
        let new = || bounds.around(config.init(3, Streams::new(7).named("weighting")));
        let mut weighting = new();
        if weighting.state().is_none() {
            continue;
        }
        n_told += 1;
        go_on(weighting.as_mut(), &before);
        let state = weighting.state().unwrap();
        // As a file has it.
        let state = serde_json::from_str(&state.to_string()).unwrap();
        let mut again = new();
        again.restore(state).unwrap();
        let expected = go_on(weighting.as_mut(), &after);
        assert_eq!(go_on(again.as_mut(), &after), expected, "{config:?}");
        n_forgetful += usize::from(go_on(new().as_mut(), &after) != expected);
    }
    assert!(n_told >= 20, "{n_told}");
    // The control: the running means of the bounds alone make a difference.
    assert!(n_forgetful >= 10, "{n_forgetful}");
}

#[test]
fn a_state_of_another_weighting_is_refused() {
    let of = |name: &str| {
        let config = WeightingConfig::variants().into_iter().find(|config| config.name() == name).unwrap();
        config.init(2, Streams::new(1).named("weighting"))
    };
    assert!(of("rlw").restore(of("uw").state().unwrap()).is_err());
    assert!(of("uw").restore(of("uw").state().unwrap()).is_ok());
}
