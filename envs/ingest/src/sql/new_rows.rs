//! New rows through the dataset's own query and the vocabularies that were fitted for it: rows to predict.
//!
//! Nobody knows their labels yet, so the query runs for the features alone: it is cut down to them before it is run, and a
//! column of the rows that only labels are made from need not be there.

mod input;
mod lent;

use std::path::Path;
use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::error::DataFusionError;
use datafusion::execution::SessionState;
use datafusion::logical_expr::{Expr, LogicalPlan, lit};
use datafusion::physical_plan::execute_stream;
use datafusion::prelude::DataFrame;
use datafusion::scalar::ScalarValue;
use futures::StreamExt;
use rmtl_envs::{Cancel, Schema};
use tokio::task::yield_now;

use self::lent::Lent;
use super::engine::{Engine, default_memory};
use super::query::{run_error_in, sql_error};
use super::register::Tables;
use super::rows::wait;
use super::{failed_cast, lineage, runtime};
use crate::dataset_file::DatasetFile;
use crate::findings::Findings;
use crate::fit::vocabulary;
use crate::query::columns::Columns;
use crate::rows::canonical;
use crate::source::{self, Sources};
use crate::split::boundary::Boundaries;
use crate::write::encode::{CanonicalBatch, Encoder, Fitted};
use crate::write::staging::VOCABULARY_DIR;
use crate::write::too_far;
use crate::{IngestError, cancelled};

/// Rows that are to be predicted, and what encodes them.
#[derive(Clone, Debug)]
pub struct NewRows<'a> {
    /// The dataset file the model was trained with.
    pub file: &'a DatasetFile,
    /// Where its other tables are; the default is the folder of the dataset file.
    pub root: Option<&'a Path>,
    /// The prepared dataset: its `vocabulary/` is read, and nothing else of it.
    pub prepared: &'a Path,
    /// The prepared dataset's schema.
    pub schema: &'a Schema,
    /// The table the rows stand for; needed where the query has several.
    pub table: Option<&'a str>,
    /// Their files or globs, of any format a table can have; `-` is the standard input.
    pub input: &'a [String],
    /// Columns of the query's result to hand on beside session and time.
    pub keep: &'a [String],
}

/// A batch of rows as models read them.
#[derive(Clone, Debug)]
pub struct EncodedRows {
    /// Ids `[row, slot]`, row-major.
    pub categorical: Vec<u32>,
    /// Standardised numbers `[row, numeric field]`, row-major.
    pub numeric: Vec<f32>,
    /// Number of rows.
    pub n_rows: usize,
    /// Rows of the query's result before these.
    pub first_row: u64,
    /// Session and time, where the rows have them, and what else is to be kept.
    pub kept: RecordBatch,
}

/// What was found in the rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RowCounts {
    /// Rows encoded.
    pub rows: u64,
    /// Of every field with ids: its values, and those that the model has never seen.
    pub ids: Vec<ValueCount>,
    /// Of every number: its values, and those that are missing, which stand at the training rows' mean.
    pub numbers: Vec<ValueCount>,
}

/// Values of a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValueCount {
    /// The field.
    pub field: String,
    /// All of them.
    pub values: u64,
    /// Those that say nothing.
    pub unknown: u64,
}

impl NewRows<'_> {
    /// Hands on the rows batch by batch, in the order of the query's result: that of the files, unless the query sorts.
    ///
    /// The table named by [`table`](Self::table) is read from [`input`](Self::input) instead of its own files. Columns that
    /// the query names and the input lacks are taken as null where no feature, filter or join depends on them. Memory holds
    /// one batch, the vocabularies, and what the query's joins, sorts and windows hold. Rows are never left out: one that cannot
    /// be read is an error, whatever `max_bad_rows`.
    ///
    /// # Errors
    /// Any [`IngestError`], or one of `each`.
    ///
    /// # Panics
    /// If called from within a tokio runtime.
    pub fn read(
        &self,
        cancel: &Cancel,
        each: &mut dyn FnMut(&EncodedRows) -> Result<(), IngestError>,
    ) -> Result<RowCounts, IngestError> {
        let scratch = tempfile::Builder::new().prefix("rmtl-rows-").tempdir();
        let scratch =
            scratch.map_err(|error| IngestError::output("make a folder in", &std::env::temp_dir(), error))?;
        let scratch = scratch.path();
        let (file, table) = input::replaced(self, scratch)?;
        let sources = source::resolve(&file, self.root, cancel)?;
        let mut encoder = self.encoder(&file)?;
        let engine = Engine::new(scratch, default_memory()).map_err(|e| run_error_in(scratch, &file, &e))?;
        let rows = Job { file: &file, table: &table, keep: self.keep, scratch, input: self.input };
        let read = wait(&runtime(scratch)?, cancel, rows.run(&engine, &sources, &mut encoder, each));
        cancelled::on_request(read, cancel)
    }

    /// What turns values into ids and numbers as the training rows' were.
    fn encoder(&self, file: &DatasetFile) -> Result<Encoder, IngestError> {
        let folder = self.prepared.join(VOCABULARY_DIR);
        let vocabularies = vocabulary::read(file, &folder)?;
        let fields = self.schema.categorical.iter();
        for ((name, vocabulary), field) in file.id_fields().zip(&vocabularies).zip(fields) {
            if name != field.name || vocabulary.size() != field.vocabulary_size {
                let message = format!(
                    "expected the {} ids of `{}`, found {} of `{name}`",
                    field.vocabulary_size,
                    field.name,
                    vocabulary.size()
                );
                return Err(IngestError::Vocabulary { path: folder, message });
            }
        }
        // Without labels there are no targets to scale.
        let scales = vec![None; file.tasks.len()];
        let fitted = Fitted { vocabularies, numeric: self.schema.numeric.clone(), scales };
        let separators = vec![None; self.schema.categorical.len()];
        let all_alike = Boundaries::Times { validation_from: i64::MAX, test_from: i64::MAX };
        Ok(Encoder::new(file, fitted, separators, all_alike))
    }
}

/// New rows, their files found.
struct Job<'a> {
    file: &'a DatasetFile,
    /// The table the rows stand for.
    table: &'a str,
    keep: &'a [String],
    scratch: &'a Path,
    input: &'a [String],
}

impl Job<'_> {
    async fn run(
        &self,
        engine: &Engine,
        sources: &Sources,
        encoder: &mut Encoder,
        each: &mut dyn FnMut(&EncodedRows) -> Result<(), IngestError>,
    ) -> Result<RowCounts, IngestError> {
        let context = engine.in_order();
        let mut tables = Tables::open(&context, self.file, sources, self.scratch).await?;
        let (lent, trial) = lent::plan(engine, self, &tables).await?;
        let chosen = Chosen::of(self, &trial, &lent)?;
        // Over tables without rows: which columns are read as they are spelt.
        let columns = Columns::of_features(self.file, chosen.frame.schema().as_arrow())?;
        let plan = chosen.frame.logical_plan();
        tables
            .read_as_text(self.file, &lineage::read_as_text(plan, &columns.as_text(), &columns.as_numbers()));
        tables.register(&context).await?;
        lent.lend(&context, self.table).await.map_err(|error| self.error(&error))?;
        let query = super::query::plan(&context, self.file).await?;
        let frame = Chosen::of(self, &query, &lent)?.frame;
        let columns = Columns::of_features(self.file, frame.schema().as_arrow())?;
        encoder.set_separators(columns.separators.clone());
        let (state, plan) = frame.clone().into_parts();
        self.stream(frame, &columns, &chosen.kept, encoder, each, (&tables, state, plan)).await
    }

    async fn stream(
        &self,
        frame: DataFrame,
        columns: &Columns,
        kept: &[usize],
        encoder: &mut Encoder,
        each: &mut dyn FnMut(&EncodedRows) -> Result<(), IngestError>,
        (tables, state, plan): (&Tables, SessionState, LogicalPlan),
    ) -> Result<RowCounts, IngestError> {
        let names: Vec<String> =
            frame.schema().as_arrow().fields().iter().map(|field| field.name().clone()).collect();
        let mut findings = Findings::new(self.file);
        let task = Arc::new(frame.task_ctx());
        let physical = frame.create_physical_plan().await.map_err(|error| self.error(&error))?;
        let mut stream = execute_stream(physical, task).map_err(|error| self.error(&error))?;
        while let Some(batch) = stream.next().await {
            let batch = match batch {
                Ok(batch) => batch,
                Err(error) => {
                    let found = failed_cast::find(self.file, state, &plan, &error).await;
                    return Err(found
                        .or_else(|| tables.first_broken())
                        .unwrap_or_else(|| self.error(&error)));
                }
            };
            let first_row = findings.rows;
            let rows = canonical::features(&batch, columns, &mut findings)
                .map_err(|error| self.error(&error.into()))?;
            if findings.rows > 0 {
                findings.check(self.file, &names)?;
            }
            let kept = batch.project(kept).map_err(|error| self.error(&error.into()))?;
            each(&encoded(self.file, encoder, &rows, first_row, kept)?)?;
            // Rows that are ready come without a pause, in which others could look.
            yield_now().await;
        }
        findings.check(self.file, &names)?;
        Ok(counts(encoder, &findings))
    }

    fn error(&self, error: &DataFusionError) -> IngestError {
        run_error_in(self.scratch, self.file, error)
    }
}

/// The query, cut down to what is wanted of it.
struct Chosen {
    frame: DataFrame,
    /// Positions of the columns to hand on.
    kept: Vec<usize>,
}

impl Chosen {
    fn of(job: &Job<'_>, query: &DataFrame, lent: &Lent) -> Result<Self, IngestError> {
        let file = job.file;
        let mut chosen: Vec<(&str, Expr)> = Vec::new();
        for name in file.id_fields().chain(file.numeric.iter().map(String::as_str)) {
            match column(file, query, lent, name)? {
                Ok(column) => chosen.push((name, column)),
                Err(wanted) => return Err(lent.missing(job, &wanted)),
            }
        }
        let nothing = [
            (file.session.key.as_str(), ScalarValue::Utf8(None)),
            (file.time.as_str(), ScalarValue::Int64(None)),
        ];
        let mut kept: Vec<&str> = Vec::new();
        for (name, nothing) in nothing {
            match column(file, query, lent, name)? {
                Ok(column) => {
                    kept.push(name);
                    add(&mut chosen, name, column);
                }
                Err(_) => add(&mut chosen, name, lit(nothing).alias(name)),
            }
        }
        for name in job.keep {
            match column(file, query, lent, name)? {
                Ok(column) if kept.contains(&name.as_str()) => add(&mut chosen, name, column),
                Ok(column) => {
                    kept.push(name);
                    add(&mut chosen, name, column);
                }
                Err(wanted) => {
                    let expected = "a column that the query yields of these rows";
                    return Err(file.setting("--keep", expected, format!("`{wanted}`, which they lack")));
                }
            }
        }
        let kept =
            kept.iter().filter_map(|name| chosen.iter().position(|(chosen, _)| chosen == name)).collect();
        let columns: Vec<Expr> = chosen.into_iter().map(|(_, column)| column).collect();
        let frame = query.clone().select(columns).map_err(|error| sql_error(file, &error))?;
        Ok(Self { frame, kept })
    }
}

/// A column of the query's result; or the name of the one that is lacking for it.
fn column(
    file: &DatasetFile,
    query: &DataFrame,
    lent: &Lent,
    name: &str,
) -> Result<Result<Expr, String>, IngestError> {
    let schema = query.schema();
    let Some(index) = schema.fields().iter().position(|field| field.name() == name) else {
        return Ok(Err(name.to_owned()));
    };
    let column = Expr::Column(schema.qualified_field(index).into());
    let used = lent.used_by(query, column.clone()).map_err(|error| sql_error(file, &error))?;
    Ok(used.map_or(Ok(column), Err))
}

/// Adds a column, once.
fn add<'a>(chosen: &mut Vec<(&'a str, Expr)>, name: &'a str, column: Expr) {
    if chosen.iter().all(|(known, _)| *known != name) {
        chosen.push((name, column));
    }
}

fn encoded(
    file: &DatasetFile,
    encoder: &mut Encoder,
    rows: &RecordBatch,
    first_row: u64,
    kept: RecordBatch,
) -> Result<EncodedRows, IngestError> {
    let typed = CanonicalBatch::of(rows);
    let n_rows = rows.num_rows();
    let mut row = encoder.blank();
    let mut categorical = Vec::with_capacity(n_rows * encoder.schema().n_slots());
    let mut numeric = Vec::with_capacity(n_rows * encoder.schema().n_numeric());
    for index in 0..n_rows {
        encoder.encode(&typed, index, &mut row).map_err(|number| too_far(file, number))?;
        let (ids, numbers) = row.features();
        categorical.extend_from_slice(ids);
        numeric.extend_from_slice(numbers);
    }
    Ok(EncodedRows { categorical, numeric, n_rows, first_row, kept })
}

fn counts(encoder: &Encoder, findings: &Findings) -> RowCounts {
    let sum = |counts: &[u64; 3]| counts.iter().sum();
    let schema = encoder.schema();
    let ids = schema.categorical.iter().zip(encoder.values.iter().zip(&encoder.unknown));
    let numbers = schema.numeric.iter().zip(&findings.missing_numeric);
    RowCounts {
        rows: findings.rows,
        ids: ids
            .map(|(field, (values, unknown))| ValueCount {
                field: field.name.clone(),
                values: sum(values),
                unknown: sum(unknown),
            })
            .collect(),
        numbers: numbers
            .map(|(field, &unknown)| ValueCount { field: field.name.clone(), values: findings.rows, unknown })
            .collect(),
    }
}
