//! The pause that ends a session, in the unit of the log's times.

use arrow_schema::DataType;

use super::profile::Profile;

/// Pauses to choose from, in seconds, and as a dataset file has them where times are timestamps.
const GAPS: [(i64, &str); 4] = [(1_800, "30min"), (3_600, "1h"), (21_600, "6h"), (86_400, "24h")];

/// Rows a session should have.
const MIN_ROWS: f64 = 3.0;

/// Years 1990 to 2100 in seconds since 1970.
const SECONDS: std::ops::Range<i64> = 631_152_000..4_102_444_800;

/// Units of times since 1970, per second.
const UNITS: [(i64, &str); 4] =
    [(1, "seconds"), (1_000, "milliseconds"), (1_000_000, "microseconds"), (1_000_000_000, "nanoseconds")];

/// How many units of `time` make a second, and what they are called; none where the values are not times since 1970. Times that
/// are no integers are stored in milliseconds.
pub(super) fn unit(time: &Profile) -> Option<(i64, &'static str)> {
    let times = time.times.as_ref()?;
    if !time.data_type.is_integer() {
        return Some(UNITS[1]);
    }
    UNITS.into_iter().find(|(unit, _)| {
        let mut known = times.iter().flatten().peekable();
        known.peek().is_some() && known.all(|time| SECONDS.contains(&(time / unit)))
    })
}

/// The shortest pause that leaves sessions their rows, as a dataset file has it, and why; none where nobody knows the unit.
pub(super) fn of(key: &Profile, time: &Profile) -> Option<(String, String)> {
    let (unit, _) = unit(time)?;
    let keys = key.texts.as_ref()?;
    let times = time.times.as_ref()?;
    let mut rows: Vec<(&str, i64)> =
        keys.iter().zip(times).filter_map(|(key, time)| Some((key?, (*time)?))).collect();
    rows.sort_unstable();
    let mean_rows = |gap: i64| {
        let ends =
            rows.windows(2).filter(|pair| pair[0].0 != pair[1].0 || pair[1].1 - pair[0].1 > gap * unit);
        rows.len() as f64 / (ends.count() + 1) as f64
    };
    let long_enough = GAPS.into_iter().find(|(gap, _)| mean_rows(*gap) >= MIN_ROWS);
    let (gap, text) = long_enough.unwrap_or(GAPS[GAPS.len() - 1]);
    let written = match time.data_type {
        DataType::Timestamp(..) | DataType::Date32 | DataType::Date64 => format!("\"{text}\""),
        _ => (gap * unit).to_string(),
    };
    Some((written, format!("sessions end after {text} without a row, {:.1} rows each", mean_rows(gap))))
}
