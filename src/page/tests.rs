//! Pages of reports written out here, and drawings of every shape.

use super::chart::{Band, Chart, Series};
use super::rows::{LabelledRow, RowChart, Shape};
use super::*;

fn metrics(auc: f64) -> serde_json::Value {
    serde_json::json!({
        "auc": auc, "logloss": 0.5, "s_logloss": 0.5, "gauc": null, "gauc_skipped_sessions": 3, "conditional_auc": null,
        "pcoc": 1.0, "ne": 0.9, "ece": 0.01, "positives": 30, "rows": 100,
        "calibration": [
            {"rows": 50, "positives": 5, "predicted": 10.0},
            {"rows": 50, "positives": 25, "predicted": 20.0},
        ],
    })
}

/// A run without critics of two tasks; one has a name that is markup.
fn without_critics() -> serde_json::Value {
    let tasks = serde_json::json!({"click": metrics(0.7), "<b>buy</b>": metrics(0.8)});
    serde_json::json!({
        "data": {
            "name": "small", "content_hash": "abc",
            "rows": {"train": 300, "validation": 100, "test": 100},
            "sessions": {"train": 30, "validation": 10, "test": 10},
            "positives": {"train": {"click": 90}, "validation": {"click": 30}, "test": {"click": 30}},
        },
        "tasks": tasks,
        "validation": {"tasks": tasks},
        "selection": {
            "criterion": "AUC", "best": "actor",
            "actors": {"actor": {"file": "model/actor.safetensors", "phase": "pretrain", "step": 4, "value": 0.75}},
        },
        "phases": {
            "pretrain": {"seconds": 2.5, "steps": 6, "rows_per_second": 1000.0, "peak_memory": 104857600},
            "inference": {"seconds": 0.5, "steps": 1, "rows_per_second": 2000.0},
        },
        "weights": {"pretrain": {"click": {"mean": 1.0, "min": 0.5, "max": 2.0, "first": 1.5, "last": 0.75}}},
        "parameters": {"dense": 1000, "embedding": 2000},
        "backbone": "shared", "weighting": "even",
        "warnings": ["task `click` on test: NE 1.2 is above <1>; stop earlier, or use more rows", "odd"],
        "version": "0.1.0", "seed": 5, "device": "flex",
    })
}

fn q_metrics(points: &[(f64, f64)]) -> serde_json::Value {
    let points: Vec<_> =
        points.iter().map(|(q, value)| serde_json::json!({"q": q, "value": value})).collect();
    serde_json::json!({
        "sessions": 5, "rows": 20, "return_sessions": 5, "return_rows": 20, "correlation": 0.5, "bias": -0.1, "td_loss": 0.2,
        "calibration": points,
    })
}

/// The same after critics, whose sessions all go on.
fn with_critics() -> serde_json::Value {
    let mut report = without_critics();
    let mut click = serde_json::json!({
        "terminated": q_metrics(&[]), "cut": q_metrics(&[(-2.0, -1.9), (-1.0, -1.2)]),
        "td_error_by_label": [0.1, 0.2], "td_error_by_position": [],
        "dead_share": 0.0, "q_range": 1.0,
    });
    click["td_error_by_position"] = serde_json::json!(vec![0.1; crate::metric::POSITIONS.len()]);
    report["critics"] = serde_json::json!({
        "converged": true, "transitions": 300, "steps": 40, "soft_updates": 40, "actor_updates": 0, "td_loss": 0.3,
        "tasks": {"click": click},
    });
    report["equal_budget"] = serde_json::json!({"click": metrics(0.69), "<b>buy</b>": metrics(0.8)});
    report["difference"] = serde_json::json!({"difference": 0.005, "seed_error": null, "session_error": 0.001, "interval": [-0.001, 0.011]});
    report["phases"]["critics"] = serde_json::json!({"seconds": 1.0, "steps": 40, "rows_per_second": 10.0});
    report
}

fn read(report: serde_json::Value) -> Report {
    serde_json::from_value(report).expect("a report")
}

fn curves() -> Curves {
    let mut lines = String::new();
    let mut line = |tag: &str, step: u64, value: f64| {
        lines.push_str(&format!("{{\"tag\":\"{tag}\",\"step\":{step},\"value\":{value}}}\n"));
    };
    for step in 1..=6 {
        line("pretrain/loss/click", step, 0.7 - 0.05 * step as f64);
        line("pretrain/weight_mean/click", step, 1.0);
        line("pretrain/weight_std/click", step, 0.1);
    }
    line("pretrain/validation_auc/click", 3, 0.7);
    line("pretrain/validation_auc/click", 6, 0.75);
    for step in 1..=40 {
        line("critics/td_error_abs/click", step, 1.0 / step as f64);
    }
    Curves::of_lines(lines.as_bytes()).expect("memory can be read")
}

/// The drawings of a page, by their names.
fn drawings(page: &str) -> Vec<(&str, &str)> {
    let parts = page.split("<svg class=\"chart\" id=\"").skip(1);
    parts
        .map(|part| {
            let (id, rest) = part.split_once('"').expect("an id");
            (id, rest.split_once("</svg>").expect("an end").0)
        })
        .collect()
}

/// What every drawing must have.
fn check(page: &str) -> Vec<&str> {
    for (id, svg) in drawings(page) {
        assert!(svg.contains("class=\"mark"), "{id} shows nothing");
        for part in [
            "<title id=\"",
            "<desc id=\"",
            "class=\"title\"",
            "class=\"label\"",
            "class=\"tick",
            "class=\"legend\"",
        ] {
            assert!(svg.contains(part), "{id} has no {part}");
        }
        assert!(!svg.contains("NaN") && !svg.contains("\"inf"), "{id}: {svg}");
    }
    for request in ["http:", "https:", "src=", "url(", "@import", "<script", "<iframe"] {
        assert!(!page.contains(request), "{request}");
    }
    drawings(page).into_iter().map(|(id, _)| id).collect()
}

#[test]
fn a_run_without_critics_has_its_charts_and_none_of_critics() {
    let page = page(&read(without_critics()), &curves());
    let expected =
        ["ranking", "validation", "loss", "weights", "calibration-0", "calibration-1", "seconds", "memory"];
    assert_eq!(check(&page), expected);
    assert!(!page.contains("Critics on validation sessions"));
    let ranking = drawings(&page)[0].1;
    // Both tasks have an AUC, with an interval each.
    assert_eq!(ranking.matches("<circle class=\"mark").count(), 2);
    assert_eq!(ranking.matches("<line class=\"line c0\" x1").count(), 2);
    assert!(page.contains("actor was kept at step 4 of pretrain"), "where the actor was kept is in words");
    let weights = "<td>click</td><td class=\"number\">1.0000</td><td class=\"number\">0.5000</td>\
                   <td class=\"number\">2.0000</td><td class=\"number\">1.5000</td><td class=\"number\">0.7500</td>";
    assert!(page.contains(weights), "{page}");
}

#[test]
fn critics_have_charts_of_their_own_and_kinds_of_sessions_without_rows_have_none() {
    let page = page(&read(with_critics()), &curves());
    let found = check(&page);
    assert!(found.contains(&"td-error") && found.contains(&"q-return-cut"), "{found:?}");
    assert!(!found.contains(&"q-return-end"), "no session ends: {found:?}");
    let of = |id: &str| drawings(&page).into_iter().find(|(found, _)| *found == id).expect("there").1;
    let difference = of("difference");
    assert!(
        difference.contains("less that of the equal budget on the test split: +0.0050, -0.0010 to +0.0110")
    );
    assert_eq!(difference.matches("<circle class=\"mark").count(), 1, "{difference}");
    assert!(page.contains("mean AUC 0.7500 against 0.7450 of equal weights"), "what came out stands first");
    assert!(of("td-error").contains("<title>critics: step 6 to 46</title>"), "{}", of("td-error"));
    assert!(!of("td-error").contains("<title>pretrain: step"), "where there is no critic, there is no axis");
    assert!(of("loss").contains("<title>pretrain: step 0 to 6</title>"), "{}", of("loss"));
}

#[test]
fn a_run_whose_curves_are_gone_has_what_its_report_says() {
    let page = page(&read(without_critics()), &Curves::default());
    assert_eq!(check(&page), ["ranking", "calibration-0", "calibration-1", "seconds", "memory"]);
    assert!(!page.contains("How it learnt"));
}

#[test]
fn what_is_in_a_report_never_becomes_markup() {
    let page = page(&read(without_critics()), &curves());
    assert!(!page.contains("<b>buy") && page.contains("&lt;b&gt;buy&lt;/b&gt;"));
    assert!(page.contains(
        "<li><strong>task <code>click</code> on test: NE 1.2 is above &lt;1&gt;</strong>: stop earlier, or use more rows</li>\
         <li><strong>odd</strong></li>"
    ));
}

#[test]
fn an_older_report_without_the_later_numbers_has_a_page() {
    let mut report = without_critics();
    report.as_object_mut().expect("an object").remove("weights");
    for task in ["click", "<b>buy</b>"] {
        report["tasks"][task].as_object_mut().expect("an object").remove("calibration");
    }
    report["phases"]["pretrain"].as_object_mut().expect("an object").remove("peak_memory");
    let page = page(&read(report), &curves());
    assert_eq!(check(&page), ["ranking", "validation", "loss", "weights", "seconds"]);
    assert!(page.contains("not known here"));
}

#[test]
fn phases_lie_behind_one_another_and_what_does_not_learn_takes_no_place() {
    let timeline = timeline::Timeline::of(&read(with_critics()));
    let bands: Vec<(String, f64, f64)> =
        timeline.bands().into_iter().map(|band| (band.name, band.from, band.to)).collect();
    assert_eq!(bands, [("pretrain".to_owned(), 0.0, 6.0), ("critics".to_owned(), 6.0, 46.0)]);
    assert_eq!((timeline.at("critics", 10), timeline.at("inference", 1)), (Some(16.0), None));
}

#[test]
fn a_curve_is_drawn_where_its_numbers_are_and_breaks_between_its_pieces() {
    let series = Series {
        name: "a".into(),
        pieces: vec![vec![(0.0, 0.0), (10.0, 1.0)], vec![(20.0, 0.5), (f64::NAN, 1.0)]],
        spread: vec![vec![(0.0, 0.0, 0.2), (10.0, 0.8, 1.0)]],
    };
    let bands = vec![Band { name: "one".into(), from: 0.0, to: 20.0 }];
    let svg =
        Chart { id: "a".into(), series: vec![series], bands, ..Chart::default() }.svg().expect("points");
    // 0 to 20 lies between 50 and 432; 0 to 1, with 4 % of room, between 258 and 58 from below.
    let up = |value: f64| 258.0 - (value + 0.04) / 1.08 * 200.0;
    let path = format!("d=\"M50.0 {:.1}L241.0 {:.1}\"", up(0.0), up(1.0));
    assert!(svg.contains(&path), "{path} in {svg}");
    assert_eq!(svg.matches("class=\"mark line").count(), 1, "a piece of one point has no line");
    assert_eq!(svg.matches("class=\"mark dot").count(), 3);
    assert_eq!(svg.matches("class=\"spread").count(), 1);
}

#[test]
fn nothing_is_drawn_of_nothing() {
    let nothing =
        Series { name: "a".into(), pieces: vec![vec![(f64::NAN, 1.0)], Vec::new()], spread: Vec::new() };
    assert!(Chart { series: vec![nothing], ..Chart::default() }.svg().is_none());
    assert!(Chart::default().svg().is_none());
}

#[test]
fn a_forest_has_points_with_their_intervals_and_bars_begin_at_zero() {
    let row = |name: &str, value: f64, interval| LabelledRow {
        name: name.into(),
        index: 0,
        value,
        interval,
        written: format!("{value:.1}"),
    };
    let mut chart = RowChart {
        id: "forest".into(),
        title: "Differences".into(),
        description: "Of two runs.".into(),
        x: "difference".into(),
        shape: Shape::Point,
        legend: vec!["difference".into()],
        rows: vec![row("one", 1.0, Some((0.0, 2.0))), row("two", -1.0, None), row("none", f64::NAN, None)],
        reference: Some((0.0, "no difference".into())),
    };
    let forest = chart.svg().expect("rows");
    assert_eq!(
        (forest.matches("<circle class=\"mark").count(), forest.matches("class=\"line c0\" x1").count()),
        (2, 1)
    );
    // The line through the rows, and its swatch.
    assert_eq!(forest.matches("class=\"reference\"").count(), 2);
    chart.shape = Shape::Bar;
    chart.rows = vec![row("one", 1.0, None), row("two", 2.0, None)];
    chart.reference = None;
    let bars = chart.svg().expect("rows");
    let widths: Vec<f64> = bars
        .split("width=\"")
        .skip(1)
        .map(|rest| rest.split_once('"').expect("closed").0.parse().expect("a number"))
        .collect();
    assert!((widths[1] / widths[0] - 2.0).abs() < 0.01, "{widths:?}");
}
