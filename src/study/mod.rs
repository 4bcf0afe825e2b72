//! Studies: many runs of one run file, and one table of them.
//!
//! A study file ([`StudyFile`]) names arms, which are lists of overrides, and what they are run on. An arm may search for
//! its settings ([`Method`]); it chooses them by the validation split and the study's `seeds`, and the table is of the
//! test split with `confirm_seeds`. [`conduct`] runs it with a [`Runner`] ([`Processes`] in earnest); what came of it
//! ([`Outcome`]) is [written](write_pages) into the study's folder:
//!
//! ```text
//! study.toml     the study file
//! table.md       the tables, what was looked at for a choice, and the runs that failed
//! table.tex      the tables for a paper
//! table.csv      the same for a program
//! runs.csv       a line per run
//! summary.json   arms with all their runs, choices with all that was tried, failures
//! runs/<hash>/   the run folders, named by settings, data and version
//! ```

mod bench;
mod check;
mod conduct;
mod contest;
mod file;
mod looked_at;
mod metric;
mod outcome;
mod pages;
mod plan;
mod pool;
mod processes;
mod progress;
mod runner;
mod search;
mod space;
mod template;

pub use conduct::conduct;
pub use file::{Arm, Axis, AxisValue, Rung, SearchConfig, StudyFile};
pub use metric::Metric;
pub use outcome::{Choice, Failure, Outcome, Purpose, Record};
pub use pages::{TABLE_PAGE, write_pages};
pub use plan::Study;
pub use pool::Limits;
pub use processes::Processes;
pub use runner::{Ended, Job, Ready, Runner};
pub use search::Method;
pub use space::Space;

#[cfg(test)]
mod tests;
