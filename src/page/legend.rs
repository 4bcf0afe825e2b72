//! Which curve is whose, below a drawing.

use super::chart::{LETTER, WIDTH};
use super::html::{escape, write};

/// Between two rows.
const ROW: f64 = 17.0;
/// Before a name.
const SWATCH: f64 = 28.0;

/// The names of the curves in their order, then that of a reference line, from height `top` on; and where it ends. `look` gives a
/// curve's colour and dashes.
pub(super) fn svg(
    names: &[&str],
    reference: Option<&str>,
    top: f64,
    look: fn(usize) -> (usize, &'static str),
) -> (String, f64) {
    let mut svg = String::new();
    let (mut across, mut down) = (0.0, top);
    let curves = names.iter().enumerate().map(|(index, name)| (Some(index), *name));
    for (index, name) in curves.chain(reference.map(|name| (None, name))) {
        let width = SWATCH + name.chars().count() as f64 * LETTER + 12.0;
        if across > 0.0 && across + width > WIDTH {
            (across, down) = (0.0, down + ROW);
        }
        let (from, to, middle) = (across, across + SWATCH - 6.0, down - 4.0);
        let line = format!("x1=\"{from:.1}\" x2=\"{to:.1}\" y1=\"{middle:.1}\" y2=\"{middle:.1}\"");
        match index.map(look) {
            Some((colour, dashes)) => write(
                &mut svg,
                format_args!("<line class=\"line c{colour}\" stroke-dasharray=\"{dashes}\" {line}/>"),
            ),
            None => write(&mut svg, format_args!("<line class=\"reference\" {line}/>")),
        }
        let (at, name) = (across + SWATCH, escape(name));
        write(&mut svg, format_args!("<text class=\"legend\" x=\"{at:.1}\" y=\"{down:.1}\">{name}</text>"));
        across += width;
    }
    (svg, down + 8.0)
}
