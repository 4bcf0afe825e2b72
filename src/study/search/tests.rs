use rmtl_agents::stream::Streams;

use super::*;

fn line() -> Space {
    Space { low: Some(-1.0), high: Some(1.0), ..Space::default() }
}

fn search(method: Method, names: &[&str], trials: usize, seed: u64) -> Search {
    let spaces = names.iter().map(|name| ((*name).to_owned(), line()));
    Search::new(method, spaces, trials, Streams::new(seed).named("search"))
}

/// Best at (.3, -.4, .1), where it is 0.
fn height(point: &Point) -> f64 {
    let best = [0.3, -0.4, 0.1];
    -point.coordinates.iter().zip(best).map(|(at, best)| (at - best).powi(2)).sum::<f64>()
}

/// How far below the best a search of 60 settings ends, in the mean over 40 seeds, if it is told `told`.
fn regret(method: Method, told: fn(&Point) -> f64) -> f64 {
    let of_seed = |seed| {
        let mut search = search(method, &["a", "b", "c"], 60, seed);
        let mut best = f64::NEG_INFINITY;
        loop {
            let points = search.ask();
            if points.is_empty() {
                return -best;
            }
            for point in points {
                best = best.max(height(&point));
                search.tell(&point, Some(told(&point)));
            }
        }
    };
    (0..40).map(of_seed).sum::<f64>() / 40.0
}

#[test]
fn tpe_beats_random_where_there_is_something_to_learn_and_not_where_there_is_nothing() {
    let random = regret(Method::Random, height);
    let tpe = regret(Method::Tpe, height);
    assert!(tpe < 0.6 * random, "{tpe} against {random}");
    // The control: the same search, told the same of every setting.
    let told_nothing = regret(Method::Tpe, |_| 0.0);
    assert!(told_nothing > 0.6 * random, "{told_nothing} against {random}");
}

#[test]
fn every_method_tries_as_many_settings_as_it_may_within_their_bounds() {
    for method in [Method::Random, Method::Tpe] {
        for trials in [1, 3, 10, 21] {
            let mut search = search(method, &["a", "b"], trials, 1);
            let mut n_tried = 0;
            loop {
                let points = search.ask();
                if points.is_empty() {
                    break;
                }
                for point in points {
                    assert!(point.coordinates.iter().all(|at| (-1.0..1.0).contains(at)), "{point:?}");
                    search.tell(&point, Some(0.0));
                    n_tried += 1;
                }
            }
            assert_eq!(n_tried, trials, "{method:?}");
        }
    }
}

#[test]
fn a_grid_is_every_combination_once() {
    let space = |text: &str| toml::from_str::<Space>(text).unwrap();
    let spaces =
        [("a".to_owned(), space("values = [1, 2]")), ("b".to_owned(), space("low = 0\nhigh = 1\nsteps = 3"))];
    let mut search = Search::new(Method::Grid, spaces, 6, Streams::new(1).named("search"));
    let texts: Vec<String> = search
        .ask()
        .iter()
        .map(|point| point.values.iter().map(|(_, value)| value.as_str()).collect::<Vec<_>>().join(" "))
        .collect();
    assert_eq!(texts, ["1 0.0", "1 0.5", "1 1.0", "2 0.0", "2 0.5", "2 1.0"]);
    assert!(search.ask().is_empty());
}

#[test]
fn a_setting_that_failed_is_not_looked_for_again() {
    let spaces = [("a".to_owned(), Space { values: Some(vec![1.into(), 2.into()]), ..Space::default() })];
    let mut search = Search::new(Method::Tpe, spaces, 100, Streams::new(1).named("search"));
    let mut late = Vec::new();
    loop {
        let points = search.ask();
        if points.is_empty() {
            break;
        }
        for point in points {
            let is_first = point.values[0].1 == "1";
            search.tell(&point, is_first.then_some(0.5));
            late.push(is_first);
        }
    }
    let n_good = late[50..].iter().filter(|good| **good).count();
    assert!(n_good > 40, "{n_good} of 50");
}

#[test]
fn the_same_seed_tries_the_same() {
    let first = |seed| search(Method::Tpe, &["a"], 8, seed).ask();
    assert_eq!(first(1), first(1));
    assert_ne!(first(1), first(2));
}
