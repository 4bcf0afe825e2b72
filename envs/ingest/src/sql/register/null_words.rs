//! Words that stand for a missing value: DataFusion's reader knows none, so such a table is read as text and cast.

use datafusion::arrow::datatypes::{Field, SchemaRef};
use datafusion::common::{Column, TableReference};
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, cast, lit, when};
use datafusion::prelude::SessionContext;
use datafusion::scalar::ScalarValue;

/// Puts in the place of the table `name`, whose columns are text, one with the types of `schema`, in which `words` are null.
pub(super) async fn replace(
    context: &SessionContext,
    name: &str,
    words: &[String],
    schema: &SchemaRef,
) -> Result<()> {
    let reference = TableReference::bare(name);
    let text = context.read_table(context.table_provider(reference.clone()).await?)?;
    let column = |field: &Field| {
        let text = Expr::Column(Column::new_unqualified(field.name()));
        let words = words.iter().map(|word| lit(word.as_str())).collect();
        let known = when(text.clone().in_list(words, false), lit(ScalarValue::Utf8(None))).otherwise(text)?;
        Ok(cast(known, field.data_type().clone()).alias(field.name()))
    };
    let columns = schema.fields().iter().map(|field| column(field)).collect::<Result<Vec<Expr>>>()?;
    context.deregister_table(reference.clone())?;
    context.register_table(reference, text.select(columns)?.into_view())?;
    Ok(())
}
