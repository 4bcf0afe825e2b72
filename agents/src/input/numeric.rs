//! Numeric columns: projected into one more field, or log-rounded into categories.

use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::{Device, Tensor};
use rmtl_envs::{CategoricalField, Schema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::input::StateBatch;
use crate::layer::linear;
use crate::stream::Stream;

/// Log-rounded values beyond this count as this: |x| of about 6.7e9.
const LARGEST_BUCKET: i32 = 512;

/// How numeric columns become fields.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NumericEncoding {
    /// All columns together are one field, `Linear(numeric → dim)` of the standardised values.
    #[default]
    Linear,
    /// Each column is a field of categories `sign(x) · round(ln(1 + |x|)²)` of the raw value x (APEM).
    /// [`EncoderConfig::logarithms`](crate::input::EncoderConfig::logarithms) names columns that are that logarithm already.
    LogRound,
}

impl NumericEncoding {
    /// The columns as the networks see them.
    pub fn schema(self, schema: &Schema) -> Schema {
        let mut schema = schema.clone();
        if self == Self::LogRound {
            schema.categorical.extend(schema.numeric.drain(..).map(|field| CategoricalField {
                name: field.name,
                // Id 0 stays out of vocabulary, as in every field.
                vocabulary_size: 2 * LARGEST_BUCKET as u32 + 2,
                n_values: 1,
            }));
        }
        schema
    }
}

/// Turns the numeric columns of a batch into category ids.
///
/// A batch holds standardised values in single precision; the raw value is taken back from them, so columns whose mean
/// is a million times the values of interest lose the smallest buckets.
#[derive(Clone, Debug)]
pub(crate) struct LogRound {
    columns: Vec<Column>,
    n_slots: usize,
}

/// A numeric column.
#[derive(Clone, Copy, Debug)]
struct Column {
    mean: f64,
    standard_deviation: f64,
    /// Whether its values are `sign(x) · ln(1 + |x|)`.
    is_logarithm: bool,
}

impl Column {
    /// Category id of a standardised value.
    fn id(&self, z: f32) -> u32 {
        let value = f64::from(z) * self.standard_deviation + self.mean;
        bucket(if self.is_logarithm { value } else { value.abs().ln_1p().copysign(value) })
    }
}

impl LogRound {
    /// Of the numeric columns of `schema`, those called `logarithms` being logarithms.
    pub(crate) fn new(schema: &Schema, logarithms: &[String]) -> Self {
        let column = |field: &rmtl_envs::NumericField| Column {
            mean: field.mean,
            standard_deviation: field.standard_deviation,
            is_logarithm: logarithms.contains(&field.name),
        };
        Self { columns: schema.numeric.iter().map(column).collect(), n_slots: schema.n_slots() }
    }

    /// `[batch, slot + numeric]`: every row's ids, then its numeric columns as ids.
    pub(crate) fn ids(&self, batch: &StateBatch) -> Vec<u32> {
        let n_numeric = self.columns.len();
        let mut ids = Vec::with_capacity(batch.ids.len() + batch.numeric.len());
        for row in 0..batch.n_rows {
            ids.extend_from_slice(&batch.ids[row * self.n_slots..(row + 1) * self.n_slots]);
            let values = &batch.numeric[row * n_numeric..(row + 1) * n_numeric];
            ids.extend(values.iter().zip(&self.columns).map(|(&z, column)| column.id(z)));
        }
        ids
    }
}

/// Category id of a raw value x, given `sign(x) · ln(1 + |x|)`.
fn bucket(logarithm: f64) -> u32 {
    let size = logarithm.powi(2).round().min(f64::from(LARGEST_BUCKET)) as i32;
    let signed = if logarithm < 0.0 { -size } else { size };
    (signed + LARGEST_BUCKET + 1) as u32
}

/// The numeric columns as one more field, `Linear(numeric → dim)`; nothing where there are none.
#[derive(Module, Debug)]
pub struct NumericField {
    projection: Option<Linear>,
}

impl NumericField {
    /// A projection to `dim` where the schema has numeric columns.
    pub fn new(schema: &Schema, dim: usize, stream: &mut Stream, device: &Device) -> Self {
        let n = schema.n_numeric();
        Self { projection: (n > 0).then(|| linear(n, dim, stream, device)) }
    }

    /// The batch's columns `[batch, numeric]` for [`NumericField::append`], where they are projected.
    pub fn input(&self, batch: &StateBatch) -> Option<Tensor<2>> {
        let weight = self.projection.as_ref()?.weight.val();
        Some(batch.numeric_tensor(weight.dims()[0], &weight.device()))
    }

    /// # Shapes
    /// - fields: `[batch, field, dim]`
    /// - numeric: `[batch, numeric]`
    /// - output: `[batch, field + 1, dim]`, or `fields` as they are
    pub fn append(&self, fields: Tensor<3>, numeric: Option<&Tensor<2>>) -> Tensor<3> {
        let (Some(projection), Some(numeric)) = (&self.projection, numeric) else { return fields };
        let field = projection.forward(numeric.clone()).unsqueeze_dim::<3>(1);
        Tensor::cat(vec![fields, field], 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rmtl_envs::{NumericField as NumericColumn, Task};

    fn schema() -> Schema {
        let numeric = |name: &str, mean, standard_deviation| NumericColumn {
            name: name.into(),
            mean,
            standard_deviation,
        };
        Schema {
            categorical: vec![CategoricalField { name: "user".into(), vocabulary_size: 3, n_values: 2 }],
            numeric: vec![numeric("price", 10.0, 5.0), numeric("change", 0.0, 100.0)],
            tasks: vec![Task { name: "click".into(), after: None, number: None }],
        }
    }

    #[test]
    fn buckets_by_hand() {
        // ln(1 + 0) = 0; ln(2)² = 0.48; ln(4)² = 1.92; ln(101)² = 21.3
        let found = [0.0, 1.0, 3.0, -3.0, 100.0, -100.0].map(|x| raw(x) as i32 - LARGEST_BUCKET - 1);
        assert_eq!(found, [0, 0, 2, -2, 21, -21]);
        assert_eq!([raw(-1e30), raw(1e30)], [1, 2 * LARGEST_BUCKET as u32 + 1]);
    }

    /// Of a column that is not standardised.
    fn raw(x: f32) -> u32 {
        Column { mean: 0.0, standard_deviation: 1.0, is_logarithm: false }.id(x)
    }

    #[test]
    fn of_a_logarithm_no_logarithm_is_taken() {
        let logarithm = Column { mean: 1.0, standard_deviation: 2.0, is_logarithm: true };
        for x in [0.0_f64, 100.0, -100.0, 5_000.0, 895_000.0] {
            let value = x.abs().ln_1p().copysign(x);
            assert_eq!(logarithm.id(((value - 1.0) / 2.0) as f32), raw(x as f32), "{x}");
        }
        // Of 5 s and 15 min in milliseconds: ln(5,001)² = 72.5, ln(900,001)² = 188; the logarithm of a logarithm is 5 and 7.
        assert_eq!([raw(5_000.0), raw(900_000.0)].map(|id| id as i32 - LARGEST_BUCKET - 1), [73, 188]);
    }

    #[test]
    fn numeric_columns_become_fields_behind_the_others() {
        let seen = NumericEncoding::LogRound.schema(&schema());
        let names: Vec<&str> = seen.categorical.iter().map(|field| field.name.as_str()).collect();
        assert_eq!((names, seen.n_numeric()), (vec!["user", "price", "change"], 0));
        assert_eq!(NumericEncoding::Linear.schema(&schema()), schema());

        // Prices 20 and 10, changes −100 and 0.
        let batch = StateBatch::new(vec![1, 2, 0, 1], vec![2.0, -1.0, 0.0, 0.0], 2);
        let zero = LARGEST_BUCKET as u32 + 1;
        let expected = [1, 2, zero + 9, zero - 21, 0, 1, zero + 6, zero];
        assert_eq!(LogRound::new(&schema(), &[]).ids(&batch), expected);
        // 20 and 10 as logarithms: squared.
        let expected = [1, 2, zero + 400, zero - 21, 0, 1, zero + 100, zero];
        assert_eq!(LogRound::new(&schema(), &["price".into()]).ids(&batch), expected);
    }
}
