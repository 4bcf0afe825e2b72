//! Memory that is about to be asked for, against what there is: more than there is ends a process without a word, so it
//! is refused before, with what asks for how much.

mod limit;

use std::fmt;
use std::path::Path;

/// A part of what is about to be asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemoryDemand {
    /// What it is for: `the critics' embedding tables`.
    pub what: String,
    /// How much.
    pub bytes: u64,
    /// What makes it less: "`encoder.dim`".
    pub lower: String,
}

/// More memory than this process may use.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct TooMuchMemory {
    /// Who asks.
    subject: String,
    /// The largest first.
    demands: Vec<MemoryDemand>,
    available: u64,
}

/// Demands below this share of the whole are not worth naming.
const NAMED_SHARE: f64 = 0.05;

/// Adds up `demands` and refuses them where they are more than `available`; gives the sum.
///
/// # Errors
/// They are more; nothing has been asked for.
pub fn check_memory(
    subject: &str,
    mut demands: Vec<MemoryDemand>,
    available: Option<u64>,
) -> Result<u64, TooMuchMemory> {
    let total = total(&demands);
    match available {
        Some(available) if total > available => {
            demands.sort_by_key(|demand| std::cmp::Reverse(demand.bytes));
            Err(TooMuchMemory { subject: subject.into(), demands, available })
        }
        _ => Ok(total),
    }
}

fn total(demands: &[MemoryDemand]) -> u64 {
    demands.iter().fold(0, |sum, demand| sum.saturating_add(demand.bytes))
}

impl fmt::Display for TooMuchMemory {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = total(&self.demands);
        let (needed, available) = (format_bytes(all), format_bytes(self.available));
        write!(formatter, "{} needs at least {needed} of memory, and {available} are there: ", self.subject)?;
        let named = self.demands.iter().filter(|demand| demand.bytes as f64 >= NAMED_SHARE * all as f64);
        let parts = named.map(|MemoryDemand { what, bytes, lower }| {
            format!("{} for {what}, lower {lower}", format_bytes(*bytes))
        });
        formatter.write_str(&parts.collect::<Vec<_>>().join("; "))
    }
}

/// Bytes of as many numbers of 4 bytes as the product of `sizes`; `u64::MAX` where there are more.
pub fn bytes_of(sizes: &[usize]) -> u64 {
    sizes.iter().fold(4, |bytes: u64, &size| bytes.saturating_mul(size as u64))
}

/// In units people read, powers of 1000.
pub fn format_bytes(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["kB", "MB", "GB", "TB", "PB", "EB"];
    if bytes < 1000 {
        return format!("{bytes} bytes");
    }
    let mut scaled = bytes as f64 / 1e3;
    let mut unit = 0;
    while scaled >= 999.95 && unit + 1 < UNITS.len() {
        scaled /= 1e3;
        unit += 1;
    }
    format!("{scaled:.1} {}", UNITS[unit])
}

/// Memory this process may use, where the system tells (Linux): the machine's, the share of it that its control groups have, or
/// less where its address space is limited (`ulimit -v`).
pub fn available_memory() -> Option<u64> {
    limit::least(Path::new("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn demand(what: &str, bytes: u64) -> MemoryDemand {
        MemoryDemand { what: what.into(), bytes, lower: format!("`{what}`") }
    }

    #[test]
    fn what_fits_is_added_up_and_what_does_not_names_its_largest_parts_first() {
        let demands = || {
            vec![demand("small", 10_000_000), demand("dim", 2_000_000_000), demand("width", 8_000_000_000)]
        };
        assert_eq!(check_memory("this", demands(), Some(10_010_000_000)), Ok(10_010_000_000));
        assert_eq!(check_memory("this", demands(), None), Ok(10_010_000_000), "nobody tells");
        let message = check_memory("this run", demands(), Some(10_009_999_999)).unwrap_err().to_string();
        assert_eq!(
            message,
            "this run needs at least 10.0 GB of memory, and 10.0 GB are there: 8.0 GB for width, lower `width`; 2.0 GB for \
             dim, lower `dim`"
        );
    }

    #[test]
    fn sizes_whose_product_is_no_number_ask_for_more_than_there_is() {
        assert_eq!(bytes_of(&[3, 5]), 60);
        assert_eq!(bytes_of(&[usize::MAX, 0]), 0);
        assert_eq!(bytes_of(&[usize::MAX, usize::MAX]), u64::MAX);
        let demands = vec![demand("a", u64::MAX), demand("b", u64::MAX)];
        assert!(check_memory("this", demands, Some(u64::MAX - 1)).is_err());
    }

    #[test]
    fn bytes_in_words() {
        for (bytes, words) in [
            (999, "999 bytes"),
            (1_000, "1.0 kB"),
            (262_144_000_000, "262.1 GB"),
            (999_960_000, "1.0 GB"),
            (u64::MAX, "18.4 EB"),
        ] {
            assert_eq!(format_bytes(bytes), words);
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_machine_tells_what_it_has() {
        let available = available_memory().unwrap();
        assert!(available > 1 << 27 && available < 1 << 47, "{available}");
    }
}
