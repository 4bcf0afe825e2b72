//! Arms of several tasks: none need be best at all of them.

/// Δm, the mean relative gain over single-task models in per cent (Maninis et al., CVPR 2019,
/// <https://arxiv.org/abs/1904.08918>, equation 4): the mean over the tasks of `±(value − single) / single`, its sign such that more is better.
pub fn delta_m(values: &[f64], single: &[f64], higher_is_better: &[bool]) -> Option<f64> {
    assert!(values.len() == single.len() && values.len() == higher_is_better.len(), "one of each per task");
    let gains = values.iter().zip(single).zip(higher_is_better).map(|((value, single), higher)| {
        let gain = (value - single) / single;
        if *higher { gain } else { -gain }
    });
    let mean = 100.0 * gains.sum::<f64>() / values.len() as f64;
    mean.is_finite().then_some(mean)
}

/// Which arms no other is at least as good as in every objective and better in one (`[arm][objective]`, higher is better).
/// An arm without a number in one is not on the front.
pub fn pareto_front(points: &[Vec<f64>]) -> Vec<bool> {
    let dominates =
        |a: &[f64], b: &[f64]| a.iter().zip(b).all(|(a, b)| a >= b) && a.iter().zip(b).any(|(a, b)| a > b);
    let is_on_it = |point: &Vec<f64>| {
        point.iter().all(|value| value.is_finite()) && !points.iter().any(|other| dominates(other, point))
    };
    points.iter().map(is_on_it).collect()
}

/// The volume of objectives above `reference` that some arm reaches; 0 where none does.
///
/// By slices along the last objective, exact; the cost grows with the number of arms to the power of the objectives, which are
/// few.
pub fn hypervolume(points: &[Vec<f64>], reference: &[f64]) -> f64 {
    let above: Vec<&[f64]> = points
        .iter()
        .filter(|point| point.iter().zip(reference).all(|(value, least)| value > least))
        .map(Vec::as_slice)
        .collect();
    volume(&above, reference)
}

fn volume(points: &[&[f64]], reference: &[f64]) -> f64 {
    let Some((least, others)) = reference.split_last() else { return 0.0 };
    let height = |point: &[f64]| point[reference.len() - 1];
    if others.is_empty() {
        return points.iter().map(|point| height(point) - least).fold(0.0, f64::max);
    }
    let mut sorted = points.to_vec();
    sorted.sort_by(|a, b| height(b).total_cmp(&height(a)));
    let slice = |index: usize| {
        let below = sorted.get(index + 1).map_or(*least, |point| height(point));
        let thickness = height(sorted[index]) - below;
        if thickness > 0.0 { thickness * volume(&sorted[..=index], others) } else { 0.0 }
    };
    (0..sorted.len()).map(slice).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delta_m_by_hand() {
        // +10 % and, lower being better, −10 % of the loss.
        let found = delta_m(&[0.55, 0.9], &[0.5, 1.0], &[true, false]).unwrap();
        assert!((found - 10.0).abs() < 1e-9, "{found}");
        assert_eq!(delta_m(&[0.5], &[0.0], &[true]), None);
    }

    #[test]
    fn the_front_keeps_what_nothing_dominates() {
        let points = [vec![0.7, 0.6], vec![0.6, 0.7], vec![0.6, 0.6], vec![0.7, 0.6]];
        assert_eq!(pareto_front(&points), [true, true, false, true]);
        assert_eq!(pareto_front(&[vec![0.7, f64::NAN], vec![0.6, 0.6]]), [false, true]);
    }

    #[test]
    fn volumes_by_hand() {
        let two = [vec![3.0, 1.0], vec![1.0, 2.0], vec![0.5, 0.5]];
        // 3 · 1 and above it 1 · 1.
        assert!((hypervolume(&two, &[0.0, 0.0]) - 4.0).abs() < 1e-12);
        let three = [vec![1.0, 1.0, 2.0], vec![2.0, 2.0, 1.0]];
        // 2 · 2 · 1 and above it 1 · 1 · 1.
        assert!((hypervolume(&three, &[0.0; 3]) - 5.0).abs() < 1e-12);
        assert_eq!(hypervolume(&three, &[3.0; 3]), 0.0);
    }
}
