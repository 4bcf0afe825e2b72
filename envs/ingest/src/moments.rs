//! Mean and standard deviation of the numeric fields over the training rows.

use datafusion::arrow::array::AsArray;
use datafusion::arrow::datatypes::Float64Type;
use datafusion::error::Result;
use datafusion::prelude::SessionContext;
use futures::StreamExt;
use rmtl_envs::{NumberScale, NumericField, Split};

use crate::boundary::Boundaries;
use crate::canonical::name;
use crate::dataset_file::DatasetFile;
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
    let columns: Vec<String> = (0..names.len()).map(|field| format!("{}{field}", name::NUMERIC)).collect();
    let (means, variances) = moments(context, &columns, boundaries).await?;
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

/// Fits the labels that are numbers, by task; the error is the task of which no training row tells a scale.
pub(crate) async fn scales(
    context: &SessionContext,
    file: &DatasetFile,
    boundaries: Boundaries,
) -> Result<Result<Vec<Option<NumberScale>>, usize>> {
    let tasks: Vec<usize> = file.number_tasks().collect();
    let mut scales = vec![None; file.tasks.len()];
    if tasks.is_empty() {
        return Ok(Ok(scales));
    }
    let columns: Vec<String> = tasks.iter().map(|task| format!("{}{task}", name::VALUE)).collect();
    let (means, variances) = moments(context, &columns, boundaries).await?;
    let largest: Vec<String> = columns.iter().map(|column| format!("max({column})")).collect();
    let (largest, train) = (largest.join(", "), boundaries.condition(Split::Train));
    let query = format!("SELECT {largest} FROM {} WHERE {train}", name::ROWS);
    let batches = context.sql(&query).await?.collect().await?;
    let batch = batches.iter().find(|batch| batch.num_rows() == 1).expect("an aggregate yields one row");
    for (index, &task) in tasks.iter().enumerate() {
        let largest = batch.column(index).as_primitive::<Float64Type>().value(0);
        let cap = file.tasks[task].cap.unwrap_or(largest);
        if variances[index] == 0.0 {
            return Ok(Err(task));
        }
        scales[task] =
            Some(NumberScale { cap, mean: means[index], standard_deviation: variances[index].sqrt() });
    }
    Ok(Ok(scales))
}

/// Whether any training row counts, in the precision of the table.
pub(crate) async fn has_weight(context: &SessionContext, boundaries: Boundaries) -> Result<bool> {
    let as_stored = |_, value| f64::from(value as f32);
    let average = averages(context, &[name::WEIGHT.to_owned()], boundaries, as_stored).await?;
    Ok(average[0] > 0.0)
}

/// Means and variances of columns over the training rows.
async fn moments(
    context: &SessionContext,
    columns: &[String],
    boundaries: Boundaries,
) -> Result<(Vec<f64>, Vec<f64>)> {
    let means = averages(context, columns, boundaries, |_, value| value).await?;
    let squares = |field: usize, value: f64| (value - means[field]).powi(2);
    let variances = averages(context, columns, boundaries, squares).await?;
    Ok((means, variances))
}

/// Per column, the average of `of(field, value)` over the training rows that have a value; 0 where none has.
async fn averages(
    context: &SessionContext,
    columns: &[String],
    boundaries: Boundaries,
    of: impl Fn(usize, f64) -> f64,
) -> Result<Vec<f64>> {
    let mut sums = vec![(ExactSum::default(), 0_u64); columns.len()];
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
