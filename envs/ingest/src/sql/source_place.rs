//! Where in the source files a row of the query's result comes from, as far as the query passes its values on.

use std::collections::BTreeMap;

use datafusion::arrow::array::{Array, RecordBatch};
use datafusion::arrow::util::display::array_value_to_string;
use datafusion::common::TableReference;
use datafusion::error::Result;
use datafusion::logical_expr::LogicalPlan;
use datafusion::prelude::SessionContext;
use futures::StreamExt;

use crate::findings::Found;
use crate::sql::engine::Engine;
use crate::sql::lineage::sources;
use crate::sql::register::{OpenTable, Tables};

/// Values by column of a source table; none where there is no value.
type Wanted = BTreeMap<String, Option<String>>;

/// Says of each row where it comes from, if that can be told.
pub(crate) async fn fill(
    engine: &Engine,
    tables: &Tables,
    plan: &LogicalPlan,
    rows: &mut [&mut Found],
) -> Result<()> {
    let mut by_table: BTreeMap<String, Vec<(usize, Wanted)>> = BTreeMap::new();
    for (row, found) in rows.iter().enumerate() {
        let mut wanted: BTreeMap<String, Wanted> = BTreeMap::new();
        for (column, value) in &found.cells {
            for source in sources(plan, *column) {
                wanted.entry(source.table).or_default().insert(source.column, value.clone());
            }
        }
        // The table that holds the offending value itself.
        let Some((offending, _)) = found.cells.first() else { continue };
        for source in sources(plan, *offending) {
            if let Some(wanted) = wanted.remove(&source.table) {
                by_table.entry(source.table).or_default().push((row, wanted));
            }
        }
    }
    for (name, wanted) in by_table {
        let Some(table) = tables.table(&name) else { continue };
        for (row, place) in search(engine, table, wanted).await? {
            rows[row].source.get_or_insert(place);
        }
    }
    Ok(())
}

/// Reads the table's files from their beginnings until all rows are found.
async fn search(
    engine: &Engine,
    table: &OpenTable,
    mut wanted: Vec<(usize, Wanted)>,
) -> Result<Vec<(usize, (String, String))>> {
    let mut places = Vec::new();
    for (file, source) in table.source_files().iter().enumerate() {
        let context: SessionContext = engine.in_order();
        table.register_files(&context, std::slice::from_ref(source)).await?;
        let mut stream = context.table(TableReference::bare(table.name())).await?.execute_stream().await?;
        let mut before = 0;
        while let Some(batch) = stream.next().await {
            let batch = batch?;
            wanted.retain(|(row, wanted)| match matching(&batch, wanted) {
                Some(index) => {
                    places.push((*row, (source.name.clone(), table.place(file, before + index))));
                    false
                }
                None => true,
            });
            if wanted.is_empty() {
                return Ok(places);
            }
            before += batch.num_rows();
        }
    }
    Ok(places)
}

/// The first row that has all of these values.
fn matching(batch: &RecordBatch, wanted: &Wanted) -> Option<usize> {
    (0..batch.num_rows()).find(|&row| {
        wanted.iter().all(|(column, value)| {
            let Some(array) = batch.column_by_name(column) else { return false };
            match value {
                None => array.is_null(row),
                Some(value) => {
                    array.is_valid(row)
                        && array_value_to_string(array, row).is_ok_and(|found| found == *value)
                }
            }
        })
    })
}
