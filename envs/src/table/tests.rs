//! Tables written, read back, and damaged.

use std::fs;
use std::path::{Path, PathBuf};

use arrow_array::cast::AsArray;
use arrow_array::types::{Int64Type, UInt32Type};
use arrow_ipc::reader::FileReader;

use super::*;
use crate::fixture::{OwnedRow, rows, schema};
use SessionEnd::{Continues, Cut, Terminated};

fn write(path: &Path, schema: &Schema, rows: &[OwnedRow]) -> Result<u32, EnvError> {
    let oracle = rows.first().is_none_or(|row| !row.oracle.is_empty());
    let mut writer = TableWriter::create(path, schema, Extras { oracle, weight: false })?;
    rows.iter().try_for_each(|row| writer.push(row.values()))?;
    writer.finish()
}

fn file(folder: &tempfile::TempDir) -> PathBuf {
    folder.path().join("train.arrow")
}

fn assert_holds(table: &LogTable, rows: &[OwnedRow]) {
    assert_eq!(table.n_rows(), rows.len());
    for (row, expected) in table.rows().zip(rows) {
        let found = RowValues {
            categorical: table.categorical(row),
            numeric: table.numeric(row),
            labels: table.labels(row),
            time: table.time(row),
            end: table.end(row),
            oracle: table.oracle(row).unwrap_or(&[]),
            targets: &[],
            weight: &[],
        };
        assert_eq!(found, expected.values(), "{row:?}");
    }
}

#[test]
fn rows_survive_the_file_across_chunks() {
    let folder = tempfile::tempdir().unwrap();
    let length = 2 * CHUNK_ROWS as u32 - 1;
    let rows = rows(3, &[(1, Terminated), (length, Cut), (3, Terminated)]);
    assert_eq!(write(&file(&folder), &schema(3), &rows).unwrap(), length + 4);
    let table = LogTable::open(&file(&folder), &schema(3)).unwrap();
    assert_holds(&table, &rows);
    assert_holds(&LogTable::from_rows(&schema(3), rows.iter().map(OwnedRow::values)), &rows);
    assert_eq!(table.chunks.iter().map(Chunk::n_rows).collect::<Vec<_>>(), [CHUNK_ROWS, CHUNK_ROWS, 3]);
}

#[test]
fn columns_that_hold_nothing_are_absent() {
    let folder = tempfile::tempdir().unwrap();
    let mut schema = schema(1);
    schema.numeric.clear();
    let mut rows = rows(1, &[(2, Terminated)]);
    for row in &mut rows {
        row.numeric.clear();
        row.oracle.clear();
    }
    write(&file(&folder), &schema, &rows).unwrap();
    let table = LogTable::open(&file(&folder), &schema).unwrap();
    assert_holds(&table, &rows);
    assert!(!table.has_oracle());
    assert_eq!(table.oracle(Row(0)), None);
    let reader = FileReader::try_new(fs::File::open(file(&folder)).unwrap(), None).unwrap();
    let names: Vec<_> = reader.schema().fields().iter().map(|field| field.name().clone()).collect();
    assert_eq!(names, ["categorical", "labels", "time", "end"]);
}

#[test]
fn a_table_may_be_empty() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(write(&file(&folder), &schema(2), &[]).unwrap(), 0);
    let table = LogTable::open(&file(&folder), &schema(2)).unwrap();
    assert_eq!((table.n_rows(), table.rows().count(), table.has_oracle()), (0, 0, true));
}

#[test]
fn any_arrow_reader_reads_a_table() {
    let folder = tempfile::tempdir().unwrap();
    let rows = rows(2, &[(2, Terminated), (1, Cut)]);
    write(&file(&folder), &schema(2), &rows).unwrap();
    let mut reader = FileReader::try_new(fs::File::open(file(&folder)).unwrap(), None).unwrap();
    let batch = reader.next().unwrap().unwrap();
    assert!(reader.next().is_none());
    let categorical = batch.column_by_name("categorical").unwrap().as_fixed_size_list();
    let ids = categorical.value(2).as_primitive::<UInt32Type>().values().to_vec();
    assert_eq!(ids, rows[2].categorical);
    let time = batch.column_by_name("time").unwrap().as_primitive::<Int64Type>().values().to_vec();
    assert_eq!(time, [1_000, 1_001, 1_002]);
}

#[test]
fn an_opened_table_is_not_copied() {
    let folder = tempfile::tempdir().unwrap();
    let rows = rows(2, &[(CHUNK_ROWS as u32 + 1, Terminated)]);
    write(&file(&folder), &schema(2), &rows).unwrap();
    let table = LogTable::open(&file(&folder), &schema(2)).unwrap();
    // `data_ptr` is where a buffer's allocation starts: for all of these, where the file is mapped.
    let mapping = table.chunks[0].time.inner().data_ptr();
    for chunk in &table.chunks {
        assert_eq!(chunk.categorical.inner().data_ptr(), mapping);
        assert_eq!(chunk.numeric.inner().data_ptr(), mapping);
        assert_eq!(chunk.labels.inner().data_ptr(), mapping);
        assert_eq!(chunk.time.inner().data_ptr(), mapping);
        assert_eq!(chunk.end.inner().data_ptr(), mapping);
        assert_eq!(chunk.oracle.inner().data_ptr(), mapping);
    }
}

#[test]
fn a_table_can_be_shared_between_threads() {
    fn shared<T: Send + Sync + 'static>() {}
    shared::<LogTable>();
}

/// The bytes of a file of three rows, and the table they open as.
fn in_memory() -> (Vec<u8>, impl Fn(&[u8]) -> Result<LogTable, EnvError>) {
    let folder = tempfile::tempdir().unwrap();
    write(&file(&folder), &schema(2), &rows(2, &[(3, Terminated)])).unwrap();
    let open = |bytes: &[u8]| {
        LogTable::in_file(Path::new("train.arrow"), &Buffer::from_slice_ref(bytes), &schema(2))
    };
    (fs::read(file(&folder)).unwrap(), open)
}

#[test]
fn a_file_cut_anywhere_is_refused_by_name() {
    let (bytes, open) = in_memory();
    assert_holds(&open(&bytes).unwrap(), &rows(2, &[(3, Terminated)]));
    for length in 0..bytes.len() {
        let error = open(&bytes[..length]).unwrap_err();
        assert!(matches!(error, EnvError::NotATable { .. }), "{length} bytes: {error}");
        assert!(error.to_string().starts_with("train.arrow is not a readable table: "), "{error}");
    }
    let folder = tempfile::tempdir().unwrap();
    fs::write(file(&folder), []).unwrap();
    let message = LogTable::open(&file(&folder), &schema(2)).unwrap_err().to_string();
    assert!(message.contains("train.arrow is not a readable table: the file is empty"), "{message}");
}

#[test]
fn no_damaged_byte_makes_a_table_panic_or_lose_rows() {
    let (bytes, open) = in_memory();
    let mut refused = 0;
    for position in 0..bytes.len() {
        for flip in (0..8).map(|bit| 1 << bit).chain([0xff]) {
            let mut damaged = bytes.clone();
            damaged[position] ^= flip;
            match open(&damaged) {
                // Damage within the values may leave values that are possible.
                Ok(table) => assert_eq!(table.rows().map(|row| table.labels(row).len()).sum::<usize>(), 6),
                Err(_) => refused += 1,
            }
        }
    }
    assert!(refused > 2 * bytes.len(), "only {refused} of {} were noticed", 9 * bytes.len());
}

#[test]
fn a_missing_file_is_named() {
    let error = LogTable::open(Path::new("/nowhere/train.arrow"), &schema(1)).unwrap_err();
    assert_eq!(error.to_string(), "cannot open /nowhere/train.arrow");
}

#[test]
fn a_table_of_another_schema_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    write(&file(&folder), &schema(2), &rows(2, &[(3, Terminated)])).unwrap();
    let message = |schema: &Schema| LogTable::open(&file(&folder), schema).unwrap_err().to_string();

    let mut wider = schema(2);
    wider.categorical[1].n_values = 3;
    assert!(
        message(&wider)
            .contains("`categorical` should be FixedSizeList<UInt32, 4>, found FixedSizeList<UInt32, 3>")
    );
    assert!(message(&schema(3)).contains("`labels` should be FixedSizeList<UInt8, 3>"));
    let mut without = schema(2);
    without.numeric.clear();
    assert!(message(&without).contains("column `labels` should be column 1, found `numeric` there"));
}

#[test]
fn ids_beyond_the_vocabulary_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    write(&file(&folder), &schema(2), &rows(2, &[(6, Terminated)])).unwrap();
    let mut smaller = schema(2);
    smaller.categorical[1].vocabulary_size = 4;
    let message = LogTable::open(&file(&folder), &smaller).unwrap_err().to_string();
    assert!(
        message.contains("row 4, `tags`: expected an id below 4, or 4294967295 (padding), found 4"),
        "{message}"
    );
}

#[test]
fn values_no_table_may_hold_are_not_written() {
    let folder = tempfile::tempdir().unwrap();
    let message = |change: fn(&mut OwnedRow)| {
        let mut rows = rows(3, &[(4, Terminated)]);
        change(&mut rows[2]);
        write(&file(&folder), &schema(3), &rows).unwrap_err().to_string()
    };
    assert!(message(|row| row.categorical[0] = 7).contains("row 2, `user`: expected an id below 7"));
    assert!(
        message(|row| row.numeric[0] = f32::NAN)
            .contains("row 2, `price`: expected a finite number, found NaN")
    );
    assert!(message(|row| row.labels[0] = 2).contains("row 2, `click`: expected a label 0 or 1, found 2"));
    assert!(
        message(|row| row.labels = vec![1, 0, 1])
            .contains("row 2, `buy`: expected 0, as `cart` is 0, found 1")
    );
    assert!(message(|row| row.oracle[2] = 1.5).contains("row 2, `buy`: expected a probability, found 1.5"));
    assert!(message(|row| row.time = 5).contains("row 2, `time`: expected at least 1001"));
    assert!(message(|row| row.time = 5_000).contains("row 3, `time`: expected at least 5000"));
}

#[test]
fn the_last_session_must_end() {
    let folder = tempfile::tempdir().unwrap();
    let mut rows = rows(1, &[(2, Terminated)]);
    rows[1].end = Continues;
    let message = write(&file(&folder), &schema(1), &rows).unwrap_err().to_string();
    assert!(message.contains("row 1, `end`: expected 1 (terminated) or 2 (cut)"), "{message}");
}

#[test]
#[should_panic(expected = "values of a row and widths of the table differ")]
fn a_row_of_another_width_is_a_programmers_mistake() {
    let mut rows = rows(1, &[(1, Terminated)]);
    rows[0].categorical.pop();
    LogTable::from_rows(&schema(1), rows.iter().map(OwnedRow::values));
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_is_reported_with_the_path() {
    let path = Path::new("/dev/full");
    let error = write(path, &schema(1), &rows(1, &[(CHUNK_ROWS as u32, Terminated)])).unwrap_err();
    assert_eq!(error.to_string(), "cannot write /dev/full");
    let EnvError::Io { source, .. } = error else { panic!("{error}") };
    assert_eq!(source.kind(), std::io::ErrorKind::StorageFull);
}

#[test]
fn numbers_and_weights_survive_the_file_and_are_absent_without() {
    let folder = tempfile::tempdir().unwrap();
    let mut schema = schema(1);
    schema.tasks[0].number = Some(crate::NumberScale { cap: 8.0, mean: 2.0, standard_deviation: 1.0 });
    let rows = rows(1, &[(CHUNK_ROWS as u32 + 2, Terminated)]);
    let extras = Extras { oracle: true, weight: true };
    let mut writer = TableWriter::create(&file(&folder), &schema, extras).unwrap();
    let values = |row: u32| (row as f32 / 4.0, row as f32 / 2.0);
    for (row, of) in (0..).zip(&rows) {
        let (target, weight) = values(row);
        writer.push(RowValues { targets: &[target], weight: &[weight], ..of.values() }).unwrap();
    }
    writer.finish().unwrap();
    let table = LogTable::open(&file(&folder), &schema).unwrap();
    assert!(table.has_weight());
    for row in [0, 1, CHUNK_ROWS as u32, CHUNK_ROWS as u32 + 1].map(Row) {
        let (target, weight) = values(row.0);
        assert_eq!(
            (table.targets(row), table.target(row, 0), table.weight(row)),
            (Some(&[target][..]), target, weight)
        );
    }
    let mut writer = TableWriter::create(&file(&folder), &schema, extras).unwrap();
    writer.push(RowValues { targets: &[-1.0], weight: &[1.0], ..rows[0].values() }).unwrap();
    let message = writer.finish().unwrap_err().to_string();
    assert!(message.contains("a number that is not negative"), "{message}");
}
