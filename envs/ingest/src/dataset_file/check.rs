//! What a dataset file must satisfy before any file of the log is opened.

use std::collections::BTreeMap;

use super::{DatasetFile, FieldVocabulary, SplitRule, Table, TaskColumn, TaskKind};
use crate::IngestError;
use rmtl_files::{nearest, suggestion};

impl DatasetFile {
    pub(super) fn check(&self) -> Result<(), IngestError> {
        self.check_names()?;
        self.check_uses()?;
        self.check_tasks()?;
        self.check_tables()?;
        self.check_split()?;
        self.check_vocabulary()
    }

    /// Names of fields, tasks and tables become names of files, parameters and log tags.
    fn check_names(&self) -> Result<(), IngestError> {
        let tasks = self.tasks.iter().map(|task| ("tasks.name", task.name.as_str()));
        let tables = self.tables.keys().map(|table| ("tables", table.as_str()));
        let plain = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
        for (key, name) in
            [("name", self.name.as_str())].into_iter().chain(self.features()).chain(tasks).chain(tables)
        {
            if name.is_empty() || !name.chars().all(plain) {
                let expected = "letters, digits, `_` and `-` (rename a column with AS in the query)";
                return Err(self.setting(key, expected, format!("`{name}`")));
            }
        }
        Ok(())
    }

    /// No column has two uses, but session and time may be features.
    fn check_uses(&self) -> Result<(), IngestError> {
        let mut uses = BTreeMap::new();
        for (key, column) in self.features().chain(self.outcomes()) {
            if let Some(other) = uses.insert(column, key) {
                let found = format!("column `{column}`, already named under `{other}`");
                return Err(self.setting(key, "columns that have no other use", found));
            }
        }
        for (key, column) in [("session", &self.session.key), ("time", &self.time)] {
            if let Some(other) = uses.get(column.as_str()).filter(|other| !FEATURES.contains(other)) {
                let found = format!("column `{column}`, also named under `{other}`");
                return Err(self.setting(
                    key,
                    "a column that is neither outcome nor split nor ignored",
                    found,
                ));
            }
        }
        // Tasks may share a column with the time at which they became known, and it may be that of the row.
        for column in self.tasks.iter().filter_map(|task| task.known_at.as_deref()) {
            if let Some(other) = uses.get(column) {
                let found = format!("column `{column}`, already named under `{other}`");
                return Err(self.setting("tasks.known_at", "a column that has no other use", found));
            }
        }
        Ok(())
    }

    fn features(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let categorical = self.categorical.iter().map(|column| (FEATURES[0], column.as_str()));
        let numeric = self.numeric.iter().map(|column| (FEATURES[1], column.as_str()));
        let multi_valued = self.multi_valued.iter().map(|field| (FEATURES[2], field.name.as_str()));
        categorical.chain(numeric).chain(multi_valued)
    }

    fn outcomes(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let labels = self.tasks.iter().map(|task| ("tasks.label", task.label.as_str()));
        let oracle = self.oracle.iter().map(|column| ("oracle", column.as_str()));
        let ignore = self.ignore.iter().map(|column| ("ignore", column.as_str()));
        let split = match &self.split {
            SplitRule::Column { column, .. } => Some(("split.column", column.as_str())),
            _ => None,
        };
        let weight = self.weight.iter().map(|column| ("weight", column.as_str()));
        labels.chain(oracle).chain(ignore).chain(split).chain(weight)
    }

    fn check_tasks(&self) -> Result<(), IngestError> {
        if self.tasks.is_empty() {
            return Err(self.setting("tasks", "at least one task", "none"));
        }
        for (index, task) in self.tasks.iter().enumerate() {
            let earlier: Vec<&str> = self.tasks[..index].iter().map(|task| task.name.as_str()).collect();
            if earlier.contains(&task.name.as_str()) {
                return Err(self.setting(
                    "tasks.name",
                    "names that differ",
                    format!("`{}` twice", task.name),
                ));
            }
            self.check_number(task)?;
            if let Some(after) = task.after.as_deref().filter(|after| !earlier.contains(after)) {
                let key = format!("tasks.{}.after", task.name);
                let found = format!("`{after}`{}", suggestion(nearest(after, earlier.iter().copied())));
                return Err(self.setting(key, "the name of a task further up", found));
            }
        }
        if !self.oracle.is_empty() && self.oracle.len() != self.tasks.len() {
            let expected = format!("one column per task ({})", self.tasks.len());
            return Err(self.setting("oracle", expected, self.oracle.len()));
        }
        if self.id_fields().next().is_none() && self.numeric.is_empty() {
            return Err(self.setting("categorical", "at least one feature", "none"));
        }
        let is_empty = |separator: &Option<String>| separator.as_ref().is_some_and(String::is_empty);
        if let Some(field) = self.multi_valued.iter().find(|f| f.max_values == 0 || is_empty(&f.separator)) {
            let separator = field.separator.as_deref().unwrap_or(",");
            let found = format!("`{}` with {} and \"{separator}\"", field.name, field.max_values);
            return Err(self.setting("multi_valued", "`max_values` of at least 1 and a `separator`", found));
        }
        Ok(())
    }

    /// A number stands beside a chain, not in it, and is known with its row.
    fn check_number(&self, task: &TaskColumn) -> Result<(), IngestError> {
        let key = |name: &str| format!("tasks.{}.{name}", task.name);
        if task.kind == TaskKind::Binary {
            return match task.cap {
                Some(cap) => Err(self.setting(key("cap"), "`kind = \"number\"` beside it", cap)),
                None => Ok(()),
            };
        }
        if let Some(cap) = task.cap.filter(|cap| !(*cap > 0.0 && *cap <= f64::from(f32::MAX))) {
            return Err(self.setting(key("cap"), "a number above 0", cap));
        }
        if let Some(column) = &task.known_at {
            return Err(self.setting(
                key("known_at"),
                "none: a number is taken as known with its row",
                format!("`{column}`"),
            ));
        }
        let child = self.tasks.iter().find(|other| other.after.as_ref() == Some(&task.name));
        if let Some(name) = task.after.as_ref().or(child.map(|child| &child.name)) {
            let expected =
                "no `after` between a number and another task: a number does not happen or fail to";
            return Err(self.setting(key("after"), expected, format!("`{name}`")));
        }
        if !self.oracle.is_empty() {
            return Err(self.setting(
                "oracle",
                "labels of 0 and 1 only",
                format!("the number `{}`", task.name),
            ));
        }
        Ok(())
    }

    fn check_tables(&self) -> Result<(), IngestError> {
        if self.tables.is_empty() != self.query.is_empty() {
            let (key, expected) = match self.query.is_empty() {
                true => ("query", "one SQL SELECT over the tables"),
                false => ("tables", "at least one table"),
            };
            return Err(self.setting(key, expected, "none"));
        }
        for (name, table) in &self.tables {
            let Table::Files(files) = table else { continue };
            if files.path.is_empty() {
                return Err(self.setting(format!("tables.{name}"), "at least one path", "none"));
            }
            files.dialect.check().map_err(|(key, expected, found)| {
                self.setting(format!("tables.{name}.{key}"), expected, found)
            })?;
        }
        Ok(())
    }

    fn check_split(&self) -> Result<(), IngestError> {
        match &self.split {
            SplitRule::TimeRatio { ratios } | SplitRule::Random { ratios, .. } => {
                if ratios.iter().all(|ratio| ratio.is_finite() && *ratio > 0.0) {
                    return Ok(());
                }
                Err(self.setting("split.ratios", "three positive numbers", format!("{ratios:?}")))
            }
            SplitRule::Column { train, validation, test, .. } => {
                let mut values: Vec<&String> = train.iter().chain(validation).chain(test).collect();
                values.sort_unstable();
                match values.windows(2).find(|pair| pair[0] == pair[1]) {
                    Some(pair) => {
                        let found = format!("`{}` twice", pair[0]);
                        Err(self.setting("split", "values that belong to one split each", found))
                    }
                    None => Ok(()),
                }
            }
            SplitRule::TimeBoundary { .. } => Ok(()),
        }
    }

    fn check_vocabulary(&self) -> Result<(), IngestError> {
        let rules = &self.vocabulary;
        for field in rules.fields.keys() {
            if !self.id_fields().any(|name| name == field) {
                let found = format!("`{field}`{}", suggestion(nearest(field, self.id_fields())));
                return Err(self.setting("vocabulary.fields", "a categorical or multi-valued field", found));
            }
        }
        let common = FieldVocabulary {
            min_count: (rules.min_count != 1).then_some(rules.min_count),
            max_size: rules.max_size,
            hash_buckets: rules.hash_buckets,
        };
        let own = rules.fields.iter().map(|(field, rule)| (format!("vocabulary.fields.{field}"), rule));
        for (key, rule) in own.chain([("vocabulary".to_owned(), &common)]) {
            if rule.hash_buckets.is_some() && (rule.min_count.is_some() || rule.max_size.is_some()) {
                let found = "both";
                return Err(self.setting(key, "`hash_buckets` or `min_count`/`max_size`", found));
            }
            let sizes = rule.max_size.iter().chain(&rule.hash_buckets);
            if let Some(size) = sizes.copied().find(|&size| size == 0 || size > MAX_VALUES) {
                return Err(self.setting(key, format!("a size from 1 to {MAX_VALUES}"), size));
            }
        }
        Ok(())
    }

    pub(crate) fn setting(
        &self,
        key: impl Into<String>,
        expected: impl Into<String>,
        found: impl ToString,
    ) -> IngestError {
        let (key, expected, found) = (key.into(), expected.into(), found.to_string());
        IngestError::Setting { path: self.path.clone(), key, expected, found }
    }
}

const FEATURES: [&str; 3] = ["categorical", "numeric", "multi_valued"];

/// Ids are 32-bit; one is for unknown values, one marks unused slots.
pub(crate) const MAX_VALUES: u32 = u32::MAX - 2;
