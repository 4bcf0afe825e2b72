//! `rmtl compare`.

use comfy_table::presets;

use super::CompareArguments;
use super::output::{complain, print};
use crate::compare::{On, compare, seed_deviation, tables};
use crate::launch::Result;

pub(super) fn command(arguments: &CompareArguments) -> Result<()> {
    let groups = compare(&arguments.run_dirs, arguments.actor, arguments.split, |error| {
        complain(format_args!("warning: {error}"));
    })?;
    if arguments.json {
        print(serde_json::to_string_pretty(&groups).expect("groups hold nothing JSON cannot say"));
        return Ok(());
    }
    print(match arguments.split {
        On::Validation => "On the validation split, where choices are made; `--split test` once they are.\n",
        On::Test => "On the test split.\n",
    });
    let style = if arguments.markdown { presets::ASCII_MARKDOWN } else { presets::UTF8_FULL_CONDENSED };
    for (task, mut table) in tables(&groups, arguments.base.as_deref())? {
        print(format_args!("{}{task}\n", if arguments.markdown { "### " } else { "" }));
        print(table.load_style(style));
        let of = |metric| seed_deviation(&groups, &task, metric);
        if let Some(deviation) = of("AUC").or_else(|| of("XAUC")) {
            print(format_args!(
                "\nStandard deviation of an AUC (of a number: XAUC) between seeds, pooled over the runs: {deviation:.4}"
            ));
        }
        print("");
    }
    Ok(())
}
