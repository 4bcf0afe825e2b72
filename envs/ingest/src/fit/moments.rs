//! Mean and standard deviation of the numeric fields over the training rows.

use rmtl_envs::{NumberScale, NumericField};

use crate::IngestError;
use crate::dataset_file::DatasetFile;
use crate::fit::exact_sum::ExactSum;
use crate::rows::Rows;
use crate::rows::canonical::name;
use crate::split::boundary::Boundaries;

/// The fields of a log, and the names of those whose training rows all have one value.
pub(crate) type Fitted = (Vec<NumericField>, Vec<String>);

/// Fits the fields `names`. Sums are exact, so the order in which rows come does not matter.
pub(crate) fn fit(rows: &dyn Rows, names: &[String], boundaries: Boundaries) -> Result<Fitted, IngestError> {
    let columns: Vec<String> = (0..names.len()).map(|field| format!("{}{field}", name::NUMERIC)).collect();
    let (mut constant, mut fields) = (Vec::new(), Vec::new());
    for (name, Moments { mean, variance, .. }) in names.iter().zip(moments(rows, &columns, boundaries)?) {
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

/// Fits the labels that are numbers, by task.
///
/// # Errors
/// No training row tells a scale.
pub(crate) fn scales(
    rows: &dyn Rows,
    file: &DatasetFile,
    boundaries: Boundaries,
    capped: &[u64],
) -> Result<Vec<Option<NumberScale>>, IngestError> {
    let tasks: Vec<usize> = file.number_tasks().collect();
    let columns: Vec<String> = tasks.iter().map(|task| format!("{}{task}", name::VALUE)).collect();
    let mut scales = vec![None; file.tasks.len()];
    for (&task, Moments { mean, variance, largest }) in tasks.iter().zip(moments(rows, &columns, boundaries)?)
    {
        let column = &file.tasks[task];
        if variance == 0.0 {
            let capped = if capped[task] > 0 { ", those above its `cap` taken for it" } else { "" };
            let found = format!("the same number in `{}` in all of them{capped}", column.label);
            let key = format!("tasks.{}.label", column.name);
            return Err(file.setting(key, "numbers that differ in the training rows", found));
        }
        let cap = column.cap.unwrap_or(largest);
        scales[task] = Some(NumberScale { cap, mean, standard_deviation: variance.sqrt() });
    }
    Ok(scales)
}

/// Whether any training row counts, in the precision of the table.
pub(crate) fn has_weight(rows: &dyn Rows, boundaries: Boundaries) -> Result<bool, IngestError> {
    let mut has_weight = false;
    rows.training_numbers(&[name::WEIGHT.to_owned()], boundaries, &mut |_, weight| {
        has_weight |= weight as f32 > 0.0;
    })?;
    Ok(has_weight)
}

/// What a column's training rows have in common.
#[derive(Clone, Copy, Debug)]
struct Moments {
    mean: f64,
    variance: f64,
    largest: f64,
}

/// Of columns without any number, 0.
fn moments(rows: &dyn Rows, columns: &[String], boundaries: Boundaries) -> Result<Vec<Moments>, IngestError> {
    if columns.is_empty() {
        return Ok(Vec::new());
    }
    let mut largest = vec![0.0; columns.len()];
    let means = averages(rows, columns, boundaries, |column, value| {
        largest[column] = f64::max(largest[column], value);
        value
    })?;
    let variances = averages(rows, columns, boundaries, |column, value| (value - means[column]).powi(2))?;
    let columns = means.iter().zip(&variances).zip(&largest);
    Ok(columns.map(|((&mean, &variance), &largest)| Moments { mean, variance, largest }).collect())
}

/// Per column, the average of `of(column, value)` over the training rows that have a value; 0 where none has.
fn averages(
    rows: &dyn Rows,
    columns: &[String],
    boundaries: Boundaries,
    mut of: impl FnMut(usize, f64) -> f64,
) -> Result<Vec<f64>, IngestError> {
    let mut sums = vec![(ExactSum::default(), 0_u64); columns.len()];
    rows.training_numbers(columns, boundaries, &mut |column, value| {
        let (sum, count) = &mut sums[column];
        sum.add(of(column, value));
        *count += 1;
    })?;
    Ok(sums.into_iter().map(|(sum, count)| sum.value() / count.max(1) as f64).collect())
}
