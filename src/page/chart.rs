//! Curves and points over two axes, as SVG that stands in a page. What it shows is said in words too, and colours are doubled
//! by dashes, for who cannot see them.

use super::html::{escape, write};
use super::scale::{Scale, range};
use super::{legend, plot};

/// Width of every drawing, in the units of its view box; a page scales it.
pub(super) const WIDTH: f64 = 440.0;
/// From left to right, and below from above, where the axes are.
pub(super) const PLOT: (f64, f64) = (50.0, 432.0);
pub(super) const TOP: f64 = 58.0;
pub(super) const BOTTOM: f64 = 258.0;

/// How wide a letter is drawn, about.
pub(super) const LETTER: f64 = 6.3;

/// Colours before they come again: blue, vermilion, green, pink, orange, sky, grey (Okabe and Ito), in `style.css`.
const N_COLOURS: usize = 7;

const DASHES: [&str; 4] = ["none", "7 3", "2 3", "9 3 2 3"];

/// Curves over one axis.
#[derive(Clone, Debug, Default)]
pub(crate) struct Chart {
    /// What it is called in links; letters and `-`.
    pub(crate) id: String,
    /// What it shows.
    pub(crate) title: String,
    /// The same in a sentence or two, for who cannot see it.
    pub(crate) description: String,
    /// What stands along, with its unit.
    pub(crate) x: String,
    /// What stands upwards, with its unit.
    pub(crate) y: String,
    /// The curves.
    pub(crate) series: Vec<Series>,
    /// Stretches of the axis along, in its order.
    pub(crate) bands: Vec<Band>,
    /// Places on the axis along, and what they are.
    pub(crate) marks: Vec<(f64, String)>,
    /// What the line of equal x and y is called, where it means something.
    pub(crate) diagonal: Option<String>,
}

/// Points in their order, `(x, y)`.
pub(crate) type Piece = Vec<(f64, f64)>;

/// A curve; it is broken between its pieces.
#[derive(Clone, Debug, Default)]
pub(crate) struct Series {
    /// Its name in the legend.
    pub(crate) name: String,
    /// Its points.
    pub(crate) pieces: Vec<Piece>,
    /// What lies around it, `(x, low, high)`.
    pub(crate) spread: Vec<Vec<(f64, f64, f64)>>,
}

/// A stretch of the axis along.
#[derive(Clone, Debug)]
pub(crate) struct Band {
    /// What it is.
    pub(crate) name: String,
    /// Where it begins.
    pub(crate) from: f64,
    /// Where it ends.
    pub(crate) to: f64,
}

impl Series {
    /// Its points that can be drawn.
    pub(super) fn points(&self) -> impl Iterator<Item = &(f64, f64)> {
        self.pieces.iter().flatten().filter(|(x, y)| x.is_finite() && y.is_finite())
    }
}

impl Chart {
    /// The drawing; `None` where there is no point to draw.
    pub(crate) fn svg(&self) -> Option<String> {
        let points = || self.series.iter().flat_map(Series::points);
        let spread = self.series.iter().flat_map(|of| of.spread.iter().flatten());
        let mut x_range = range(points().map(|point| point.0))?;
        let mut y_range =
            range(points().map(|point| point.1).chain(spread.flat_map(|&(_, low, high)| [low, high])))?;
        if let (Some(first), Some(last)) = (self.bands.first(), self.bands.last()) {
            x_range = (first.from, last.to);
        }
        if self.diagonal.is_some() {
            x_range = (x_range.0.min(y_range.0), x_range.1.max(y_range.1));
            y_range = x_range;
        }
        let (x, y) = (Scale::new(x_range, PLOT), Scale::new(y_range, (BOTTOM, TOP)));
        let names: Vec<&str> = self.series.iter().map(|series| series.name.as_str()).collect();
        let (legend, height) = legend::svg(&names, self.diagonal.as_deref(), BOTTOM + 54.0, look);
        let mut svg = open(&self.id, &self.title, &self.description, height);
        self.draw_bands(&mut svg, &x);
        plot::axes(&mut svg, (&x, &y), (&self.x, &self.y));
        if self.diagonal.is_some() {
            let (low, high) = x_range;
            let [x1, y1, x2, y2] = [x.at(low), y.at(low), x.at(high), y.at(high)];
            write(
                &mut svg,
                format_args!(
                    "<line class=\"reference\" x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\"/>"
                ),
            );
        }
        for (at, name) in &self.marks {
            let at = x.at(*at);
            write(
                &mut svg,
                format_args!(
                    "<line class=\"kept\" x1=\"{at:.1}\" x2=\"{at:.1}\" y1=\"{TOP}\" y2=\"{BOTTOM}\"><title>{}</title></line>",
                    escape(name)
                ),
            );
        }
        for (index, series) in self.series.iter().enumerate() {
            plot::draw(&mut svg, series, index, (&x, &y));
        }
        svg.push_str(&legend);
        svg.push_str("</svg>\n");
        Some(svg)
    }

    fn draw_bands(&self, svg: &mut String, x: &Scale) {
        for (index, Band { name, from, to }) in self.bands.iter().enumerate() {
            let (left, right) = (x.at(*from), x.at(*to));
            let (width, height, shade) = (right - left, BOTTOM - TOP, index % 2);
            let name = escape(name);
            write(
                svg,
                format_args!(
                    "<rect class=\"band b{shade}\" x=\"{left:.1}\" y=\"{TOP}\" width=\"{width:.1}\" height=\"{height}\">\
                     <title>{name}: step {from} to {to}</title></rect>"
                ),
            );
            // A name that does not fit is in the table of phases, and shown when pointed at.
            if name.chars().count() as f64 * LETTER <= width {
                let (middle, above) = ((left + right) / 2.0, TOP - 5.0);
                write(
                    svg,
                    format_args!("<text class=\"phase\" x=\"{middle:.1}\" y=\"{above}\">{name}</text>"),
                );
            }
        }
    }
}

/// The beginning of a drawing, with its words.
pub(super) fn open(id: &str, title: &str, description: &str, height: f64) -> String {
    let (title, description) = (escape(title), escape(description));
    format!(
        "<svg class=\"chart\" id=\"{id}\" viewBox=\"0 0 {WIDTH} {height:.0}\" role=\"img\" aria-labelledby=\"{id}-title {id}-desc\">\
         <title id=\"{id}-title\">{title}</title><desc id=\"{id}-desc\">{description}</desc>\
         <text class=\"title\" x=\"0\" y=\"15\">{title}</text>"
    )
}

/// Colour and dashes of a curve.
pub(super) fn look(index: usize) -> (usize, &'static str) {
    (index % N_COLOURS, DASHES[index % DASHES.len()])
}
