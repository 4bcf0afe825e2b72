//! TOML files that people write: strict, with messages that point at the line and name the nearest valid key.

use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use thiserror::Error;

use crate::nearest::{nearest, suggestion};

/// A TOML file that does not say what it should.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{}:{line}: {message}", path.display())]
pub struct TomlError {
    /// The file.
    pub path: PathBuf,
    /// Line, from 1.
    pub line: usize,
    /// What was expected and found.
    pub message: String,
}

/// Reads `text`, which stands in the file `path`.
///
/// # Errors
/// The text is not TOML, or not a `T`; an unknown key or variant comes with the nearest valid one.
pub fn parse<T: DeserializeOwned>(text: &str, path: &Path) -> Result<T, TomlError> {
    toml::from_str(text).map_err(|error| {
        let start = error.span().map_or(0, |span| span.start);
        // serde reports some unknown keys at the head of their table: look for the key from there on.
        let within = unknown(error.message()).and_then(|unknown| find_word(&text[start..], unknown.name));
        let line = 1 + text[..start + within.unwrap_or(0)].matches('\n').count();
        TomlError { path: path.into(), line, message: explain(error.message()) }
    })
}

/// serde's message in one line, with the nearest valid name where something is unknown.
pub fn explain(message: &str) -> String {
    match unknown(message) {
        Some(Unknown { what, name, expected }) => {
            let names = expected.split('`').skip(1).step_by(2);
            let likely = suggestion(nearest(name, names));
            format!("unknown {what} `{name}`{likely}; expected {expected}")
        }
        None => in_words(&message.trim().replace('\n', "; ")),
    }
}

/// serde's terms in those of people who write run files.
fn in_words(message: &str) -> String {
    const CHOICE: &str = "expected exactly one choice, found";
    if message.contains("unit variant, expected") {
        return "found a name where a table of settings is expected; write `name = {}` for its defaults"
            .into();
    }
    if message.contains("wanted exactly 1 element, found 0") {
        return format!("{CHOICE} none");
    }
    if message.contains("wanted exactly 1 element, more than 1") {
        return format!("{CHOICE} several; keep one");
    }
    match message.split_once("expected ") {
        Some((found, expected)) => {
            let expected = match expected {
                "usize" | "u64" | "u32" => "a whole number, not negative",
                "f64" | "f32" => "a number",
                structure if structure.starts_with("struct ") => "a table of settings",
                other => other,
            };
            format!("{found}expected {expected}")
        }
        None => message.into(),
    }
}

/// What serde says of an unknown field or variant.
struct Unknown<'a> {
    /// `key` or `value`.
    what: &'static str,
    name: &'a str,
    /// The list of valid names.
    expected: &'a str,
}

fn unknown(message: &str) -> Option<Unknown<'_>> {
    let kinds = [("key", "unknown field `"), ("value", "unknown variant `")];
    let (what, (_, rest)) =
        kinds.into_iter().find_map(|(what, start)| Some((what, message.split_once(start)?)))?;
    let (name, rest) = rest.split_once('`')?;
    let (_, expected) = rest.split_once("expected ")?;
    Some(Unknown { what, name, expected: expected.trim() })
}

/// Where `word` stands in `text` other than as a part of a longer one.
fn find_word(text: &str, word: &str) -> Option<usize> {
    let in_word = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    let whole = |at: &usize| {
        let (before, after) = (&text[..*at], &text[at + word.len()..]);
        !before.ends_with(in_word) && !after.starts_with(in_word)
    };
    text.match_indices(word).map(|(at, _)| at).find(whole)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Settings {
        #[expect(dead_code, reason = "only its name matters here")]
        learning_rate: f64,
    }

    #[test]
    fn a_typo_is_found_on_its_line_with_the_nearest_key() {
        let text = "\n# comment\nlerning_rate = 0.1\n";
        let error = parse::<Settings>(text, Path::new("run.toml")).unwrap_err();
        assert_eq!(error.line, 3);
        assert_eq!(
            error.to_string(),
            "run.toml:3: unknown key `lerning_rate` (did you mean `learning_rate`?); expected `learning_rate`"
        );
    }

    #[test]
    fn a_key_is_not_found_within_another() {
        assert_eq!(find_word("kind = \"time_ratio\"\nratio = 1", "ratio"), Some(20));
        assert_eq!(find_word("time_ratio", "ratio"), None);
    }

    #[test]
    fn what_serde_says_of_types_is_said_in_words() {
        for (message, expected) in [
            (
                "invalid type: unit variant, expected newtype variant",
                "found a name where a table of settings is expected; write `name = {}` for its defaults",
            ),
            ("wanted exactly 1 element, found 0 elements", "expected exactly one choice, found none"),
            (
                "wanted exactly 1 element, more than 1 element",
                "expected exactly one choice, found several; keep one",
            ),
            (
                "invalid type: integer `3`, expected struct ReplayConfig",
                "invalid type: integer `3`, expected a table of settings",
            ),
            (
                "invalid type: string \"many\", expected usize",
                "invalid type: string \"many\", expected a whole number, not negative",
            ),
            ("missing field `dataset`", "missing field `dataset`"),
        ] {
            assert_eq!(explain(message), expected);
        }
    }

    #[test]
    fn a_wrong_type_and_broken_syntax_name_their_line() {
        for text in ["learning_rate = \"fast\"", "learning_rate ="] {
            assert_eq!(parse::<Settings>(text, Path::new("run.toml")).unwrap_err().line, 1, "{text}");
        }
    }
}
