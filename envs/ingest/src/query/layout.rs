//! What the dataset file says of rows with these columns.

use arrow_schema::Schema;

use crate::IngestError;
use crate::dataset_file::DatasetFile;
use crate::query::columns::Columns;
use crate::split::boundary::{self, Boundaries};

/// What the columns of a log mean, and what depends on their types.
pub(crate) struct Layout {
    pub(crate) columns: Columns,
    /// Where the splits meet, if the dataset file says so.
    pub(crate) stated: Option<Boundaries>,
    /// The pause that ends a session, in the unit of the times as they are stored.
    pub(crate) gap: Option<i64>,
}

impl Layout {
    /// # Errors
    /// Columns that are not there, have the wrong type, or have no use.
    pub(crate) fn of(file: &DatasetFile, schema: &Schema) -> Result<Self, IngestError> {
        let columns = Columns::of(file, schema)?;
        let time = schema.field(columns.time).data_type();
        let (stated, gap) = (boundary::stated(file, time)?, file.gap(time)?);
        Ok(Self { columns, stated, gap })
    }
}
