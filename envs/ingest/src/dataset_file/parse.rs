//! From text to a dataset file, with messages that point at the line.

use std::path::Path;

use super::DatasetFile;
use crate::IngestError;
use crate::nearest::nearest;

pub(super) fn parse(text: &str, path: &Path) -> Result<DatasetFile, IngestError> {
    toml::from_str(text).map_err(|error| {
        let start = error.span().map_or(0, |span| span.start);
        match unknown_field(error.message()) {
            Some((what, key, expected)) => IngestError::UnknownKey {
                path: path.to_owned(),
                line: line_of_key(text, start, key),
                what,
                key: key.to_owned(),
                nearest: nearest(key, names(expected)).map(str::to_owned),
                expected: expected.to_owned(),
            },
            None => IngestError::Syntax {
                path: path.to_owned(),
                line: line_at(text, start),
                message: error.message().trim().replace('\n', "; "),
            },
        }
    })
}

/// Kind of name, name and list of valid ones in serde's message.
fn unknown_field(message: &str) -> Option<(&'static str, &str, &str)> {
    let kinds = [("key", "unknown field `"), ("value", "unknown variant `")];
    let (what, rest) = kinds
        .into_iter()
        .find_map(|(what, start)| Some((what, message.split_once(start)?.1)))?;
    let (key, rest) = rest.split_once('`')?;
    Some((what, key, rest.split_once("expected ")?.1.trim()))
}

/// The names between backticks.
fn names(list: &str) -> impl Iterator<Item = &str> {
    list.split('`').skip(1).step_by(2)
}

/// Line of the first use of `key` as a whole word at or after `start`: serde reports some unknown keys at the head of
/// their table.
fn line_of_key(text: &str, start: usize, key: &str) -> usize {
    let in_word = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    let whole = |&(at, _): &(usize, &str)| {
        let (before, after) = (&text[..start + at], &text[start + at + key.len()..]);
        !before.ends_with(in_word) && !after.starts_with(in_word)
    };
    line_at(
        text,
        start
            + text[start..]
                .match_indices(key)
                .find(whole)
                .map_or(0, |(at, _)| at),
    )
}

fn line_at(text: &str, position: usize) -> usize {
    1 + text[..position].matches('\n').count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_keys_out_of_the_message() {
        let message = "unknown field `qeury`, expected one of `name`, `query`, `session`";
        let (what, key, expected) = unknown_field(message).unwrap();
        assert_eq!((what, key), ("key", "qeury"));
        assert_eq!(names(expected).collect::<Vec<_>>(), ["name", "query", "session"]);
        assert_eq!(unknown_field("missing field `name`"), None);
    }
}
