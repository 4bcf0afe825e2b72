//! Mean and standard deviation of the numeric fields over the training rows.

use datafusion::arrow::array::AsArray;
use datafusion::arrow::datatypes::Float64Type;
use datafusion::error::Result;
use datafusion::prelude::SessionContext;
use futures::StreamExt;
use rmtl_envs::{NumericField, Split};

use crate::boundary::Boundaries;
use crate::canonical::name;
use crate::exact_sum::ExactSum;

/// The fields of a log, and the names of those whose training rows all have one value.
pub(crate) type Fitted = (Vec<NumericField>, Vec<String>);

/// Fits the fields `names`. Sums are exact, so the order in which rows come does not matter.
pub(crate) async fn fit(
    context: &SessionContext,
    names: &[String],
    boundaries: Boundaries,
) -> Result<Fitted> {
    let (mut constant, mut fields) = (Vec::new(), Vec::new());
    if names.is_empty() {
        return Ok((fields, constant));
    }
    let means = averages(context, names.len(), boundaries, |_, value| value).await?;
    let squares = |field: usize, value: f64| (value - means[field]).powi(2);
    let variances = averages(context, names.len(), boundaries, squares).await?;
    for ((name, &mean), variance) in names.iter().zip(&means).zip(variances) {
        let deviation = variance.sqrt();
        if deviation == 0.0 {
            constant.push(name.clone());
        }
        // A constant field is merely centred: dividing by its deviation is not possible.
        let standard_deviation = if deviation == 0.0 { 1.0 } else { deviation };
        fields.push(NumericField { name: name.clone(), mean, standard_deviation });
    }
    Ok((fields, constant))
}

/// Per field, the average of `of(field, value)` over the training rows that have a value; 0 where none has.
async fn averages(
    context: &SessionContext,
    n_fields: usize,
    boundaries: Boundaries,
    of: impl Fn(usize, f64) -> f64,
) -> Result<Vec<f64>> {
    let mut sums = vec![(ExactSum::default(), 0_u64); n_fields];
    let columns: Vec<String> = (0..n_fields).map(|field| format!("{}{field}", name::NUMERIC)).collect();
    let (columns, train) = (columns.join(", "), boundaries.condition(Split::Train));
    let query = format!("SELECT {columns} FROM {} WHERE {train}", name::ROWS);
    let mut stream = context.sql(&query).await?.execute_stream().await?;
    while let Some(batch) = stream.next().await {
        for (field, column) in batch?.columns().iter().enumerate() {
            let (sum, count) = &mut sums[field];
            for value in column.as_primitive::<Float64Type>().iter().flatten() {
                sum.add(of(field, value));
                *count += 1;
            }
        }
    }
    Ok(sums.into_iter().map(|(sum, count)| sum.value() / count.max(1) as f64).collect())
}
