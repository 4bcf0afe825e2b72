//! Planning the dataset file's query, and saying what DataFusion says in fewer words.

use std::error::Error;
use std::io;
use std::path::Path;

use datafusion::common::SchemaError;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::error::DataFusionError;
use datafusion::execution::context::SQLOptions;
use datafusion::logical_expr::{Expr, LogicalPlan, Volatility};
use datafusion::prelude::{DataFrame, SessionContext};

use crate::IngestError;
use crate::dataset_file::DatasetFile;
use crate::sql::depth;
use crate::write::staging::Staging;
use rmtl_files::nearest;

/// Longest part of a DataFusion message that helps.
const MESSAGE_CHARS: usize = 400;

/// Plans the query; it must be one that only reads.
pub(crate) async fn plan(context: &SessionContext, file: &DatasetFile) -> Result<DataFrame, IngestError> {
    depth::check(file)?;
    let planned = planned(context, file).await.map_err(|error| sql_error(file, &error))?;
    match changing_function(planned.logical_plan()) {
        Some(name) => {
            let found = format!("`{name}()`, which gives another value at another time");
            Err(file.setting("query", "the same rows whenever it is run", found))
        }
        None => Ok(planned),
    }
}

/// The same as DataFusion says it.
pub(crate) async fn planned(
    context: &SessionContext,
    file: &DatasetFile,
) -> Result<DataFrame, DataFusionError> {
    let read_only =
        SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false);
    context.sql_with_options(&file.query, read_only).await
}

/// The column a query names that none of its tables has.
pub(crate) fn unknown_column(error: &DataFusionError) -> Option<&str> {
    match error.find_root() {
        DataFusionError::SchemaError(error, _) => match error.as_ref() {
            SchemaError::FieldNotFound { field, .. } => Some(&field.name),
            _ => None,
        },
        _ => None,
    }
}

/// The name of a function whose value is not determined by its arguments, if there is one.
fn changing_function(plan: &LogicalPlan) -> Option<String> {
    let mut found = None;
    let visited = plan.apply_with_subqueries(|node| {
        node.apply_expressions(|expression| {
            expression.apply(|part| {
                if let Expr::ScalarFunction(function) = part
                    && (function.func.signature().volatility == Volatility::Volatile
                        || CLOCKS.contains(&function.func.name()))
                {
                    found = Some(function.func.name().to_owned());
                }
                Ok(TreeNodeRecursion::Continue)
            })
        })
    });
    visited.expect("the closures never fail");
    found
}

const CLOCKS: [&str; 5] = ["now", "current_timestamp", "current_date", "current_time", "today"];

pub(crate) fn sql_error(file: &DatasetFile, error: &DataFusionError) -> IngestError {
    let root = error.find_root();
    let mut message = shortened(&root.strip_backtrace());
    let mut likely = None;
    if let DataFusionError::SchemaError(schema_error, _) = root
        && let SchemaError::FieldNotFound { field, valid_fields } = schema_error.as_ref()
    {
        let names: Vec<&str> = valid_fields.iter().map(|column| column.name.as_str()).collect();
        message = no_column(&field.name, &names);
        likely = nearest(&field.name, names.iter().copied()).map(str::to_owned);
    }
    if let Some(table) = unknown_table(&message) {
        let tables: Vec<&str> = file.tables.keys().map(String::as_str).collect();
        likely = nearest(&table, tables.iter().copied()).map(str::to_owned);
        message = format!("no table `{table}` under [tables], which has {}", tables.join(", "));
    }
    IngestError::Sql { path: file.path().to_owned(), message, nearest: likely }
}

/// Says what columns there are, and what may have hidden the wanted one.
fn no_column(name: &str, names: &[&str]) -> String {
    let plain = |name: &str| name.chars().all(|c| c.is_alphanumeric() || c == '_');
    let hint = match names.iter().find(|other| !plain(other) && other.starts_with(name)) {
        Some(other) => format!("; a name with other signs than letters, digits and `_` needs double quotes: \"{other}\""),
        None if names.iter().any(|name| name.parse::<f64>().is_ok()) => {
            "; where the first line of a file holds no names, give them in the long form of its table: columns = [..]".into()
        }
        None => String::new(),
    };
    let shown = names.iter().take(MOST_NAMES).copied().collect::<Vec<_>>().join(", ");
    let more = if names.len() > MOST_NAMES { ", …" } else { "" };
    format!("no column `{name}` in its tables, which have {shown}{more}{hint}")
}

/// Columns a message lists.
const MOST_NAMES: usize = 40;

/// The name in `table 'datafusion.public.logs' not found`.
fn unknown_table(message: &str) -> Option<String> {
    let (_, rest) = message.split_once("table '")?;
    let (name, rest) = rest.split_once('\'')?;
    rest.starts_with(" not found").then(|| name.rsplit('.').next().unwrap_or(name).to_owned())
}

/// An error of a running query: of the log's content, or of the disk the query spills to.
pub(crate) fn run_error(file: &DatasetFile, staging: &Staging, error: &DataFusionError) -> IngestError {
    run_error_in(&staging.scratch(), file, error)
}

/// The same of a query that spills to the folder `scratch`.
pub(crate) fn run_error_in(scratch: &Path, file: &DatasetFile, error: &DataFusionError) -> IngestError {
    if let Some(kind) = disk_trouble(error) {
        return IngestError::output("write temporary files in", scratch, kind.into());
    }
    let message = shortened(&error.find_root().strip_backtrace());
    let advice = if matches!(error.find_root(), DataFusionError::ResourcesExhausted(_)) {
        "; only the largest table of a join may exceed memory: join fewer or smaller tables, or use a larger machine"
    } else {
        ""
    };
    IngestError::Query { path: file.path().to_owned(), message, advice }
}

/// The reason if the operating system refused to write, wherever in the chain of causes it is.
fn disk_trouble(error: &DataFusionError) -> Option<io::ErrorKind> {
    use io::ErrorKind::{FileTooLarge, PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull};
    let refused = [FileTooLarge, PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull];
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = cause {
        match error.downcast_ref::<io::Error>() {
            Some(error) if refused.contains(&error.kind()) => return Some(error.kind()),
            _ => cause = error.source(),
        }
    }
    None
}

fn shortened(message: &str) -> String {
    let one_line = message.split_whitespace().collect::<Vec<_>>().join(" ");
    let kept: String = one_line.chars().take(MESSAGE_CHARS).collect();
    if kept.len() < one_line.len() { kept + " …" } else { kept }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_recognised_wherever_it_stands_in_the_chain() {
        let full = DataFusionError::IoError(io::ErrorKind::StorageFull.into());
        assert_eq!(disk_trouble(&full.context("while spilling")), Some(io::ErrorKind::StorageFull));
        assert_eq!(disk_trouble(&DataFusionError::Execution("divide by zero".into())), None);
    }

    #[test]
    fn finds_the_name_of_an_unknown_table() {
        let message = "Error during planning: table 'datafusion.public.logs' not found";
        assert_eq!(unknown_table(message).as_deref(), Some("logs"));
        assert_eq!(unknown_table("no field 'a'"), None);
    }

    #[test]
    fn long_messages_are_cut_at_a_character() {
        let long = "é".repeat(2 * MESSAGE_CHARS);
        assert_eq!(shortened(&long).chars().count(), MESSAGE_CHARS + 2);
        assert_eq!(shortened("a\n  b"), "a b");
    }
}
