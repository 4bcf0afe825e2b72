//! What a backbone is built for.

use rmtl_envs::Schema;

/// What a backbone is built for.
#[derive(Clone, Debug, PartialEq)]
pub struct Input {
    /// The fields of a view in their order, the numeric one and that of an interaction included.
    pub fields: Vec<InputField>,
    /// Embedding dimension d.
    pub dim: usize,
    /// Names of the tasks.
    pub tasks: Vec<String>,
    /// For every task, the task it depends on. A parent stands before its child.
    pub parents: Vec<Option<usize>>,
    /// Share of every task's positives among the training rows, inside (0, 1), where an untrained network is to predict it;
    /// along a chain they are cumulative, as the labels are. Absent = output biases stay as they are drawn, p ≈ ½.
    pub base_rates: Option<Vec<f64>>,
}

/// A field of a view.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputField {
    /// Its name in the dataset file; of projected numeric columns, which are one field together, `numeric`; of the
    /// pooled products of the others, `interaction`.
    pub name: String,
    /// Where its values come from.
    pub kind: FieldKind,
}

/// Where the values of a field come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldKind {
    /// The embedding of an id.
    Categorical,
    /// The mean embedding of several ids.
    MultiValued,
    /// All numeric columns, projected.
    Numeric,
    /// What the fields before it have in common, see [`crate::interaction`].
    Interaction,
}

/// Whose a view is: its tables, and the projection of numeric columns beside them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ViewRole {
    /// All tasks learn it together: gradient-based weightings balance them there.
    Shared,
    /// One task's own: no other task's gradient reaches it.
    Task(usize),
}

impl Input {
    /// Of a log of which a view shows the categorical fields of `seen`, and its numeric columns as one field more.
    pub fn new(seen: &Schema, dim: usize, base_rates: Option<Vec<f64>>) -> Self {
        let categorical = seen.categorical.iter().map(|field| InputField {
            name: field.name.clone(),
            kind: if field.n_values > 1 { FieldKind::MultiValued } else { FieldKind::Categorical },
        });
        let numeric = InputField { name: "numeric".into(), kind: FieldKind::Numeric };
        Self {
            fields: categorical.chain((seen.n_numeric() > 0).then_some(numeric)).collect(),
            dim,
            tasks: seen.tasks.iter().map(|task| task.name.clone()).collect(),
            parents: seen.parents(),
            base_rates,
        }
    }

    /// Of `n_fields` categorical fields without names that matter, for tests and benches.
    pub fn unnamed(n_fields: usize, dim: usize, parents: &[Option<usize>]) -> Self {
        let field = |index| InputField { name: format!("field_{index}"), kind: FieldKind::Categorical };
        Self {
            fields: (0..n_fields).map(field).collect(),
            dim,
            tasks: (0..parents.len()).map(|index| format!("task_{index}")).collect(),
            parents: parents.to_vec(),
            base_rates: None,
        }
    }

    /// Number of fields F of a view.
    pub fn n_fields(&self) -> usize {
        self.fields.len()
    }

    /// Number of tasks K.
    pub fn n_tasks(&self) -> usize {
        self.parents.len()
    }

    /// Width of the flattened fields.
    pub fn width(&self) -> usize {
        self.n_fields().saturating_mul(self.dim)
    }

    /// Where the field called `name` stands.
    ///
    /// # Errors
    /// There is none; the message is for the author of the run file's key `key`.
    pub fn field(&self, key: &str, name: &str) -> Result<usize, String> {
        self.fields.iter().position(|field| field.name == name).ok_or_else(|| {
            let names: Vec<&str> = self.fields.iter().map(|field| field.name.as_str()).collect();
            format!("`{key}`: this dataset has no field `{name}`; it has {}", names.join(", "))
        })
    }

    /// The logits of the base rates, of each task given the one before it where `conditional`: where output biases start.
    pub fn initial_logits(&self, conditional: bool) -> Option<Vec<f32>> {
        let rates = self.base_rates.as_ref()?;
        let logit = |(task, parent): (usize, &Option<usize>)| {
            let given = parent.filter(|_| conditional).map_or(1.0, |parent| rates[parent]);
            // Every positive of the parent may be one of the task.
            let rate = (rates[task] / given).min(LARGEST_RATE);
            (rate / (1.0 - rate)).ln() as f32
        };
        Some(self.parents.iter().enumerate().map(logit).collect())
    }
}

/// A probability near to which an untrained network may start.
const LARGEST_RATE: f64 = 0.999;
