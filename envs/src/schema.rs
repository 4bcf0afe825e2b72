//! What a row of a prepared log holds: features, and the tasks with their dependence.

use std::collections::HashSet;
use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::EnvError;

/// Id of a value the training split has not shown (often enough), in every categorical field.
pub const OUT_OF_VOCABULARY: u32 = 0;

/// Id of an unused slot of a multi-valued field. No vocabulary is large enough to contain it.
pub const PADDING: u32 = u32::MAX;

/// The columns of a prepared log, fitted on its training split.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schema {
    /// Fields of ids, in the order of a row's slots.
    pub categorical: Vec<CategoricalField>,
    /// Fields of numbers, in the order of a row's numeric values.
    pub numeric: Vec<NumericField>,
    /// What is predicted, in the order of a row's labels; a task stands behind the task it depends on.
    pub tasks: Vec<Task>,
}

/// A field of ids.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CategoricalField {
    /// Name of the field, unique among all features.
    pub name: String,
    /// Ids are `0..vocabulary_size`, [`OUT_OF_VOCABULARY`] included.
    pub vocabulary_size: u32,
    /// Slots of a row: 1, or the longest list kept of a multi-valued field; unused slots hold [`PADDING`].
    pub n_values: u32,
}

/// A field of numbers, stored as `(value − mean) / standard_deviation`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NumericField {
    /// Name of the field, unique among all features.
    pub name: String,
    /// Mean of the training rows, in the raw unit.
    pub mean: f64,
    /// Standard deviation of the training rows, in the raw unit; positive.
    pub standard_deviation: f64,
}

/// A binary outcome to predict.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Task {
    /// Name of the task, unique among the tasks.
    pub name: String,
    /// The task that must have happened before this one can: `click` for a purchase. Labels respect it.
    pub after: Option<String>,
    /// Where the label is a number instead of 0 or 1: its scale.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<NumberScale>,
}

/// The scale of a label that is a number, fitted on the training rows; all in the label's unit.
///
/// A prediction is a share p of `cap`, so that it is an action in [0, 1] as any other: near 0, where most values of a skewed
/// label lie, a sigmoid grows as an exponential does.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NumberScale {
    /// What a prediction of 1 stands for; positive.
    pub cap: f64,
    /// Mean; positive.
    pub mean: f64,
    /// Standard deviation; positive.
    pub standard_deviation: f64,
}

impl Schema {
    /// Of fields with one id a row, by name and vocabulary size, and of tasks whose label is 0 or 1, by name and the task it
    /// comes after: what a log in memory, an example or a test begins with.
    pub fn of_ids(fields: &[(&str, u32)], tasks: &[(&str, Option<&str>)]) -> Self {
        let field = |&(name, vocabulary_size): &(&str, u32)| CategoricalField {
            name: name.into(),
            vocabulary_size,
            n_values: 1,
        };
        let task = |&(name, after): &(&str, Option<&str>)| Task {
            name: name.into(),
            after: after.map(Into::into),
            number: None,
        };
        let (categorical, tasks) = (fields.iter().map(field).collect(), tasks.iter().map(task).collect());
        Self { categorical, numeric: Vec::new(), tasks }
    }

    /// Whether the label of any task is a number: its rows have targets beside labels.
    pub fn has_numbers(&self) -> bool {
        self.tasks.iter().any(|task| task.number.is_some())
    }

    /// Targets a row has: one per task where the label of any is a number, else none.
    pub fn n_targets(&self) -> usize {
        if self.has_numbers() { self.n_tasks() } else { 0 }
    }

    /// Ids a row has: the slots of all categorical fields.
    pub fn n_slots(&self) -> usize {
        self.categorical.iter().map(|field| field.n_values as usize).sum()
    }

    /// Numbers a row has.
    pub fn n_numeric(&self) -> usize {
        self.numeric.len()
    }

    /// Labels a row has.
    pub fn n_tasks(&self) -> usize {
        self.tasks.len()
    }

    /// Where a categorical field's ids stand among a row's slots.
    pub fn slots(&self, field: usize) -> Range<usize> {
        let start: usize = self.categorical[..field].iter().map(|earlier| earlier.n_values as usize).sum();
        start..start + self.categorical[field].n_values as usize
    }

    /// Index of the task each task depends on; always smaller than the task's own.
    ///
    /// # Panics
    /// If the schema is not valid.
    pub fn parents(&self) -> Vec<Option<usize>> {
        let index = |name: &String| self.tasks.iter().position(|task| task.name == *name);
        self.tasks
            .iter()
            .map(|task| task.after.as_ref().map(|name| index(name).expect("`after` names a task")))
            .collect()
    }

    /// Whether every task after the first depends on the one before it (`click → cart → buy`).
    pub fn is_chain(&self) -> bool {
        self.parents().into_iter().enumerate().all(|(task, parent)| parent == task.checked_sub(1))
    }

    /// Checks names, sizes and the tasks' dependence.
    ///
    /// # Errors
    /// [`EnvError::Schema`] naming the first field or task that is wrong.
    pub fn validate(&self) -> Result<(), EnvError> {
        if self.categorical.is_empty() && self.numeric.is_empty() {
            return Err(invalid("features", "at least one", "none"));
        }
        if self.tasks.is_empty() {
            return Err(invalid("tasks", "at least one", "none"));
        }
        let categorical = self.categorical.iter().map(|field| &field.name);
        unique("features", categorical.chain(self.numeric.iter().map(|field| &field.name)))?;
        unique("tasks", self.tasks.iter().map(|task| &task.name))?;
        self.categorical.iter().try_for_each(CategoricalField::validate)?;
        self.numeric.iter().try_for_each(NumericField::validate)?;
        if i32::try_from(self.n_slots()).is_err() {
            return Err(invalid("n_values", "a sum of at most 2147483647", &self.n_slots().to_string()));
        }
        for (index, task) in self.tasks.iter().enumerate() {
            if let Some(NumberScale { cap, mean, standard_deviation }) = task.number
                && ![cap, mean, standard_deviation].iter().all(|value| *value > 0.0 && value.is_finite())
            {
                let found = format!("{cap}, {mean} and {standard_deviation}");
                return Err(invalid(
                    &format!("task `{}`", task.name),
                    "positive numbers as its scale",
                    &found,
                ));
            }
            let is_number =
                |name: &String| self.tasks.iter().any(|task| task.name == *name && task.number.is_some());
            if task.after.as_ref().is_some_and(|after| task.number.is_some() || is_number(after)) {
                let place = format!("task `{}`", task.name);
                return Err(invalid(&place, "no `after` between a number and another task", "one"));
            }
            let Some(after) = &task.after else { continue };
            if !self.tasks[..index].iter().any(|earlier| earlier.name == *after) {
                let place = format!("task `{}`", task.name);
                return Err(invalid(&place, "`after` naming a task listed before it", &format!("`{after}`")));
            }
        }
        Ok(())
    }
}

impl CategoricalField {
    fn validate(&self) -> Result<(), EnvError> {
        let place = format!("field `{}`", self.name);
        if self.vocabulary_size == 0 {
            return Err(invalid(&place, "a vocabulary of at least 1 id (out of vocabulary)", "0"));
        }
        if self.n_values == 0 {
            return Err(invalid(&place, "n_values of at least 1", "0"));
        }
        Ok(())
    }
}

impl NumericField {
    fn validate(&self) -> Result<(), EnvError> {
        let place = format!("field `{}`", self.name);
        if !self.mean.is_finite() {
            return Err(invalid(&place, "a finite mean", &self.mean.to_string()));
        }
        if !(self.standard_deviation.is_finite() && self.standard_deviation > 0.0) {
            let found = self.standard_deviation.to_string();
            return Err(invalid(&place, "a positive standard deviation", &found));
        }
        Ok(())
    }
}

fn unique<'a>(place: &str, names: impl Iterator<Item = &'a String>) -> Result<(), EnvError> {
    let mut seen = HashSet::new();
    for name in names {
        if name.is_empty() {
            return Err(invalid(place, "names that are not empty", "an empty name"));
        }
        if !seen.insert(name) {
            return Err(invalid(place, "unique names", &format!("`{name}` twice")));
        }
    }
    Ok(())
}

fn invalid(place: &str, expected: &str, found: &str) -> EnvError {
    EnvError::Schema { place: place.into(), expected: expected.into(), found: found.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema(tasks: &[(&str, Option<&str>)]) -> Schema {
        let field =
            |name: &str, n_values| CategoricalField { name: name.into(), vocabulary_size: 5, n_values };
        let task = |&(name, after): &(&str, Option<&str>)| Task {
            name: name.into(),
            after: after.map(String::from),
            number: None,
        };
        Schema {
            categorical: vec![field("user", 1), field("tags", 3), field("item", 1)],
            numeric: vec![NumericField { name: "price".into(), mean: 2.0, standard_deviation: 0.5 }],
            tasks: tasks.iter().map(task).collect(),
        }
    }

    fn chain() -> Schema {
        schema(&[("click", None), ("cart", Some("click")), ("buy", Some("cart"))])
    }

    fn message(schema: &Schema) -> String {
        schema.validate().unwrap_err().to_string()
    }

    #[test]
    fn slots_follow_one_another() {
        let schema = chain();
        assert_eq!((schema.n_slots(), schema.n_numeric(), schema.n_tasks()), (5, 1, 3));
        assert_eq!([schema.slots(0), schema.slots(1), schema.slots(2)], [0..1, 1..4, 4..5]);
    }

    #[test]
    fn parents_are_indices_of_earlier_tasks() {
        assert_eq!(chain().parents(), [None, Some(0), Some(1)]);
        assert!(chain().is_chain());
        let fork = schema(&[("click", None), ("like", Some("click")), ("buy", Some("click"))]);
        assert_eq!(fork.parents(), [None, Some(0), Some(0)]);
        assert!(!fork.is_chain());
        assert!(!schema(&[("click", None), ("like", None)]).is_chain());
        assert!(schema(&[("click", None)]).is_chain());
    }

    #[test]
    fn a_valid_schema_survives_json() {
        let schema = chain();
        schema.validate().unwrap();
        let json = serde_json::to_string(&schema).unwrap();
        assert_eq!(serde_json::from_str::<Schema>(&json).unwrap(), schema);
    }

    #[test]
    fn what_is_wrong_is_named() {
        let backwards = schema(&[("buy", Some("click")), ("click", None)]);
        assert_eq!(
            message(&backwards),
            "schema: task `buy`: expected `after` naming a task listed before it, found `click`"
        );
        assert!(message(&schema(&[])).contains("tasks: expected at least one"));
        assert!(message(&schema(&[("click", None), ("click", None)])).contains("`click` twice"));

        let mut duplicate = chain();
        duplicate.numeric[0].name = "user".into();
        assert!(message(&duplicate).contains("features: expected unique names, found `user` twice"));
        let mut constant = chain();
        constant.numeric[0].standard_deviation = 0.0;
        assert!(
            message(&constant).contains("field `price`: expected a positive standard deviation, found 0")
        );
        let mut nothing = chain();
        nothing.categorical[1].vocabulary_size = 0;
        assert!(message(&nothing).contains("field `tags`"));
    }
}
