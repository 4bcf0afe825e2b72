//! What a dataset file asks for in memory, whatever is in its log.

use rmtl_envs::{
    CategoricalField, Extras, MemoryDemand, NumberScale, NumericField, Schema, TableWriter, Task,
    available_memory, check_memory,
};

use super::{DatasetFile, FieldRule, TaskKind};
use crate::IngestError;

/// Tables that are written at once, and one record batch of theirs that goes to its file.
const RECORD_BATCHES: u64 = 4;

impl DatasetFile {
    /// The schema with all that is known before the log is read: ids given by hash, and one for unknown values of every
    /// vocabulary that is fitted. Scales of numbers are 1.
    pub fn least_schema(&self) -> Schema {
        let lengths =
            self.categorical.iter().map(|_| 1).chain(self.multi_valued.iter().map(|list| list.max_values));
        let categorical = self.id_fields().zip(lengths).map(|(name, n_values)| CategoricalField {
            name: name.to_owned(),
            vocabulary_size: match self.vocabulary.of(name) {
                FieldRule::Hashed { buckets } => 1 + buckets,
                FieldRule::Fitted { .. } => 1,
            },
            n_values,
        });
        let numeric = self.numeric.iter().map(|name| NumericField {
            name: name.clone(),
            mean: 0.0,
            standard_deviation: 1.0,
        });
        let scale = NumberScale { cap: 1.0, mean: 1.0, standard_deviation: 1.0 };
        let tasks = self.tasks.iter().map(|task| Task {
            name: task.name.clone(),
            after: task.after.clone(),
            number: (task.kind == TaskKind::Number).then_some(scale),
        });
        Schema { categorical: categorical.collect(), numeric: numeric.collect(), tasks: tasks.collect() }
    }

    /// Refuses rows so wide that the record batches of the splits do not fit into memory.
    pub(crate) fn check_memory(&self) -> Result<(), IngestError> {
        self.check_memory_within(available_memory())
    }

    fn check_memory_within(&self, available: Option<u64>) -> Result<(), IngestError> {
        let extras = Extras { oracle: !self.oracle.is_empty(), weight: self.weight.is_some() };
        let bytes = TableWriter::buffered_bytes(&self.least_schema(), extras).saturating_mul(RECORD_BATCHES);
        let longest = self.multi_valued.iter().max_by_key(|list| list.max_values);
        let lower = longest.map_or_else(
            || "the number of features".to_owned(),
            |list| format!("`max_values` of `{}`, which has {}", list.name, list.max_values),
        );
        let demand = MemoryDemand { what: "record batches of the three splits".into(), bytes, lower };
        check_memory("preparing this log", vec![demand], available)
            .map(|_| ())
            .map_err(|reason| IngestError::Memory { path: self.path.clone(), reason })
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn file(more: &str) -> DatasetFile {
        let text = format!(
            "name = \"wide\"\nquery = \"SELECT * FROM log\"\nsession = {{ key = \"user\" }}\ntime = \"time\"\n\
             categorical = [\"user\", \"item\"]\nnumeric = [\"price\"]\ntasks = [{{ name = \"click\", label = \"click\" }}]\n\
             tables.log = \"log.csv\"\n{more}"
        );
        DatasetFile::parse(&text, Path::new("wide.toml")).unwrap()
    }

    #[test]
    fn the_least_schema_knows_hashed_ids_and_the_length_of_lists() {
        let file = file(
            "multi_valued = [{ name = \"tags\", max_values = 7 }]\nvocabulary.fields.item = { hash_buckets = 99 }\n",
        );
        let schema = file.least_schema();
        let fields: Vec<_> = schema
            .categorical
            .iter()
            .map(|field| (field.name.as_str(), field.vocabulary_size, field.n_values))
            .collect();
        assert_eq!(fields, [("user", 1, 1), ("item", 100, 1), ("tags", 1, 7)]);
        assert_eq!((schema.n_numeric(), schema.n_tasks()), (1, 1));
        schema.validate().unwrap();
    }

    #[test]
    fn rows_by_hand_and_the_key_to_lower() {
        // Two ids, a number, a label, a time and an end.
        let row = 2 * 4 + 4 + 1 + 8 + 1;
        let most = 4 * 65_536 * row;
        assert!(file("").check_memory_within(Some(most)).is_ok());
        assert!(file("").check_memory_within(Some(most - 1)).is_err());
        let wide = file("multi_valued = [{ name = \"tags\", max_values = 1_000_000 }]\n");
        let message = wide.check_memory_within(Some(16_000_000_000)).unwrap_err().to_string();
        for words in ["wide.toml", "1.0 TB", "16.0 GB are there", "`max_values` of `tags`, which has 1000000"]
        {
            assert!(message.contains(words), "{words}: {message}");
        }
    }
}
