//! `rmtl compare`.

use comfy_table::presets;

use super::CompareArguments;
use super::output::{complain, print};
use crate::compare::{On, compare, comparisons, seed_deviation, tables};
use crate::launch::Result;
use crate::tables::Comparison;

pub(super) fn command(arguments: &CompareArguments) -> Result<()> {
    let groups = compare(&arguments.run_dirs, arguments.actor, arguments.split, |error| {
        complain(format_args!("warning: {error}"));
    })?;
    if arguments.json {
        print(serde_json::to_string_pretty(&groups).expect("groups hold nothing JSON cannot say"));
        return Ok(());
    }
    let base = arguments.base.as_deref();
    let with_base =
        base.map(|base| comparisons(&groups, base, arguments.split, arguments.resamples)).transpose()?;
    let with_base = with_base.unwrap_or_default();
    if arguments.latex || arguments.csv {
        let texts =
            with_base.iter().map(if arguments.csv { Comparison::to_csv } else { Comparison::to_latex });
        print_for_programs(texts);
        with_base.iter().flat_map(|of| &of.notes).for_each(|note| complain(format_args!("note: {note}")));
        return Ok(());
    }
    print(match arguments.split {
        On::Validation => "On the validation split, where choices are made; `--split test` once they are.\n",
        On::Test => "On the test split.\n",
    });
    let style = if arguments.markdown { presets::ASCII_MARKDOWN } else { presets::UTF8_FULL_CONDENSED };
    let mark = if arguments.markdown { "### " } else { "" };
    for (task, mut table) in tables(&groups, base)? {
        print(format_args!("{mark}{task}\n"));
        print(table.load_style(style));
        let of = |metric| seed_deviation(&groups, &task, metric);
        if let Some(deviation) = of("AUC").or_else(|| of("XAUC")) {
            print(format_args!(
                "\nStandard deviation of an AUC (of a number: XAUC) between seeds, pooled over the runs: {deviation:.4}"
            ));
        }
        print("");
    }
    for comparison in &with_base {
        for mut section in comparison.difference_sections() {
            print(format_args!("{mark}{}\n", section.title));
            print(section.table.load_style(style));
            print("");
        }
        comparison.notes.iter().for_each(|note| print(format_args!("* {note}")));
    }
    Ok(())
}

/// One text after the other, their common first line once.
fn print_for_programs(texts: impl Iterator<Item = String>) {
    for (index, text) in texts.enumerate() {
        let lines: Vec<&str> = text.lines().skip(usize::from(index > 0)).collect();
        print(lines.join("\n"));
    }
}
