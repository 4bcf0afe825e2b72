//! Logs whose rows are in memory: no SQL, no files.

mod rows;

use arrow_array::RecordBatch;
use arrow_schema::ArrowError;
use arrow_select::concat::concat_batches;
use rand::SeedableRng;
use rand_xoshiro::Xoshiro256PlusPlus;
use rmtl_envs::SyntheticConfig;

use self::rows::MemoryRows;
use crate::build::{Checked, Job};
use crate::dataset_file::{DatasetFile, Table};
use crate::findings::Findings;
use crate::purpose::Purpose;
use crate::query::layout::Layout;
use crate::rows::canonical::Canonical;
use crate::rows::rejects;
use crate::{IngestError, Progress, cancelled};

/// Rows looked at or handed on at a time.
const BATCH_ROWS: usize = 1 << 13;

/// The rows of a dataset file that names one generated table and wants all of it.
pub(crate) fn whole_table(file: &DatasetFile) -> Result<Option<RecordBatch>, IngestError> {
    let mut tables = file.tables.iter();
    match (tables.next(), tables.next()) {
        (Some((name, Table::Synthetic(config))), None) if selects_all(&file.query, name) => {
            generated(config).map(Some)
        }
        _ => Ok(None),
    }
}

/// A generated log.
pub(crate) fn generated(config: &SyntheticConfig) -> Result<RecordBatch, IngestError> {
    config.validate()?;
    Ok(rmtl_envs::generate(config, &mut Xoshiro256PlusPlus::seed_from_u64(config.seed)))
}

fn selects_all(query: &str, table: &str) -> bool {
    let end = |c: char| c == ';' || c.is_whitespace();
    let words: Vec<&str> = query.trim_end_matches(end).split_whitespace().collect();
    let [select, "*", from, name] = words[..] else { return false };
    // Other names need quotes in SQL.
    let is_plain = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    select.eq_ignore_ascii_case("select") && from.eq_ignore_ascii_case("from") && name == table && is_plain
}

/// Makes the dataset of `table`, which stands for the query's result.
pub(crate) fn build(job: Job<'_>, table: &RecordBatch) -> Result<(), IngestError> {
    let file = job.file;
    let Layout { columns, stated, gap } = Layout::of(file, &table.schema())?;
    let separators = columns.separators.clone();
    let mut findings = Findings::new(file);
    findings.in_source_order = true;
    let canonical = Canonical::new(file, columns);
    let unreadable =
        |error: ArrowError| IngestError::Rows { path: file.path().to_owned(), message: error.to_string() };
    let mut batches = Vec::new();
    for start in (0..table.num_rows()).step_by(BATCH_ROWS) {
        let batch = table.slice(start, BATCH_ROWS.min(table.num_rows() - start));
        batches.push(canonical.convert(&batch, &mut findings).map_err(unreadable)?);
        (job.progress)(Progress::Querying { rows: findings.rows });
        cancelled::check(job.cancel)?;
    }
    let rows = concat_batches(&canonical.schema(), &batches).map_err(unreadable)?;
    let mut rejects = Vec::new();
    if job.purpose == Purpose::Dataset {
        let names: Vec<String> = table.schema().fields().iter().map(|field| field.name().clone()).collect();
        findings.check(file, &names)?;
        rejects = findings.rejects(&names);
        rejects::too_many(file, &rejects)?;
    }
    job.build(&mut MemoryRows::new(rows, job.cancel), Checked { separators, stated, gap, findings, rejects })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_of_one_table_needs_no_sql() {
        for query in ["SELECT * FROM log", "select *\nfrom log;\r\n\t"] {
            assert!(selects_all(query, "log"), "{query}");
        }
        for query in
            ["SELECT * FROM logs", "SELECT user FROM log", "SELECT * FROM log WHERE true", "SELECT *", ""]
        {
            assert!(!selects_all(query, "log"), "{query}");
        }
    }
}
