//! Which cast of the query failed, and on what: DataFusion names neither the column nor the row.

use datafusion::arrow::util::display::array_value_to_string;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::error::DataFusionError;
use datafusion::execution::SessionState;
use datafusion::logical_expr::expr::Cast;
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlan, try_cast};
use datafusion::prelude::DataFrame;

use crate::IngestError;
use crate::dataset_file::DatasetFile;

/// The cast of the query that failed and the value it failed on, as an error.
pub(crate) async fn find(
    file: &DatasetFile,
    state: SessionState,
    plan: &LogicalPlan,
    error: &DataFusionError,
) -> Option<IngestError> {
    if !error.to_string().contains("Cannot cast") {
        return None;
    }
    for (input, cast) in casts(plan) {
        let is_none = try_cast((*cast.expr).clone(), cast.field.data_type().clone()).is_null();
        let condition = (*cast.expr).clone().is_not_null().and(is_none);
        let rows = DataFrame::new(state.clone(), input);
        let Ok(first) = rows.filter(condition).and_then(|rows| rows.select(vec![(*cast.expr).clone()]))
        else {
            continue;
        };
        let Ok(batches) = first.limit(0, Some(1)).ok()?.collect().await else { continue };
        if let Some(batch) = batches.iter().find(|batch| batch.num_rows() > 0) {
            let value = array_value_to_string(batch.column(0), 0).unwrap_or_default();
            let (what, data_type) = (cast.expr.human_display(), cast.field.data_type());
            let message = format!("CAST({what} AS {data_type}): no such value is `{value}`");
            let advice = "; TRY_CAST gives null where a cast fails; a word for a missing value belongs under `null` in the long form \
                          of its table";
            return Some(IngestError::Query { path: file.path().to_owned(), message, advice });
        }
    }
    None
}

/// The casts of texts in `plan`, and the rows they stand over.
fn casts(plan: &LogicalPlan) -> Vec<(LogicalPlan, Cast)> {
    let mut found = Vec::new();
    let visited = plan.apply_with_subqueries(|node| {
        let [input] = node.inputs()[..] else { return Ok(TreeNodeRecursion::Continue) };
        node.apply_expressions(|expression| {
            expression.apply(|part| {
                if let Expr::Cast(cast) = part
                    && cast.expr.get_type(input.schema()).is_ok_and(|from| from.is_string())
                {
                    found.push((input.clone(), cast.clone()));
                }
                Ok(TreeNodeRecursion::Continue)
            })
        })
    });
    visited.expect("the closures never fail");
    found
}
