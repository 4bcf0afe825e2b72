//! The columns of a table's file: their names, types and order.

use std::fmt;
use std::sync::Arc;

use arrow_schema::{DataType, Field};

use super::Extras;
use crate::schema::Schema;

pub(super) const ORACLE: &str = "oracle";

pub(super) const WEIGHT: &str = "weight";

/// Key of the footer under which the file states its number of rows, so that a lost record batch is noticed.
pub(super) const ROWS: &str = "rows";

/// A column: one value a row, or a list of `width` values a row.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Column {
    pub(super) name: &'static str,
    pub(super) item: DataType,
    pub(super) width: Option<i32>,
}

/// The columns of tables of `schema`, in the file's order. Lists of no values have no column.
pub(super) fn columns(schema: &Schema, extras: Extras) -> Vec<Column> {
    let width = |n: usize| Some(i32::try_from(n).expect("a valid schema's widths fit"));
    let mut columns = vec![
        Column { name: "categorical", item: DataType::UInt32, width: width(schema.n_slots()) },
        Column { name: "numeric", item: DataType::Float32, width: width(schema.n_numeric()) },
        Column { name: "labels", item: DataType::UInt8, width: width(schema.n_tasks()) },
        Column { name: "time", item: DataType::Int64, width: None },
        Column { name: "end", item: DataType::UInt8, width: None },
        Column { name: ORACLE, item: DataType::Float32, width: width(extras.n_oracle(schema)) },
        Column { name: "targets", item: DataType::Float32, width: width(schema.n_targets()) },
        Column { name: WEIGHT, item: DataType::Float32, width: width(extras.n_weight()) },
    ];
    columns.retain(|column| column.width != Some(0));
    columns
}

/// The columns as an Arrow schema.
pub(super) fn arrow_schema(columns: &[Column]) -> arrow_schema::Schema {
    arrow_schema::Schema::new(columns.iter().map(Column::field).collect::<Vec<_>>())
}

impl Column {
    /// The field of a list's values.
    pub(super) fn item_field(&self) -> Arc<Field> {
        Arc::new(Field::new("item", self.item.clone(), false))
    }

    fn field(&self) -> Field {
        let data_type = match self.width {
            Some(width) => DataType::FixedSizeList(self.item_field(), width),
            None => self.item.clone(),
        };
        Field::new(self.name, data_type, false)
    }
}

impl fmt::Display for Column {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.width {
            Some(width) => write!(formatter, "FixedSizeList<{}, {width}>", self.item),
            None => self.item.fmt(formatter),
        }
    }
}
