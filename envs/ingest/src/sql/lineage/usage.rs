//! What a query does with the columns of its tables: compares them, counts them, passes them on, or computes with them.

use std::collections::BTreeSet;

use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::expr::{AggregateFunction, InList, ScalarFunction, WindowFunction};
use datafusion::logical_expr::{BinaryExpr, Expr, LogicalPlan, Operator};

use super::{SourceColumn, copied, source_columns, sources};

/// What the whole of a query does with its tables' columns.
#[derive(Debug, Default)]
pub(super) struct Usage {
    /// Columns that are computed with, ordered or compared by size: as text they would give other results.
    pub(super) computed: BTreeSet<SourceColumn>,
    /// Pairs that are compared for equality.
    pub(super) equal: Vec<(SourceColumn, SourceColumn)>,
}

pub(super) fn of(plan: &LogicalPlan) -> Usage {
    let mut usage = Usage::default();
    let visited = plan.apply_with_subqueries(|node| {
        // Keys of a join stand in pairs, one per side.
        if let LogicalPlan::Join(join) = node {
            for (left, right) in &join.on {
                usage.equate(&copied(left, &join.left), &copied(right, &join.right));
            }
        }
        let inputs = node.inputs();
        let computed = matches!(node, LogicalPlan::Sort(_));
        node.apply_expressions(|expression| {
            usage.visit(expression, &inputs, computed);
            Ok(TreeNodeRecursion::Continue)
        })
    });
    visited.expect("the closures never fail");
    usage
}

impl Usage {
    /// Follows `expression`, over the rows of `inputs`, whose value is `computed` with or not.
    fn visit(&mut self, expression: &Expr, inputs: &[&LogicalPlan], computed: bool) {
        let mut plain: Vec<&Expr> = Vec::new();
        let mut as_this: Vec<&Expr> = Vec::new();
        let mut numbers: Vec<&Expr> = Vec::new();
        match expression {
            Expr::Column(column) if computed => {
                self.computed.extend(inputs.iter().flat_map(|input| source_columns(column, input)));
            }
            Expr::Column(_) => {}
            Expr::Alias(alias) => as_this.push(&alias.expr),
            Expr::BinaryExpr(BinaryExpr { left, op, right }) => {
                if *op == Operator::Eq {
                    self.equate(&all_copied(left, inputs), &all_copied(right, inputs));
                }
                if compares_plainly(*op) { &mut plain } else { &mut numbers }.extend([&**left, &**right]);
            }
            Expr::InList(InList { expr, list, .. }) => plain.extend(std::iter::once(&**expr).chain(list)),
            Expr::InSubquery(within) => {
                self.equate(&all_copied(&within.expr, inputs), &sources(&within.subquery.subquery, 0));
                plain.push(&within.expr);
            }
            // Whoever casts says what is meant, and a text can be cast as well.
            Expr::Cast(cast) => plain.push(&cast.expr),
            Expr::TryCast(cast) => plain.push(&cast.expr),
            Expr::Not(part) | Expr::IsNull(part) | Expr::IsNotNull(part) => plain.push(part),
            Expr::Like(like) | Expr::SimilarTo(like) => plain.extend([&*like.expr, &*like.pattern]),
            Expr::ScalarFunction(ScalarFunction { func, args }) => {
                if keeps_text(func.name()) { &mut plain } else { &mut numbers }.extend(args);
            }
            Expr::AggregateFunction(AggregateFunction { func, params }) => {
                if passes_on(func.name()) { &mut plain } else { &mut numbers }.extend(&params.args);
                numbers.extend(params.order_by.iter().map(|sort| &sort.expr));
                plain.extend(params.filter.as_deref());
            }
            Expr::WindowFunction(window) => {
                let WindowFunction { fun, params } = window.as_ref();
                if passes_on(fun.name()) { &mut plain } else { &mut numbers }.extend(&params.args);
                numbers.extend(params.order_by.iter().map(|sort| &sort.expr));
                plain.extend(params.partition_by.iter().chain(params.filter.as_deref()));
            }
            Expr::Case(case) => {
                plain.extend(case.expr.as_deref());
                plain.extend(case.when_then_expr.iter().map(|(when, _)| &**when));
                as_this.extend(case.when_then_expr.iter().map(|(_, then)| &**then));
                as_this.extend(case.else_expr.as_deref());
            }
            other => {
                let visited = other.apply_children(|part| {
                    self.visit(part, inputs, true);
                    Ok(TreeNodeRecursion::Continue)
                });
                visited.expect("the closure never fails");
            }
        }
        for (parts, computed) in [(plain, false), (as_this, computed), (numbers, true)] {
            parts.into_iter().for_each(|part| self.visit(part, inputs, computed));
        }
    }

    fn equate(&mut self, ones: &BTreeSet<SourceColumn>, others: &BTreeSet<SourceColumn>) {
        let pairs = ones.iter().flat_map(|one| others.iter().map(move |other| (one.clone(), other.clone())));
        self.equal.extend(pairs);
    }
}

fn all_copied(expression: &Expr, inputs: &[&LogicalPlan]) -> BTreeSet<SourceColumn> {
    inputs.iter().flat_map(|input| copied(expression, input)).collect()
}

/// Whether texts give the same result as the numbers they spell, or a truer one.
fn compares_plainly(operator: Operator) -> bool {
    use Operator::{And, Eq, IsDistinctFrom, IsNotDistinctFrom, NotEq, Or, StringConcat};
    [Eq, NotEq, And, Or, IsDistinctFrom, IsNotDistinctFrom, StringConcat].contains(&operator)
}

/// Scalar functions of texts.
pub(super) fn keeps_text(function: &str) -> bool {
    let names = [
        "coalesce",
        "concat",
        "concat_ws",
        "nullif",
        "nvl",
        "ifnull",
        "lower",
        "upper",
        "trim",
        "btrim",
        "ltrim",
        "rtrim",
        "replace",
        "substr",
        "substring",
        "left",
        "right",
        "split_part",
        "lpad",
        "rpad",
        "md5",
        "starts_with",
        "ends_with",
        "strpos",
        "regexp_like",
        "regexp_match",
        "regexp_replace",
    ];
    names.contains(&function)
}

/// Aggregate and window functions whose result is one of the values.
pub(super) fn picks(function: &str) -> bool {
    ["first_value", "last_value", "nth_value", "lag", "lead", "array_agg", "string_agg"].contains(&function)
}

/// Those that do not look at a value's size.
fn passes_on(function: &str) -> bool {
    picks(function) || ["count", "approx_distinct"].contains(&function)
}
