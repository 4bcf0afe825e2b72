//! Numbers of named things below one another: bars, or points with an interval (a forest plot).

use super::chart::{LETTER, WIDTH, look, open};
use super::html::{escape, write};
use super::legend;
use super::scale::{Scale, range};

const TOP: f64 = 46.0;
const ROW: f64 = 22.0;
/// Letters of a name that are shown.
const N_LETTERS: usize = 26;

/// Rows of numbers over one axis.
#[derive(Clone, Debug)]
pub(crate) struct RowChart {
    /// What it is called in links; letters and `-`.
    pub(crate) id: String,
    /// What it shows.
    pub(crate) title: String,
    /// The same in a sentence, for who cannot see it.
    pub(crate) description: String,
    /// What the numbers are, with their unit.
    pub(crate) x: String,
    /// How they are drawn.
    pub(crate) shape: Shape,
    /// Whose numbers they are; empty where the rows' names say it.
    pub(crate) legend: Vec<String>,
    /// The rows.
    pub(crate) rows: Vec<LabelledRow>,
    /// A number that all are set against, and what it is.
    pub(crate) reference: Option<(f64, String)>,
}

/// How a number is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// A bar from 0.
    Bar,
    /// A point, with its interval where it has one.
    Point,
}

/// A number of something.
#[derive(Clone, Debug)]
pub(crate) struct LabelledRow {
    /// What.
    pub(crate) name: String,
    /// Its place in the legend, which gives its colour.
    pub(crate) index: usize,
    /// The number.
    pub(crate) value: f64,
    /// Where it may be.
    pub(crate) interval: Option<(f64, f64)>,
    /// The number in words, at the row's end.
    pub(crate) written: String,
}

impl RowChart {
    /// The drawing; `None` of no finite number.
    pub(crate) fn svg(&self) -> Option<String> {
        let rows: Vec<&LabelledRow> = self.rows.iter().filter(|row| row.value.is_finite()).collect();
        let ends = rows.iter().flat_map(|row| row.interval.map_or([row.value; 2], |(low, high)| [low, high]));
        let reference = self.reference.as_ref().map(|(value, _)| *value);
        let (low, high) = range(ends.chain(reference))?;
        rows.first()?;
        let low = if self.shape == Shape::Bar { 0.0 } else { low };
        let letters = |text: &str| text.chars().count() as f64 * LETTER;
        let left = rows.iter().map(|row| letters(&shortened(&row.name))).fold(0.0, f64::max) + 8.0;
        let right = WIDTH - rows.iter().map(|row| letters(&row.written)).fold(0.0, f64::max) - 10.0;
        let x = Scale::new((low, high), (left, right));
        let bottom = TOP + rows.len() as f64 * ROW;
        let names: Vec<&str> = self.legend.iter().map(String::as_str).collect();
        let named = self.reference.as_ref().map(|(_, name)| name.as_str());
        let (legend, height) = legend::svg(&names, named, bottom + 38.0, |index| (look(index).0, "none"));
        let mut svg = open(&self.id, &self.title, &self.description, height);
        for (at, label) in x.ticks(4) {
            write(
                &mut svg,
                format_args!(
                    "<line class=\"grid\" x1=\"{at:.1}\" x2=\"{at:.1}\" y1=\"{TOP}\" y2=\"{bottom}\"/>\
                     <text class=\"tick middle\" x=\"{at:.1}\" y=\"{:.1}\">{label}</text>",
                    bottom + 14.0
                ),
            );
        }
        if let Some(value) = reference {
            let at = x.at(value);
            let line = format!("x1=\"{at:.1}\" x2=\"{at:.1}\" y1=\"{TOP}\" y2=\"{bottom}\"");
            write(&mut svg, format_args!("<line class=\"reference\" {line}/>"));
        }
        write(&mut svg, format_args!("<text class=\"label\" x=\"0\" y=\"34\">{}</text>", escape(&self.x)));
        for (row, down) in rows.iter().zip(0_u32..) {
            self.draw(&mut svg, row, TOP + (f64::from(down) + 0.5) * ROW, &x);
        }
        svg.push_str(&legend);
        svg.push_str("</svg>\n");
        Some(svg)
    }

    fn draw(&self, svg: &mut String, row: &LabelledRow, middle: f64, x: &Scale) {
        let (colour, _) = look(row.index);
        let (at, text) = (x.at(row.value), middle + 4.0);
        let (name, written) = (escape(&row.name), escape(&row.written));
        write(
            svg,
            format_args!(
                "<text class=\"tick\" x=\"0\" y=\"{text:.1}\">{}<title>{name}</title></text>\
                 <text class=\"tick end\" x=\"{WIDTH}\" y=\"{text:.1}\">{written}</text>",
                escape(&shortened(&row.name))
            ),
        );
        if let Some((low, high)) = row.interval {
            let (low, high) = (x.at(low), x.at(high));
            write(
                svg,
                format_args!(
                    "<line class=\"line c{colour}\" x1=\"{low:.1}\" x2=\"{high:.1}\" y1=\"{middle:.1}\" y2=\"{middle:.1}\"/>"
                ),
            );
        }
        match self.shape {
            Shape::Bar => {
                let (start, top) = (x.at(0.0), middle - 7.0);
                let width = (at - start).max(0.5);
                write(
                    svg,
                    format_args!(
                        "<rect class=\"mark dot c{colour}\" x=\"{start:.1}\" y=\"{top:.1}\" width=\"{width:.1}\" height=\"14\"/>"
                    ),
                );
            }
            Shape::Point => write(
                svg,
                format_args!(
                    "<circle class=\"mark dot c{colour}\" cx=\"{at:.1}\" cy=\"{middle:.1}\" r=\"4.5\"/>"
                ),
            ),
        }
    }
}

/// A name as long as there is room for.
fn shortened(name: &str) -> String {
    match name.chars().count() > N_LETTERS {
        true => name.chars().take(N_LETTERS - 1).chain(['…']).collect(),
        false => name.to_owned(),
    }
}
