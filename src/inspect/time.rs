//! Times for people.

/// Seconds of a day.
const DAY: i64 = 86_400;

/// Years 1990 to 2100 in seconds since 1970: times in between are taken for dates, in the unit they fit.
const SECONDS: std::ops::Range<i64> = 631_152_000..4_102_444_800;

/// Day and minute (UTC) where `time` counts seconds, milliseconds, microseconds or nanoseconds since 1970, else the number.
pub(super) fn shown(time: i64) -> String {
    let unit = [1, 1_000, 1_000_000, 1_000_000_000].into_iter().find(|unit| SECONDS.contains(&(time / unit)));
    let Some(unit) = unit else { return time.to_string() };
    let seconds = time / unit;
    let (year, month, day) = date(seconds.div_euclid(DAY));
    let minutes = seconds.rem_euclid(DAY) / 60;
    format!("{year}-{month:02}-{day:02} {:02}:{:02}", minutes / 60, minutes % 60)
}

/// Year, month and day of a day since 1970: Howard Hinnant's `civil_from_days`, for days after 0000-03-01
/// (<https://howardhinnant.github.io/date_algorithms.html>).
fn date(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_by_the_calendar() {
        assert_eq!(date(0), (1970, 1, 1));
        assert_eq!(date(11_016), (2000, 2, 29));
        assert_eq!(date(11_017), (2000, 3, 1));
        // 1,649,376,000 s is 2022-04-08 00:00 UTC.
        for (time, expected) in [
            (1_649_376_000, "2022-04-08 00:00"),
            (1_649_379_660_000, "2022-04-08 01:01"),
            (1_649_376_000_000_000, "2022-04-08 00:00"),
            (17, "17"),
            (-5, "-5"),
        ] {
            assert_eq!(shown(time), expected);
        }
    }
}
