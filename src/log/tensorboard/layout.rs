//! The custom-scalars dashboard: what people come for, at once, with all tasks in one chart.

use protobuf::{Message, RepeatedField};
use tensorboard_proto::layout::{Category, Chart, Layout, MultilineChartContent};

/// Name of the plugin.
pub(super) const PLUGIN: &str = "custom_scalars";
/// Where the plugin looks for its layout.
pub(super) const TAG: &str = "custom_scalars__config__";

/// Titles, and the tags (of [`PATTERNS`](crate::log::tags::PATTERNS)) of each; the same whatever weighs.
const CHARTS: [(&str, &[&str]); 5] = [
    ("Task weights", &["{phase}/weight_mean/{task}"]),
    ("TD error", &["{phase}/td_error_abs/{task}"]),
    ("Q", &["{phase}/q_mean/{task}"]),
    ("AUC", &["{phase}/validation_auc/{task}", "{phase}/validation_xauc/{task}"]),
    ("Loss", &["{phase}/loss/{task}"]),
];

/// The layout as the plugin reads it.
pub(super) fn bytes() -> protobuf::ProtobufResult<Vec<u8>> {
    let mut category = Category::new();
    category.set_title("All tasks".to_owned());
    category.set_chart(CHARTS.iter().map(|(title, patterns)| chart(title, patterns)).collect());
    let mut layout = Layout::new();
    layout.set_category(RepeatedField::from_vec(vec![category]));
    layout.write_to_bytes()
}

fn chart(title: &str, patterns: &[&str]) -> Chart {
    let mut content = MultilineChartContent::new();
    content.set_tag(patterns.iter().map(|pattern| expression(pattern)).collect());
    let mut chart = Chart::new();
    chart.set_title(title.to_owned());
    chart.set_multiline(content);
    chart
}

/// What matches the tags of a pattern, from beginning to end.
fn expression(pattern: &str) -> String {
    format!("^{}$", pattern.replace("{phase}", "[^/]+").replace("{task}", ".+"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::tags::PATTERNS;

    #[test]
    fn every_chart_is_of_tags_that_exist() {
        let patterns = || CHARTS.iter().flat_map(|(_, patterns)| patterns.iter());
        assert!(patterns().all(|pattern| PATTERNS.contains(pattern)));
        assert_eq!(expression("{phase}/loss/{task}"), "^[^/]+/loss/.+$");
    }

    #[test]
    fn the_layout_comes_back() {
        let layout = Layout::parse_from_bytes(&bytes().expect("written")).expect("a layout");
        let charts = layout.get_category()[0].get_chart();
        let titles: Vec<&str> = charts.iter().map(Chart::get_title).collect();
        assert_eq!(titles, ["Task weights", "TD error", "Q", "AUC", "Loss"]);
        assert_eq!(charts[3].get_multiline().get_tag().len(), 2);
        assert_eq!(charts[0].get_multiline().get_tag()[0], "^[^/]+/weight_mean/.+$");
    }
}
