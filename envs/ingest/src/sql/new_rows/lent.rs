//! Columns that the query names and new rows lack: lent as null, as long as nothing that is wanted depends on them.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, Schema, TimeUnit};
use datafusion::common::TableReference;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::datasource::empty::EmptyTable;
use datafusion::error::Result as QueryResult;
use datafusion::logical_expr::{Expr, LogicalPlan, lit};
use datafusion::prelude::{DataFrame, SessionContext};
use datafusion::scalar::ScalarValue;
use rmtl_files::nearest;

use super::job::Job;
use crate::IngestError;
use crate::dataset_file::{ColumnType, Table};
use crate::sql::depth;
use crate::sql::engine::Engine;
use crate::sql::query::{self, sql_error, unknown_column};
use crate::sql::register::Tables;

/// The columns that are lent to a table.
pub(super) struct Lent {
    table: String,
    /// Those that the table has itself.
    own: Vec<String>,
    fields: Vec<Field>,
}

/// Plans the query over tables without rows, and finds what has to be lent for that.
pub(super) async fn plan(
    engine: &Engine,
    job: &Job<'_>,
    tables: &Tables,
) -> Result<(Lent, DataFrame), IngestError> {
    depth::check(job.file)?;
    let own = tables.table(job.table).map(|table| table.schema().clone());
    let own = own.iter().flat_map(|schema| schema.fields()).map(|field| field.name().clone()).collect();
    let mut lent = Lent { table: job.table.to_owned(), own, fields: Vec::new() };
    loop {
        let trial = engine.in_order();
        let failed = |error| sql_error(job.file, &error);
        tables.register_empty(&trial).map_err(failed)?;
        lent.lend_empty(&trial, tables).map_err(failed)?;
        let error = match query::planned(&trial, job.file).await {
            Ok(planned) => return Ok((lent, planned)),
            Err(error) => error,
        };
        match unknown_column(&error) {
            Some(name) if lent.fields.iter().all(|field| field.name() != name) => {
                lent.fields.push(Field::new(name, data_type(job, name), true));
            }
            _ => return Err(sql_error(job.file, &error)),
        }
    }
}

/// As it is declared, else integers, which labels and most times are.
fn data_type(job: &Job<'_>, column: &str) -> DataType {
    let declared = match &job.file.tables[job.table] {
        Table::Files(files) => files.types.get(column),
        Table::Synthetic(_) => None,
    };
    match declared {
        Some(ColumnType::Boolean) => DataType::Boolean,
        Some(ColumnType::Float) => DataType::Float64,
        Some(ColumnType::Text) => DataType::Utf8,
        Some(ColumnType::Timestamp) => DataType::Timestamp(TimeUnit::Millisecond, None),
        Some(ColumnType::Integer) | None => DataType::Int64,
    }
}

impl Lent {
    /// A lent column that `column` of the query depends on, in whatever way: DataFusion leaves out of a plan what its result
    /// does not need, and what is read then is needed.
    pub(super) fn used_by(&self, query: &DataFrame, column: Expr) -> QueryResult<Option<String>> {
        if self.fields.is_empty() {
            return Ok(None);
        }
        let plan = query.clone().select(vec![column])?.into_optimized_plan()?;
        let mut found = None;
        plan.apply_with_subqueries(|node| {
            if let LogicalPlan::TableScan(scan) = node
                && scan.table_name.table() == self.table
            {
                let read = scan.projected_schema.fields().iter().map(|field| field.name().clone());
                let filters = scan
                    .filters
                    .iter()
                    .flat_map(|filter| filter.column_refs())
                    .map(|column| column.name.clone());
                found = found.take().or_else(|| read.chain(filters).find(|name| self.has(name)));
            }
            Ok(TreeNodeRecursion::Continue)
        })?;
        Ok(found)
    }

    /// That the rows lack the column `wanted`, on which a feature depends.
    pub(super) fn missing(&self, job: &Job<'_>, wanted: &str) -> IngestError {
        IngestError::MissingFeature {
            input: job.input.join(", "),
            path: job.file.path().to_owned(),
            column: wanted.to_owned(),
            nearest: nearest(wanted, self.own.iter().map(String::as_str)).map(str::to_owned),
            found: self.own.join(", "),
        }
    }

    fn has(&self, name: &str) -> bool {
        self.fields.iter().any(|field| field.name() == name)
    }

    /// Adds the columns to the table without rows.
    fn lend_empty(&self, context: &SessionContext, tables: &Tables) -> QueryResult<()> {
        let Some(table) = tables.table(&self.table).filter(|_| !self.fields.is_empty()) else {
            return Ok(());
        };
        let own = table.schema().fields().iter().map(|field| field.as_ref().clone());
        let schema = Schema::new(own.chain(self.fields.iter().cloned()).collect::<Vec<_>>());
        let reference = TableReference::bare(self.table.as_str());
        context.deregister_table(reference.clone())?;
        context.register_table(reference, Arc::new(EmptyTable::new(Arc::new(schema))))?;
        Ok(())
    }

    /// Adds the columns, null in every row, to the table with rows.
    pub(super) async fn lend(&self, context: &SessionContext, table: &str) -> QueryResult<()> {
        if self.fields.is_empty() {
            return Ok(());
        }
        let reference = TableReference::bare(table);
        let rows = context.read_table(context.table_provider(reference.clone()).await?)?;
        let own = rows.schema().iter().map(|field| Expr::Column(field.into()));
        let null = |field: &Field| Ok(lit(ScalarValue::try_from(field.data_type())?).alias(field.name()));
        let lent = self.fields.iter().map(null).collect::<QueryResult<Vec<Expr>>>()?;
        let columns: Vec<Expr> = own.chain(lent).collect();
        context.deregister_table(reference.clone())?;
        context.register_table(reference, rows.select(columns)?.into_view())?;
        Ok(())
    }
}
