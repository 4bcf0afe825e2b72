//! Mean and standard deviation of the numeric fields over the training rows.

use datafusion::arrow::array::AsArray;
use datafusion::arrow::datatypes::Float64Type;
use datafusion::error::Result;
use datafusion::prelude::SessionContext;
use futures::StreamExt;
use rmtl_envs::{NumericField, Split};

use crate::boundary::Boundaries;
use crate::canonical::name;

/// The fields of a log, and the names of those whose training rows all have one value.
pub(crate) type Fitted = (Vec<NumericField>, Vec<String>);

/// Fits the fields `names`. `context` must read rows in order: floating-point sums depend on it.
pub(crate) async fn fit(
    context: &SessionContext,
    names: &[String],
    boundaries: Boundaries,
) -> Result<Fitted> {
    let mut moments = vec![Moments::default(); names.len()];
    if !names.is_empty() {
        let columns: Vec<String> =
            (0..names.len()).map(|field| format!("{}{field}", name::NUMERIC)).collect();
        let train = boundaries.condition(Split::Train);
        let query = format!("SELECT {} FROM rows WHERE {train}", columns.join(", "));
        let mut stream = context.sql(&query).await?.execute_stream().await?;
        while let Some(batch) = stream.next().await {
            for (moments, column) in moments.iter_mut().zip(batch?.columns()) {
                column.as_primitive::<Float64Type>().iter().flatten().for_each(|value| moments.add(value));
            }
        }
    }
    let mut constant = Vec::new();
    let mut fields = Vec::new();
    for (name, moments) in names.iter().zip(moments) {
        let deviation = moments.standard_deviation();
        if deviation == 0.0 {
            constant.push(name.clone());
        }
        // A constant field is merely centred: dividing by its deviation is not possible.
        let standard_deviation = if deviation == 0.0 { 1.0 } else { deviation };
        fields.push(NumericField { name: name.clone(), mean: moments.mean, standard_deviation });
    }
    Ok((fields, constant))
}

/// Welford's running mean and sum of squared deviations.
#[derive(Clone, Copy, Debug, Default)]
struct Moments {
    count: f64,
    mean: f64,
    squares: f64,
}

impl Moments {
    fn add(&mut self, value: f64) {
        self.count += 1.0;
        let deviation = value - self.mean;
        self.mean += deviation / self.count;
        self.squares += deviation * (value - self.mean);
    }

    /// Of the rows themselves, not an estimate for others: divided by their number.
    fn standard_deviation(&self) -> f64 {
        if self.count == 0.0 { 0.0 } else { (self.squares / self.count).sqrt() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_by_hand_far_from_zero() {
        let mut moments = Moments::default();
        for value in [1e9 + 2.0, 1e9 + 4.0, 1e9 + 4.0, 1e9 + 6.0] {
            moments.add(value);
        }
        assert_eq!(moments.mean, 1e9 + 4.0);
        // The mean of squares less the square of the mean would have no correct digit here.
        assert!((moments.standard_deviation() - 2f64.sqrt()).abs() < 1e-6);
        assert_eq!(Moments::default().standard_deviation(), 0.0);
    }
}
