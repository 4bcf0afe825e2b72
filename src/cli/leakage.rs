//! `rmtl check --leakage`.

use std::cell::RefCell;

use rmtl_envs::Split;
use rmtl_ingest::{DatasetFile, Difference, LEAKAGE_RUNS, LeakageTest, Variant};

use super::CheckArguments;
use super::output::print;
use super::prepare::print_splits;
use crate::error::Error;
use crate::interrupt::Interrupt;
use crate::launch::Result;
use crate::launch::preparation::Shown;
use crate::log::Console;

pub(super) fn command(file: &DatasetFile, arguments: &CheckArguments, interrupt: &Interrupt) -> Result<()> {
    let console = if arguments.quiet { Console::quiet() } else { Console::detect() };
    let shown = RefCell::new(Shown::on(&console));
    let progress = |stage: rmtl_ingest::Progress| shown.borrow_mut().update(&stage);
    let test = LeakageTest::new(file, arguments.root.as_deref(), &progress, interrupt.cancel())?;
    shown.borrow_mut().finish_stage();
    print_splits(test.manifest());
    let tampered: Vec<String> = test.tampered().map(|(table, time)| format!("{table} by `{time}`")).collect();
    print(format_args!("tampered with: {}", tampered.join(", ")));
    if !test.untouched().is_empty() {
        print(format_args!(
            "NOT tested, taken as known from the start (they have no time column): {}",
            test.untouched().join(", ")
        ));
    }
    for (until, variant) in LEAKAGE_RUNS {
        let found = test.run(until, variant, &progress)?;
        shown.borrow_mut().finish_stage();
        print(format_args!("{:<32} {}", run_name(until, variant), outcome(&found)));
        if !found.is_empty() {
            return Err(Error::Usage(advice(variant, &found).into()).into());
        }
    }
    Ok(())
}

fn run_name(until: Split, variant: Variant) -> String {
    let done = match variant {
        Variant::Unchanged => return "the same log again".into(),
        Variant::Removed => "removed",
        Variant::Permuted => "permuted",
        Variant::Changed => "changed",
    };
    format!("rows after {} {done}", until.name())
}

fn outcome(found: &[Difference]) -> String {
    if found.is_empty() {
        return "same".into();
    }
    let files: Vec<String> = found.iter().map(Difference::to_string).collect();
    format!("DIFFERS: {}", files.join(", "))
}

fn advice(variant: Variant, found: &[Difference]) -> &'static str {
    if variant == Variant::Unchanged {
        return "the query gives other rows for the same log: complete the ORDER BY of its windows and aggregates, so that no \
                tie is left to chance, and run this again";
    }
    if found.iter().any(Difference::is_label) {
        return "a label depends on later rows: name the time at which it becomes known (known_at in [[tasks]]), and let the \
                query take the first such time, not the last";
    }
    "earlier rows depend on later ones: let windows and aggregates end before the row (RANGE BETWEEN UNBOUNDED PRECEDING AND \
     1 PRECEDING), join what was known at the row's time, and give [[tasks]] whose labels come later a known_at"
}
