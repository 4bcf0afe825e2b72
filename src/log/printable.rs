//! Text for a terminal: what stands in somebody's log must neither steer it nor fill it.

use std::borrow::Cow;
use std::fmt::Write;

/// Characters of a message that are shown from its beginning; what to do often stands at its end.
const FIRST: usize = 3000;

/// Characters that are shown from its end.
const LAST: usize = 500;

/// A message as it may be shown: without raw control characters, and of a length that somebody reads.
pub(crate) fn printable(message: &str) -> Cow<'_, str> {
    let mut starts = message.char_indices().map(|(start, _)| start);
    let (Some(head), true) = (starts.nth(FIRST), starts.nth(LAST).is_some()) else {
        return escaped(message);
    };
    let tail = message.char_indices().rev().nth(LAST - 1).map_or(head, |(start, _)| start);
    let left_out = message[head..tail].chars().count();
    let (head, tail) = (escaped(&message[..head]), escaped(&message[tail..]));
    Cow::Owned(format!("{head} … ({left_out} characters more) … {tail}"))
}

/// The same of any length. Line feeds and tabs stay what they are.
pub(crate) fn escaped(text: &str) -> Cow<'_, str> {
    if !text.contains(steers) {
        return Cow::Borrowed(text);
    }
    let mut plain = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        if steers(character) {
            write!(plain, "{}", character.escape_default()).expect("a text takes any character");
        } else {
            plain.push(character);
        }
    }
    Cow::Owned(plain)
}

/// Control characters, and those that turn the direction of what follows.
fn steers(character: char) -> bool {
    (character.is_control() && !['\n', '\t'].contains(&character))
        || matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_steers_a_terminal_is_spelt_out_and_everything_else_stays() {
        assert_eq!(printable("\u{1b}[31mred\u{7}\r"), "\\u{1b}[31mred\\u{7}\\r");
        assert_eq!(printable("\u{9b}2J\u{202e}x"), "\\u{9b}2J\\u{202e}x", "controls beyond ASCII");
        let plain = "é ― line 1\n\tline 2 \u{1f600}";
        assert!(matches!(printable(plain), Cow::Borrowed(text) if text == plain));
    }

    #[test]
    fn a_long_message_keeps_its_beginning_and_its_end() {
        let whole = "é".repeat(FIRST + LAST);
        assert_eq!(printable(&whole), whole);
        let long = format!("begin{}end", "é".repeat(20_000_000));
        let shown = printable(&long);
        assert!(shown.starts_with("beginé") && shown.ends_with("éend"), "{shown}");
        assert!(shown.contains(&format!(" … ({} characters more) … ", 20_000_008 - FIRST - LAST)), "{shown}");
        assert!(shown.chars().count() < FIRST + LAST + 50);
        let controls = "\u{1b}".repeat(10_000);
        assert!(!printable(&controls).contains('\u{1b}'), "on both sides of the cut");
    }
}
