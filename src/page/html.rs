//! Text and tables of a page.

use std::fmt::Write;

use comfy_table::{Cell, Table};

/// A text as it stands in HTML and SVG, whatever is in it.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            // Control characters have no place in HTML.
            control if control.is_control() => escaped.push(' '),
            character => escaped.push(character),
        }
    }
    escaped
}

/// A text with its `code` between backticks set as code.
pub(crate) fn prose(text: &str) -> String {
    let parts = text.split('`').map(escape).collect::<Vec<_>>();
    if parts.len().is_multiple_of(2) {
        return escape(text); // a backtick that nothing closes
    }
    let part = |(index, part): (usize, &String)| match index % 2 {
        0 => part.clone(),
        _ => format!("<code>{part}</code>"),
    };
    parts.iter().enumerate().map(part).collect()
}

/// A table; what looks like a number stands right.
pub(crate) fn table(caption: &str, table: &Table) -> String {
    let mut html = format!("<div class=\"wide\"><table><caption>{}</caption>", prose(caption));
    if let Some(header) = table.header() {
        html.push_str("<thead><tr>");
        for cell in header.cell_iter() {
            write(&mut html, format_args!("<th scope=\"col\">{}</th>", escape(&cell.content())));
        }
        html.push_str("</tr></thead>");
    }
    html.push_str("<tbody>");
    for row in table.row_iter() {
        html.push_str("<tr>");
        for (column, cell) in row.cell_iter().enumerate() {
            html.push_str(&body_cell(column, cell));
        }
        html.push_str("</tr>");
    }
    html.push_str("</tbody></table></div>\n");
    html
}

fn body_cell(column: usize, cell: &Cell) -> String {
    let content = cell.content();
    let is_number = content.starts_with(|first: char| first.is_ascii_digit() || "-−+".contains(first));
    match (column, is_number) {
        (0, _) => format!("<th scope=\"row\">{}</th>", escape(&content)),
        (_, true) => format!("<td class=\"number\">{}</td>", escape(&content)),
        (_, false) => format!("<td>{}</td>", escape(&content)),
    }
}

/// Adds to a text, which does not fail.
pub(super) fn write(html: &mut String, text: std::fmt::Arguments<'_>) {
    html.write_fmt(text).expect("writing to a string does not fail");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_text_becomes_markup() {
        assert_eq!(escape("<b a='1' c=\"2\">&\n"), "&lt;b a=&#39;1&#39; c=&quot;2&quot;&gt;&amp; ");
        assert_eq!(prose("set `a < b` now"), "set <code>a &lt; b</code> now");
        assert_eq!(prose("one ` alone <"), "one ` alone &lt;");
    }

    #[test]
    fn a_table_has_its_rows_names_and_its_numbers_at_the_right() {
        let mut of = Table::new();
        of.set_header(["task", "AUC"]);
        of.add_row(["<click>", "0.7"]);
        of.add_row(["buy", "undefined"]);
        let html = table("by `task`", &of);
        assert!(html.contains("<caption>by <code>task</code></caption>"), "{html}");
        assert!(html.contains("<th scope=\"col\">AUC</th>"), "{html}");
        assert!(html.contains("<th scope=\"row\">&lt;click&gt;</th><td class=\"number\">0.7</td>"), "{html}");
        assert!(html.contains("<th scope=\"row\">buy</th><td>undefined</td>"), "{html}");
    }
}
