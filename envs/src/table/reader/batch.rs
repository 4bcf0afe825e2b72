//! The columns of one record batch, found in the file.

use arrow_buffer::{ArrowNativeType, Buffer, ScalarBuffer};
use arrow_ipc::{Block, RecordBatch};

use crate::schema::Schema;
use crate::table::chunk::Chunk;
use crate::table::{CHUNK_ROWS, Extras};

/// Continuation marker and length, in front of a record batch's metadata.
const MESSAGE_PREFIX_BYTES: usize = 8;

/// The columns of the record batch at `block`, as parts of the file.
pub(super) fn chunk(file: &Buffer, block: &Block, schema: &Schema, extras: Extras) -> Result<Chunk, String> {
    let metadata_bytes = usize::try_from(block.metaDataLength()).map_err(|_| "a negative length")?;
    let metadata = slice(file, block.offset(), i64::from(block.metaDataLength()))?;
    let body_start = block.offset().checked_add(metadata_bytes as i64).ok_or("an offset too large")?;
    let body = slice(file, body_start, block.bodyLength())?;
    let message = metadata.get(MESSAGE_PREFIX_BYTES..).ok_or("its metadata is too short")?;
    let message =
        arrow_ipc::root_as_message(message).map_err(|error| format!("its metadata is damaged ({error})"))?;
    let batch = message.header_as_record_batch().ok_or("it is no record batch")?;
    if batch.compression().is_some() {
        return Err("it is compressed".into());
    }
    let n_rows = usize::try_from(batch.length()).map_err(|_| "a negative number of rows")?;
    if n_rows > CHUNK_ROWS {
        return Err(format!("{n_rows} rows, expected at most {CHUNK_ROWS}"));
    }
    let mut batch = Batch { batch, body, n_rows, node: 0, buffer: 0 };
    Ok(Chunk {
        categorical: batch.list(schema.n_slots())?,
        numeric: batch.list(schema.n_numeric())?,
        labels: batch.list(schema.n_tasks())?,
        time: batch.values(n_rows)?,
        end: batch.values(n_rows)?,
        oracle: batch.list(extras.n_oracle(schema))?,
        targets: batch.list(schema.n_targets())?,
        weight: batch.list(extras.n_weight())?,
    })
}

/// Walks the nodes and buffers of a record batch, which list its columns depth first.
struct Batch<'a> {
    batch: RecordBatch<'a>,
    body: Buffer,
    n_rows: usize,
    node: usize,
    buffer: usize,
}

impl Batch<'_> {
    /// The next column, a list of `width` values a row; no column if `width` is 0.
    fn list<T: ArrowNativeType>(&mut self, width: usize) -> Result<ScalarBuffer<T>, String> {
        if width == 0 {
            return Ok(Vec::new().into());
        }
        self.skip_node(self.n_rows)?;
        self.next_buffer()?; // the list's validity: it has no nulls
        self.values(self.n_rows * width)
    }

    /// The next column (or the values of a list column), which has `length` values.
    fn values<T: ArrowNativeType>(&mut self, length: usize) -> Result<ScalarBuffer<T>, String> {
        self.skip_node(length)?;
        self.next_buffer()?; // the values' validity: there are no nulls
        let values = self.next_buffer()?;
        let n_bytes = length * size_of::<T>();
        if values.len() < n_bytes {
            return Err(format!("a column of {} bytes, expected {n_bytes}", values.len()));
        }
        if values.as_ptr().align_offset(align_of::<T>()) != 0 {
            return Err("a column is not aligned to its values".into());
        }
        Ok(ScalarBuffer::new(values, 0, length))
    }

    fn skip_node(&mut self, length: usize) -> Result<(), String> {
        let nodes =
            self.batch.nodes().filter(|nodes| self.node < nodes.len()).ok_or("a column is missing")?;
        let node = nodes.get(self.node);
        self.node += 1;
        if node.length() != length as i64 || node.null_count() != 0 {
            let (found, nulls) = (node.length(), node.null_count());
            return Err(format!("a column of {found} values and {nulls} nulls, expected {length} and none"));
        }
        Ok(())
    }

    fn next_buffer(&mut self) -> Result<Buffer, String> {
        let missing = "a column's values are missing";
        let buffers = self.batch.buffers().filter(|buffers| self.buffer < buffers.len()).ok_or(missing)?;
        let buffer = buffers.get(self.buffer);
        self.buffer += 1;
        slice(&self.body, buffer.offset(), buffer.length())
    }
}

fn slice(buffer: &Buffer, offset: i64, length: i64) -> Result<Buffer, String> {
    let outside = || format!("bytes {offset}+{length} are not among its {}", buffer.len());
    let start = usize::try_from(offset).map_err(|_| outside())?;
    let length = usize::try_from(length).map_err(|_| outside())?;
    match start.checked_add(length) {
        Some(stop) if stop <= buffer.len() => Ok(buffer.slice_with_length(start, length)),
        _ => Err(outside()),
    }
}
