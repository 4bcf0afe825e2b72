//! Bars of characters.

/// Eighths of a character, from one on.
const EIGHTHS: [char; 7] = ['▏', '▎', '▍', '▌', '▋', '▊', '▉'];

/// A bar for `value` of at most `most`, which fills `width` characters.
pub(super) fn bar(value: f64, most: f64, width: usize) -> String {
    let share = if most > 0.0 { (value / most).clamp(0.0, 1.0) } else { 0.0 };
    let eighths = (share * 8.0 * width as f64).round() as usize;
    let mut text = "█".repeat(eighths / 8);
    text.extend(eighths.checked_rem(8).filter(|rest| *rest > 0).map(|rest| EIGHTHS[rest - 1]));
    text
}

#[cfg(test)]
mod tests {
    use super::bar;

    #[test]
    fn eighths_by_hand() {
        assert_eq!(bar(1.0, 1.0, 3), "███");
        // 0.4 · 24 = 9.6, rounded to 10 eighths: one and two.
        assert_eq!(bar(0.4, 1.0, 3), "█▎");
        assert_eq!([bar(0.0, 1.0, 3), bar(1.0, 0.0, 3), bar(f64::NAN, 1.0, 3)], ["", "", ""]);
        assert_eq!(bar(2.0, 1.0, 2), "██", "what is more than the most fills it");
    }
}
