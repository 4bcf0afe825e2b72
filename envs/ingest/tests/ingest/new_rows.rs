//! Rows to predict: encoded as the tables' rows are, without labels.

use std::path::Path;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Int64Array, StringArray};
use rmtl_envs::{Cancel, Dataset};
use rmtl_ingest::{DatasetFile, IngestError, NewRows, RowCounts, Wishes, sketch, validate};

use crate::case::{Case, FILE, LOG, assert_says, gzipped, ids, message, numbers, write_parquet};

/// Everything `rows` gives, and how often.
struct Read {
    ids: Vec<Vec<u32>>,
    numbers: Vec<f32>,
    kept: Vec<String>,
    counts: RowCounts,
}

fn read(
    case: &Case,
    dataset: &Dataset,
    file: &str,
    table: Option<&str>,
    input: &str,
) -> Result<Read, IngestError> {
    let file = DatasetFile::parse(file, Path::new("tiny.toml")).unwrap();
    let input = [case.root().join(input).to_string_lossy().into_owned()];
    let (root, prepared, schema) = (case.root(), case.out(), &dataset.manifest.schema);
    let rows = NewRows {
        file: &file,
        root: Some(&root),
        prepared: &prepared,
        schema,
        table,
        input: &input,
        keep: &[],
    };
    let (mut ids, mut numbers, mut kept) = (Vec::new(), Vec::new(), Vec::new());
    let counts = rows.read(&Cancel::default(), &mut |batch| {
        ids.extend(batch.categorical.chunks(schema.n_slots()).map(<[u32]>::to_vec));
        numbers.extend_from_slice(&batch.numeric);
        kept = batch.kept.schema().fields().iter().map(|field| field.name().clone()).collect();
        Ok(())
    })?;
    Ok(Read { ids, numbers, kept, counts })
}

/// Lines without their last values.
fn without_last(text: &str, n: usize) -> String {
    text.lines().map(|line| line.rsplitn(n + 1, ',').last().unwrap().to_owned() + "\n").collect()
}

#[test]
fn new_rows_are_encoded_as_the_tables_rows_are_and_counted() {
    let case = Case::with_log(LOG);
    let dataset = case.dataset(FILE);
    case.write("new.csv", without_last(LOG, 2));
    case.write("packed.csv.gz", gzipped(&without_last(LOG, 2)));
    for input in ["log.csv", "new.csv", "packed.csv.gz"] {
        let found =
            read(&case, &dataset, FILE, None, input).unwrap_or_else(|error| panic!("{}", message(&error)));
        // The last two rows are the test split, in this order.
        assert_eq!(found.ids[8..], ids(&dataset.test), "{input}");
        assert_eq!(found.numbers[8..], numbers(&dataset.test), "{input}");
        assert_eq!(found.kept, ["user", "time"]);
        let counts: Vec<_> = found
            .counts
            .ids
            .iter()
            .map(|count| (count.field.as_str(), count.values, count.unknown))
            .collect();
        // The training rows have no user c, and no items v and w.
        assert_eq!(counts, [("user", 10, 1), ("item", 10, 2)]);
        assert_eq!((found.counts.rows, found.counts.numbers[0].unknown), (10, 0));
    }
}

#[test]
fn other_tables_stay_where_they_are_and_the_rows_table_has_to_be_named() {
    let file = FILE
        .replace("SELECT * FROM log", "SELECT log.user, log.time, log.item, items.tags, log.click, log.buy FROM log LEFT JOIN items ON log.item = items.item")
        .replace("numeric = [\"price\"]", "multi_valued = [{ name = \"tags\", separator = \";\", max_values = 2 }]\nvocabulary.fields.user = { hash_buckets = 7 }")
        + "items = \"items.csv\"\n";
    let case = Case::with_log(LOG).with("items.csv", "item,tags\nx,red;blue\ny,red\nv,green;red;blue\n");
    let dataset = case.dataset(&file);
    case.write("new.csv", without_last(LOG, 2));
    let found =
        read(&case, &dataset, &file, Some("log"), "new.csv").unwrap_or_else(|e| panic!("{}", message(&e)));
    // A join may change the order.
    for row in ids(&dataset.test) {
        assert!(found.ids.contains(&row), "{row:?} among {:?}", found.ids);
    }
    // Hashed users are all known; of the last row's two tags, green is not.
    assert_eq!([found.counts.ids[0].unknown, found.counts.ids[2].unknown], [0, 1]);
    let error = read(&case, &dataset, &file, None, "new.csv").err().unwrap();
    assert_says(&message(&error), &["--table", "`items`, `log`"]);
    let error = read(&case, &dataset, &file, Some("logs"), "new.csv").err().unwrap();
    assert_says(&message(&error), &["--table", "`logs`"]);
    // What a join needs is no label.
    case.write("bare.csv", "user,time,price\na,1,2\n");
    let error = read(&case, &dataset, &file, Some("log"), "bare.csv").err().unwrap();
    assert_says(&message(&error), &["bare.csv", "no column `item`", "found user, time, price"]);
}

#[test]
fn where_the_query_yields_no_row_there_are_columns() {
    let file = FILE.replace("FROM log", "FROM log WHERE price < 100");
    let case = Case::with_log(LOG);
    let dataset = case.dataset(&file);
    case.write("new.csv", "user,time,item,price\na,1,x,200\na,2,x,300\n");
    let found =
        read(&case, &dataset, &file, None, "new.csv").unwrap_or_else(|error| panic!("{}", message(&error)));
    assert_eq!((found.ids.len(), found.counts.rows), (0, 0));
    assert_eq!(found.kept, ["user", "time"]);
}

#[test]
fn a_query_of_great_depth_ends_no_process() {
    let case = Case::with_log(LOG);
    let dataset = case.dataset(FILE);
    let chain = vec!["price >= 0"; 5_000].join(" OR ");
    let deep = FILE.replace("FROM log", &format!("FROM log WHERE {chain}"));
    let error = read(&case, &dataset, &deep, None, "log.csv").err().unwrap();
    assert_says(&message(&error), &["at most 200 operators"]);
}

#[test]
fn damage_to_what_encodes_rows_is_noticed() {
    for (name, from, to) in
        [("vocabulary/item.csv", "x", "q"), ("manifest.json", "\"mean\": ", "\"mean\": 1")]
    {
        let case = Case::with_log(LOG);
        let dataset = case.dataset(FILE);
        let path = case.out().join(name);
        let text = std::fs::read_to_string(&path).unwrap();
        let damaged = text.replacen(from, to, 1);
        assert_ne!(damaged, text);
        std::fs::write(&path, damaged).unwrap();
        let error = read(&case, &dataset, FILE, None, "log.csv").err().unwrap();
        assert_says(&message(&error), &[name, "its checksum should be", "prepare the dataset again"]);
        // Datasets of earlier versions have no checksums.
        std::fs::remove_file(case.out().join("checksums.txt")).unwrap();
        read(&case, &dataset, FILE, None, "log.csv").unwrap_or_else(|error| panic!("{}", message(&error)));
    }
}

#[test]
fn a_vocabulary_that_does_not_fit_is_refused() {
    let case = Case::with_log(LOG);
    let dataset = case.dataset(FILE);
    std::fs::remove_file(case.out().join("checksums.txt")).unwrap();
    let path = case.out().join("vocabulary/item.csv");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.lines().take(2).map(|line| line.to_owned() + "\n").collect::<String>())
        .unwrap();
    let error = read(&case, &dataset, FILE, None, "log.csv").err().unwrap();
    assert_says(
        &message(&error),
        &["vocabulary", "expected the 4 ids of `item`, found 2", "prepare the dataset again"],
    );
}

#[test]
fn logs_of_every_format_are_sketched_and_what_comes_out_fits_them() {
    let case = Case::with_log(LOG);
    case.write("log.csv.gz", gzipped(LOG));
    case.write("log.tsv", LOG.replace(',', "\t"));
    let column = |index: usize| LOG.lines().skip(1).map(move |line| line.split(',').nth(index).unwrap());
    let integers = |index: usize| -> ArrayRef {
        Arc::new(column(index).map(|v| v.parse::<i64>().unwrap()).collect::<Int64Array>())
    };
    let texts = |index: usize| -> ArrayRef {
        Arc::new(StringArray::from_iter_values(column(index).collect::<Vec<_>>()))
    };
    let columns = vec![
        ("user", texts(0)),
        ("time", integers(1)),
        ("item", texts(2)),
        ("price", integers(3)),
        ("click", integers(4)),
        ("buy", integers(5)),
    ];
    write_parquet(&case, "log.parquet", columns);
    let mut files = Vec::new();
    for name in ["log.csv", "log.csv.gz", "log.tsv", "log.parquet"] {
        let log = [case.root().join(name).to_string_lossy().into_owned()];
        let sketch = sketch(&log, &Wishes::default(), &Cancel::default())
            .unwrap_or_else(|e| panic!("{}", message(&e)));
        let text = sketch.dataset_file("tiny", &[name.to_owned()]);
        let mut file = DatasetFile::parse(&text, Path::new("tiny.toml")).unwrap();
        validate(&file, Some(&case.root())).unwrap_or_else(|error| panic!("{}\n{text}", message(&error)));
        assert_eq!(file.tasks.iter().map(|task| task.name.as_str()).collect::<Vec<_>>(), ["click", "buy"]);
        file.tables.clear();
        files.push(file);
    }
    assert!(files.windows(2).all(|pair| pair[0] == pair[1]), "the same columns, the same guesses");
}
