//! Which columns of the source tables a column of the query's result is a copy of.
//!
//! Text says nothing of its type: `7`, `007` and `7.0` are three ids, and one number. So columns of text files that become ids are
//! read as they are spelt, and those are found by following the query's plan from its result down to its tables.

mod usage;

use std::collections::{BTreeMap, BTreeSet};

use datafusion::common::{Column, DFSchema};
use datafusion::logical_expr::expr::{AggregateFunction, Case, ScalarFunction, WindowFunction};
use datafusion::logical_expr::{BinaryExpr, Distinct, Expr, JoinType, LogicalPlan, Operator};

/// A column of a source table.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SourceColumn {
    pub(crate) table: String,
    pub(crate) column: String,
}

/// Columns by table.
pub(crate) type ColumnsByTable = BTreeMap<String, BTreeSet<String>>;

/// The source columns of column `index` of `plan`'s result: those whose values stand in it unchanged.
pub(crate) fn sources(plan: &LogicalPlan, index: usize) -> BTreeSet<SourceColumn> {
    match plan {
        LogicalPlan::TableScan(scan) => {
            let (table, field) = (scan.table_name.table(), scan.projected_schema.field(index));
            BTreeSet::from([SourceColumn { table: table.to_owned(), column: field.name().clone() }])
        }
        LogicalPlan::Projection(projection) => copied(&projection.expr[index], &projection.input),
        LogicalPlan::Aggregate(aggregate) => {
            let groups = aggregate.group_expr.len();
            match aggregate.group_expr.first() {
                Some(Expr::GroupingSet(_)) => BTreeSet::new(),
                _ if index < groups => copied(&aggregate.group_expr[index], &aggregate.input),
                _ => copied(&aggregate.aggr_expr[index - groups], &aggregate.input),
            }
        }
        LogicalPlan::Window(window) => match index.checked_sub(window.input.schema().fields().len()) {
            None => sources(&window.input, index),
            Some(window_index) => copied(&window.window_expr[window_index], &window.input),
        },
        LogicalPlan::Join(join) => {
            let of_left = match join.join_type {
                // These have the columns of their right side alone.
                JoinType::RightSemi | JoinType::RightAnti | JoinType::RightMark => 0,
                _ => join.left.schema().fields().len(),
            };
            match index.checked_sub(of_left) {
                None => sources(&join.left, index),
                // Beyond the columns of both sides is whether a row has a match.
                Some(index) if index < join.right.schema().fields().len() => sources(&join.right, index),
                Some(_) => BTreeSet::new(),
            }
        }
        LogicalPlan::Union(union) => union.inputs.iter().flat_map(|input| sources(input, index)).collect(),
        LogicalPlan::Distinct(Distinct::On(distinct)) => {
            copied(&distinct.select_expr[index], &distinct.input)
        }
        LogicalPlan::Distinct(Distinct::All(input)) => sources(input, index),
        LogicalPlan::Filter(_)
        | LogicalPlan::Sort(_)
        | LogicalPlan::Limit(_)
        | LogicalPlan::Repartition(_)
        | LogicalPlan::Subquery(_)
        | LogicalPlan::SubqueryAlias(_) => sources(plan.inputs()[0], index),
        _ => BTreeSet::new(),
    }
}

/// The source columns whose values `expression` may have unchanged, as text.
fn copied(expression: &Expr, input: &LogicalPlan) -> BTreeSet<SourceColumn> {
    let of_all = |parts: &[Expr]| parts.iter().flat_map(|part| copied(part, input)).collect();
    match expression {
        Expr::Column(column) => source_columns(column, input),
        Expr::Alias(alias) => copied(&alias.expr, input),
        Expr::Cast(cast) if cast.field.data_type().is_string() => copied(&cast.expr, input),
        Expr::Case(Case { when_then_expr, else_expr, .. }) => {
            let results = when_then_expr.iter().map(|(_, then)| then).chain(else_expr);
            results.flat_map(|result| copied(result, input)).collect()
        }
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::StringConcat, right }) => {
            copied(left, input).into_iter().chain(copied(right, input)).collect()
        }
        Expr::ScalarFunction(ScalarFunction { func, args }) if usage::keeps_text(func.name()) => of_all(args),
        Expr::AggregateFunction(AggregateFunction { func, params }) if usage::picks(func.name()) => {
            of_all(&params.args)
        }
        Expr::WindowFunction(window) => {
            let WindowFunction { fun, params } = window.as_ref();
            if usage::picks(fun.name()) { of_all(&params.args) } else { BTreeSet::new() }
        }
        _ => BTreeSet::new(),
    }
}

fn source_columns(column: &Column, input: &LogicalPlan) -> BTreeSet<SourceColumn> {
    let index = index_of(input.schema(), column);
    index.map(|index| sources(input, index)).unwrap_or_default()
}

fn index_of(schema: &DFSchema, column: &Column) -> Option<usize> {
    schema.index_of_column_by_name(column.relation.as_ref(), &column.name)
}

/// The columns of text files to be read as they are spelt, where columns `ids` of the result of `plan` become ids: the sources of
/// those, and what they are compared with for equality, but nothing the query computes with.
///
/// `numbers` are the columns of the result that must be numbers or times.
pub(crate) fn read_as_text(plan: &LogicalPlan, ids: &[usize], numbers: &[usize]) -> ColumnsByTable {
    let of = |columns: &[usize]| columns.iter().flat_map(|&index| sources(plan, index)).collect();
    let mut text: BTreeSet<SourceColumn> = of(ids);
    let usage::Usage { mut computed, equal } = usage::of(plan);
    computed.extend::<BTreeSet<_>>(of(numbers));
    // Keys of a join are the same ids in both tables, and in a third table joined to the second.
    while let Some(other) =
        equal.iter().find_map(|(one, other)| match (text.contains(one), text.contains(other)) {
            (true, false) => Some(other),
            (false, true) => Some(one),
            _ => None,
        })
    {
        text.insert(other.clone());
    }
    let mut by_table = ColumnsByTable::new();
    for SourceColumn { table, column } in text.difference(&computed) {
        by_table.entry(table.clone()).or_default().insert(column.clone());
    }
    by_table
}

#[cfg(test)]
mod tests;
