//! The query, cut down to the features and what is to be kept.

use datafusion::logical_expr::{Expr, lit};
use datafusion::prelude::DataFrame;
use datafusion::scalar::ScalarValue;

use super::job::Job;
use super::lent::Lent;
use crate::IngestError;
use crate::dataset_file::DatasetFile;
use crate::sql::query::sql_error;

/// The query, cut down to what is wanted of it.
pub(super) struct Chosen {
    pub(super) frame: DataFrame,
    /// Positions of the columns to hand on.
    pub(super) kept: Vec<usize>,
}

impl Chosen {
    pub(super) fn of(job: &Job<'_>, query: &DataFrame, lent: &Lent) -> Result<Self, IngestError> {
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
