//! A comparison as Markdown.

use std::fmt::Write;

use comfy_table::presets;

use super::Comparison;

impl Comparison {
    /// Its tables under titles of the third level, then what a reader must know.
    pub fn to_markdown(&self) -> String {
        let mut page = String::new();
        let mut line = |text: String| writeln!(page, "{text}").expect("writing to a string does not fail");
        line(format!("On the {} split; differences are from {}.\n", self.split, self.base));
        for mut section in self.sections() {
            line(format!("### {}\n", section.title));
            line(format!("{}\n", section.table.load_style(presets::ASCII_MARKDOWN)));
        }
        for cell in &self.cells {
            if let Some(volume) = cell.hypervolume {
                let name = cell.name();
                let of = if name.is_empty() { String::new() } else { format!(" of {name}") };
                line(format!("* Hypervolume{of}, the AUCs above ½ that some arm reaches: {volume:.6}"));
            }
        }
        self.notes.iter().for_each(|note| line(format!("* {note}")));
        page
    }
}
