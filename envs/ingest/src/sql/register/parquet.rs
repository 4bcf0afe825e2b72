//! Tables of Parquet files: one list of columns for all of them.
//!
//! Files that were written day by day differ in what says nothing of their values: the order of columns, whether a column may be
//! null, the width of its numbers. They are read by name, under the widest type.

mod footer;

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::datasource::file_format::FileFormat;
use datafusion::datasource::file_format::parquet::ParquetFormat;
use datafusion::prelude::SessionContext;

use super::{listing_options, url};
use crate::IngestError;
use crate::source::{SourceFile, unreadable};

pub(super) fn format() -> Arc<dyn FileFormat> {
    Arc::new(ParquetFormat::default().with_force_view_types(false))
}

/// The columns of a table's files.
pub(super) async fn columns(
    context: &SessionContext,
    table: &str,
    sources: &[SourceFile],
) -> Result<SchemaRef, IngestError> {
    let mut columns: Option<Vec<Field>> = None;
    for file in sources {
        let options = listing_options(format());
        if let Some(message) =
            footer::fault(&file.path).map_err(|error| unreadable(table, &file.path, &error))?
        {
            return Err(IngestError::Source { table: table.to_owned(), path: file.path.clone(), message });
        }
        let failed = |error| unreadable(table, &file.path, &error);
        let url = url(file).map_err(|error| failed(error.strip_backtrace()))?;
        let schema = options.infer_schema(&context.state(), &url).await;
        let schema = schema.map_err(|error| failed(error.strip_backtrace()))?;
        let found =
            schema.fields().iter().map(|field| Field::new(field.name(), plain(field.data_type()), true));
        columns = Some(match columns {
            None => found.collect(),
            Some(columns) => {
                merged(columns, &found.collect::<Vec<_>>(), &sources[0].name).map_err(|message| {
                    IngestError::Source { table: table.to_owned(), path: file.path.clone(), message }
                })?
            }
        });
    }
    Ok(Arc::new(Schema::new(columns.expect("a table has at least one file"))))
}

/// A type by its values: a dictionary (pandas' and polars' `category`) is what it lists, text is text however it is stored
/// (older writers do not say that their bytes are text), and so is a list.
fn plain(data_type: &DataType) -> DataType {
    match data_type {
        DataType::Dictionary(_, values) => plain(values),
        DataType::LargeUtf8 | DataType::Utf8View => DataType::Utf8,
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView => DataType::Utf8,
        DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
            DataType::List(Arc::new(Field::new_list_field(plain(item.data_type()), true)))
        }
        other => other.clone(),
    }
}

fn merged(columns: Vec<Field>, found: &[Field], first: &str) -> Result<Vec<Field>, String> {
    if let Some(other) = found.iter().find(|field| columns.iter().all(|known| known.name() != field.name())) {
        return Err(format!(
            "has a column `{}` that {first} lacks; all files of a table share their columns",
            other.name()
        ));
    }
    let merge = |column: Field| {
        let name = column.name();
        let Some(other) = found.iter().find(|field| field.name() == name) else {
            return Err(format!(
                "lacks the column `{name}` that {first} has; all files of a table share their columns"
            ));
        };
        let (one, other) = (column.data_type(), other.data_type());
        let wider = wider(one, other).ok_or_else(|| {
            format!(
                "column `{name}` is of type {other}, in files before it of type {one}, and no type holds both; name the files \
                 in two tables and cast it in the query (UNION ALL)"
            )
        })?;
        Ok(Field::new(name, wider, true))
    };
    columns.into_iter().map(merge).collect()
}

/// The type that holds the values of both; none where there is no such type.
fn wider(one: &DataType, other: &DataType) -> Option<DataType> {
    let both = |is: fn(&DataType) -> bool| is(one) && is(other);
    match (one, other) {
        _ if one == other => Some(one.clone()),
        (DataType::List(one), DataType::List(other)) => {
            let item = wider(one.data_type(), other.data_type())?;
            Some(DataType::List(Arc::new(Field::new_list_field(item, true))))
        }
        (DataType::Null, known) | (known, DataType::Null) => Some(known.clone()),
        // Unsigned integers of 64 bits and negative ones have no type in common.
        _ if both(DataType::is_integer) => {
            let is_wide = |data_type: &DataType| *data_type == DataType::UInt64;
            match (is_wide(one) || is_wide(other), both(DataType::is_unsigned_integer)) {
                (true, false) => None,
                (_, true) => Some(DataType::UInt64),
                (false, false) => Some(DataType::Int64),
            }
        }
        _ if both(|data_type| data_type.is_integer() || data_type.is_floating()) => Some(DataType::Float64),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use DataType::{Boolean, Float32, Float64, Int16, Int32, Int64, Null, UInt8, UInt64, Utf8};

    #[test]
    fn the_widest_type_holds_both() {
        for (one, other, expected) in [
            (Int32, Int64, Some(Int64)),
            (UInt8, Int16, Some(Int64)),
            (UInt8, UInt64, Some(UInt64)),
            (UInt64, Int32, None),
            (Int64, Float32, Some(Float64)),
            (Null, Utf8, Some(Utf8)),
            (Boolean, Boolean, Some(Boolean)),
            (Utf8, Int64, None),
        ] {
            assert_eq!(wider(&one, &other), expected, "{one} and {other}");
            assert_eq!(wider(&other, &one), expected, "{other} and {one}");
        }
    }

    #[test]
    fn dictionaries_are_what_they_list() {
        let dictionary = |values| DataType::Dictionary(Box::new(Int32), Box::new(values));
        assert_eq!(plain(&dictionary(DataType::LargeUtf8)), Utf8);
        assert_eq!(plain(&dictionary(Int64)), Int64);
        assert_eq!(plain(&DataType::Utf8View), Utf8);
        let list = |item| DataType::List(Arc::new(Field::new_list_field(item, true)));
        assert_eq!(
            plain(&DataType::LargeList(Arc::new(Field::new("element", dictionary(Utf8), false)))),
            list(Utf8)
        );
        assert_eq!(wider(&list(Int32), &list(Int64)), Some(list(Int64)));
    }
}
