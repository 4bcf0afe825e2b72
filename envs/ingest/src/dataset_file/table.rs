//! Where a table of the query comes from.

use std::collections::BTreeMap;
use std::fmt;

use rmtl_envs::SyntheticConfig;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{self, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};

use super::dialect::Dialect;

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
    /// The format where the extension does not say it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format: Option<FileFormat>,
    /// How values are written in a line. Text files only.
    #[serde(flatten)]
    pub dialect: Dialect,
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

impl FileTable {
    /// Names of the keys that are set and mean something in text files alone.
    pub(crate) fn text_keys(&self) -> Vec<&'static str> {
        let others = [
            ("has_header", self.has_header.is_some()),
            ("columns", self.columns.is_some()),
            ("types", !self.types.is_empty()),
        ];
        let others = others.into_iter().filter(|(_, is_set)| *is_set).map(|(key, _)| key);
        self.dialect.keys().chain(others).collect()
    }
}

/// Format of a table's files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FileFormat {
    /// Lines of values between commas.
    Csv,
    /// Lines of values between tabs.
    Tsv,
    /// Parquet.
    Parquet,
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
    format: Option<FileFormat>,
    delimiter: Option<char>,
    quote: Option<String>,
    escape: Option<char>,
    comment: Option<char>,
    #[serde(default)]
    null: Vec<String>,
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
        let Self {
            path,
            format,
            delimiter,
            quote,
            escape,
            comment,
            null,
            has_header,
            columns,
            types,
            time,
            synthetic,
        } = self;
        let dialect = Dialect { delimiter, quote, escape, comment, null };
        let files = FileTable { path: Vec::new(), format, dialect, has_header, columns, types, time };
        match (path, synthetic) {
            (Some(Paths(path)), None) => Ok(Table::Files(FileTable { path, ..files })),
            (None, Some(synthetic)) if files == FileTable::default() => Ok(Table::Synthetic(synthetic)),
            (None, Some(_)) => Err(
                "a synthetic table has no key beside `synthetic`: neither `path` nor those of files, `time` among them",
            ),
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
