//! An inspection as tables with small bars.

use std::fmt;

use comfy_table::{CellAlignment, Table, presets};

use super::bar::bar;
use super::split::SplitView;
use super::time::shown;
use super::{Inspection, Lengths};

/// Characters of the longest bar.
const WIDTH: usize = 12;

impl fmt::Display for Inspection {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let gap = self.session.gap.map_or("no gap".to_owned(), |gap| format!("gap {gap}"));
        writeln!(out, "{}: sessions of `{}`, {gap}; {}\n", self.name, self.session.key, self.content_hash)?;
        writeln!(out, "{}\n", self.split_table())?;
        writeln!(out, "{}\n", self.field_table())?;
        writeln!(out, "Rows and shares of label 1 in ten parts of equal time\n{}\n", self.time_table())?;
        writeln!(out, "Rows per session\n{}\n", self.length_table())?;
        if self.tasks.len() > 1 {
            writeln!(
                out,
                "Of training rows with the label of the left, the share that has the other\n{}\n",
                self.together_table()
            )?;
        }
        self.warnings.iter().try_for_each(|warning| writeln!(out, "warning: {}", warning.message))
    }
}

impl Inspection {
    fn split_table(&self) -> Table {
        let fixed = ["split", "rows", "sessions", "cut", "from", "to"].map(String::from);
        let mut table = table(fixed.into_iter().chain(self.tasks.iter().cloned()));
        for view in &self.splits {
            let SplitView { split, rows, sessions, cut, times, rates, .. } = view;
            let mut cells = vec![split.name().to_owned(), rows.to_string(), sessions.to_string()];
            cells.extend([percent(Some(*cut)), shown(times[0]), shown(times[1])]);
            cells.extend(rates.iter().map(|rate| percent(*rate)));
            table.add_row(cells);
        }
        right(table)
    }

    fn field_table(&self) -> Table {
        let names = ["field", "holds", "unknown in train", "validation", "test"].map(String::from);
        let mut table = table(names);
        for field in &self.ids {
            let lists = if field.slots > 1 { format!(", lists of {}", field.slots) } else { String::new() };
            let mut cells = vec![field.name.clone(), format!("{} ids{lists}", field.ids)];
            cells.extend(field.unknown.map(percent));
            table.add_row(cells);
        }
        for field in &self.numbers {
            let holds = format!("mean {:.4}, deviation {:.4}", field.mean, field.standard_deviation);
            table.add_row([field.name.clone(), holds]);
        }
        right(table)
    }

    fn time_table(&self) -> Table {
        let fixed = ["split", "from", "rows", ""].map(String::from);
        let rates = self.tasks.iter().flat_map(|task| [task.clone(), String::new()]);
        let mut table = table(fixed.into_iter().chain(rates));
        let parts = || self.splits.iter().flat_map(|view| &view.parts);
        let most_rows = parts().map(|part| part.rows).max().unwrap_or(0) as f64;
        let most = |task: usize| parts().filter_map(|part| part.rates[task]).fold(0.0, f64::max);
        for (view, part) in
            self.splits.iter().flat_map(|view| view.parts.iter().map(move |part| (view, part)))
        {
            let rows = part.rows as f64;
            let mut cells = vec![view.split.name().to_owned(), shown(part.from), part.rows.to_string()];
            cells.push(bar(rows, most_rows, WIDTH));
            for (task, rate) in part.rates.iter().enumerate() {
                cells.extend([percent(*rate), bar(rate.unwrap_or(0.0), most(task), WIDTH)]);
            }
            table.add_row(cells);
        }
        table
    }

    fn length_table(&self) -> Table {
        let mut table =
            table(["split", "mean", "median", "longest", "rows", "sessions", ""].map(String::from));
        for view in &self.splits {
            let Lengths { mean, median, longest, up_to } = &view.lengths;
            let most = up_to.iter().map(|(_, sessions)| *sessions).max().unwrap_or(0) as f64;
            let mut head = vec![
                view.split.name().to_owned(),
                format!("{mean:.2}"),
                median.to_string(),
                longest.to_string(),
            ];
            for (bound, sessions) in up_to {
                let rows =
                    if *bound > 2 { format!("{}–{bound}", bound / 2 + 1) } else { bound.to_string() };
                let mut cells = std::mem::replace(&mut head, vec![String::new(); 4]);
                cells.extend([rows, sessions.to_string(), bar(*sessions as f64, most, WIDTH)]);
                table.add_row(cells);
            }
        }
        table
    }

    fn together_table(&self) -> Table {
        let mut table = table([String::new()].into_iter().chain(self.tasks.iter().cloned()));
        for (task, shares) in self.tasks.iter().zip(&self.together) {
            let cell =
                |share: &Option<f64>| format!("{} {}", percent(*share), bar(share.unwrap_or(0.0), 1.0, 8));
            table.add_row([task.clone()].into_iter().chain(shares.iter().map(cell)));
        }
        table
    }
}

fn table(header: impl IntoIterator<Item = String>) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED).set_header(header.into_iter().collect::<Vec<_>>());
    table
}

/// Numbers stand below one another.
fn right(mut table: Table) -> Table {
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

fn percent(share: Option<f64>) -> String {
    share.map_or("–".to_owned(), |share| format!("{:.2} %", 100.0 * share))
}
