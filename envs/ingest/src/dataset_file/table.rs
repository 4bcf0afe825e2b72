//! Where a table of the query comes from.

use std::collections::BTreeMap;
use std::fmt;

use rmtl_envs::SyntheticConfig;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{self, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};

/// A table of the query.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Table {
    /// Files on disk: `"log.csv"`, `["a.csv", "b_*.csv"]`, or the long form `{ path = .., .. }`.
    Files(FileTable),
    /// A generated log: `{ synthetic = { .. } }`.
    Synthetic(Box<SyntheticConfig>),
}

/// Files that share their columns, read one after the other in the order of their names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct FileTable {
    /// Paths or globs, relative to the root; format by extension: `.csv`, `.tsv`, `.txt` (each also with `.gz`)
    /// or `.parquet`.
    pub path: Vec<String>,
    /// Character between two values of a line; a comma (a tab in `.tsv`) unless told. Text files only.
    pub delimiter: Option<char>,
    /// Whether the first line of every file names the columns: yes unless `columns` does. Text files only.
    pub has_header: Option<bool>,
    /// Names of the columns, in the files' order, in place of those of a first line. Text files only.
    pub columns: Option<Vec<String>>,
    /// Types of columns where the guess from the first rows is wrong. Text files only.
    pub types: BTreeMap<String, ColumnType>,
    /// Column with the time of each row, in the unit of the dataset's `time`; unless told, the column of that name if there
    /// is one. Only [`LeakageTest`](crate::LeakageTest) asks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<String>,
}

/// Type of a column of a text file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ColumnType {
    /// `true` and `false`.
    Boolean,
    /// 64-bit integers.
    Integer,
    /// 64-bit floating-point numbers.
    Float,
    /// Anything.
    Text,
    /// Date and time, such as `2022-05-01 12:00:00`.
    Timestamp,
}

/// The long form, in which both kinds of table can be written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LongForm {
    path: Option<Paths>,
    delimiter: Option<char>,
    has_header: Option<bool>,
    columns: Option<Vec<String>>,
    #[serde(default)]
    types: BTreeMap<String, ColumnType>,
    time: Option<String>,
    synthetic: Option<Box<SyntheticConfig>>,
}

/// One path or several.
struct Paths(Vec<String>);

impl LongForm {
    fn into_table(self) -> Result<Table, &'static str> {
        let Self { path, delimiter, has_header, columns, types, time, synthetic } = self;
        let text = delimiter.is_some() || has_header.is_some() || columns.is_some() || !types.is_empty();
        match (path, synthetic) {
            (Some(Paths(path)), None) => {
                Ok(Table::Files(FileTable { path, delimiter, has_header, columns, types, time }))
            }
            (None, Some(synthetic)) if !text && time.is_none() => Ok(Table::Synthetic(synthetic)),
            (None, Some(_)) => {
                Err("a synthetic table has no `delimiter`, `has_header`, `columns`, `types` or `time`")
            }
            _ => Err("a table needs either `path` or `synthetic`"),
        }
    }
}

// Written by hand, because an untagged enum would answer every mistake with "did not match any variant".
impl<'de> Deserialize<'de> for Table {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TableVisitor;
        impl<'de> Visitor<'de> for TableVisitor {
            type Value = Table;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a path, a list of paths, { path = .. } or { synthetic = { .. } }")
            }
            fn visit_str<E: de::Error>(self, path: &str) -> Result<Table, E> {
                Ok(Table::Files(FileTable { path: vec![path.into()], ..FileTable::default() }))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, paths: A) -> Result<Table, A::Error> {
                let path = Vec::deserialize(SeqAccessDeserializer::new(paths))?;
                Ok(Table::Files(FileTable { path, ..FileTable::default() }))
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Table, A::Error> {
                let long = LongForm::deserialize(MapAccessDeserializer::new(map))?;
                long.into_table().map_err(de::Error::custom)
            }
        }
        deserializer.deserialize_any(TableVisitor)
    }
}

impl<'de> Deserialize<'de> for Paths {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct PathsVisitor;
        impl<'de> Visitor<'de> for PathsVisitor {
            type Value = Paths;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a path or a list of paths")
            }
            fn visit_str<E: de::Error>(self, path: &str) -> Result<Paths, E> {
                Ok(Paths(vec![path.into()]))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, paths: A) -> Result<Paths, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(paths)).map(Paths)
            }
        }
        deserializer.deserialize_any(PathsVisitor)
    }
}
