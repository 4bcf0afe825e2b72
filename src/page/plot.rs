//! Axes and curves of a [`Chart`](super::chart::Chart), as SVG.

use super::chart::{BOTTOM, PLOT, Series, look};
use super::html::{escape, write};
use super::scale::Scale;

/// Both axes, with their numbers and names.
pub(super) fn axes(svg: &mut String, (x, y): (&Scale, &Scale), (x_label, y_label): (&str, &str)) {
    let (left, right) = PLOT;
    for (at, label) in y.ticks(5) {
        write(
            svg,
            format_args!(
                "<line class=\"grid\" x1=\"{left}\" x2=\"{right}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/>\
                 <text class=\"tick end\" x=\"{:.1}\" y=\"{:.1}\">{label}</text>",
                left - 6.0,
                at + 4.0
            ),
        );
    }
    for (at, label) in x.ticks(5) {
        write(
            svg,
            format_args!(
                "<line class=\"axis\" x1=\"{at:.1}\" x2=\"{at:.1}\" y1=\"{BOTTOM}\" y2=\"{:.1}\"/>\
                 <text class=\"tick middle\" x=\"{at:.1}\" y=\"{:.1}\">{label}</text>",
                BOTTOM + 4.0,
                BOTTOM + 16.0
            ),
        );
    }
    write(
        svg,
        format_args!(
            "<line class=\"axis\" x1=\"{left}\" x2=\"{right}\" y1=\"{BOTTOM}\" y2=\"{BOTTOM}\"/>\
             <text class=\"label\" x=\"0\" y=\"34\">{}</text>\
             <text class=\"label middle\" x=\"{:.1}\" y=\"{:.1}\">{}</text>",
            escape(y_label),
            (left + right) / 2.0,
            BOTTOM + 32.0,
            escape(x_label)
        ),
    );
}

/// Points that can be told apart are drawn as points too.
const N_DOTS: usize = 40;

/// A curve: what lies around it, its lines, and its points where there are few.
pub(super) fn draw(svg: &mut String, series: &Series, index: usize, (x, y): (&Scale, &Scale)) {
    let (colour, dashes) = look(index);
    let place = |&(across, up): &(f64, f64)| format!("{:.1} {:.1}", x.at(across), y.at(up));
    let name = escape(&series.name);
    for piece in &series.spread {
        let edge = |end: fn(&(f64, f64, f64)) -> f64| move |point: &(f64, f64, f64)| (point.0, end(point));
        let there = piece.iter().map(edge(|point| point.1));
        let back = piece.iter().rev().map(edge(|point| point.2));
        let outline: Vec<String> = there.chain(back).map(|point| place(&point)).collect();
        if piece.len() > 1 {
            write(svg, format_args!("<path class=\"spread c{colour}\" d=\"M{}Z\"/>", outline.join("L")));
        }
    }
    let has_dots = series.points().count() <= N_DOTS;
    for piece in &series.pieces {
        let places: Vec<String> =
            piece.iter().filter(|(x, y)| x.is_finite() && y.is_finite()).map(place).collect();
        if places.len() > 1 {
            write(
                svg,
                format_args!(
                    "<path class=\"mark line c{colour}\" stroke-dasharray=\"{dashes}\" d=\"M{}\"><title>{name}</title></path>",
                    places.join("L")
                ),
            );
        }
        for point in places.iter().filter(|_| has_dots || places.len() == 1) {
            let (across, up) = point.split_once(' ').expect("two numbers, above");
            write(
                svg,
                format_args!("<circle class=\"mark dot c{colour}\" cx=\"{across}\" cy=\"{up}\" r=\"2.5\"/>"),
            );
        }
    }
}
