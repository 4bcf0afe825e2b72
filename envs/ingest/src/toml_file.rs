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
        let within = unknown(error.message())
            .and_then(|(key, _)| text[start..].find(key))
            .unwrap_or(0);
        let line = 1 + text[..start + within].matches('\n').count();
        TomlError {
            path: path.into(),
            line,
            message: explain(error.message()),
        }
    })
}

/// serde's message in one line, with the nearest valid name where something is unknown.
pub fn explain(message: &str) -> String {
    match unknown(message) {
        Some((key, expected)) => {
            let names = expected.split('`').skip(1).step_by(2);
            format!(
                "unknown key `{key}`{}; expected {expected}",
                suggestion(nearest(key, names))
            )
        }
        None => message.trim().replace('\n', "; "),
    }
}

/// The key and the list of valid ones in serde's message about an unknown field or variant.
fn unknown(message: &str) -> Option<(&str, &str)> {
    let (_, rest) = message
        .split_once("unknown field `")
        .or_else(|| message.split_once("unknown variant `"))?;
    let (key, rest) = rest.split_once('`')?;
    Some((key, rest.split_once("expected ")?.1.trim()))
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
    fn a_wrong_type_and_broken_syntax_name_their_line() {
        for text in ["learning_rate = \"fast\"", "learning_rate ="] {
            assert_eq!(
                parse::<Settings>(text, Path::new("run.toml")).unwrap_err().line,
                1,
                "{text}"
            );
        }
    }
}
