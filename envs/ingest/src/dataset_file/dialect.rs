//! How values are written in the lines of a text file.

use serde::{Deserialize, Serialize};

/// What a text file's characters mean, as far as the dataset file says. Absent keys have the defaults of the format.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Dialect {
    /// Character between two values; a comma (a tab in `.tsv`) unless told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delimiter: Option<char>,
    /// Character around a value that holds delimiters or line breaks; `""` where there is none. `"` in `.csv` and `.txt`, none in
    /// `.tsv`, where it is an ordinary character.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quote: Option<String>,
    /// Character before a quote that is part of a quoted value; without it such a quote is written twice.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub escape: Option<char>,
    /// First character of lines to leave out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comment: Option<char>,
    /// Words that stand for a missing value, beside the empty one: `["NA", "\\N"]`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub null: Vec<String>,
}

/// A byte that no valid text holds: what quotes where nothing does.
const NO_QUOTE: u8 = 0xFF;

impl Dialect {
    /// Why this cannot be read: the key, what is expected and what was found.
    pub(super) fn check(&self) -> Result<(), (&'static str, &'static str, String)> {
        let characters = [("delimiter", self.delimiter), ("escape", self.escape), ("comment", self.comment)];
        for (key, character) in characters {
            if let Some(character) = character.filter(|character| !character.is_ascii()) {
                return Err((key, "an ASCII character", format!("`{character}`")));
            }
        }
        let quote = self.quote.as_deref().unwrap_or_default();
        if quote.len() > 1 || !quote.is_ascii() {
            return Err(("quote", "one ASCII character, or \"\" for none", format!("`{quote}`")));
        }
        if let Some(word) = self.null.iter().find(|word| word.contains(['\n', '\r'])) {
            return Err(("null", "words of one line", format!("{word:?}")));
        }
        Ok(())
    }

    /// Names of the keys that are set.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &'static str> {
        let keys = [
            ("delimiter", self.delimiter.is_some()),
            ("quote", self.quote.is_some()),
            ("escape", self.escape.is_some()),
            ("comment", self.comment.is_some()),
            ("null", !self.null.is_empty()),
        ];
        keys.into_iter().filter(|(_, is_set)| *is_set).map(|(key, _)| key)
    }

    /// The quote as a byte, of a file whose values are separated by tabs or not.
    pub(crate) fn quote(&self, by_tabs: bool) -> Option<u8> {
        match &self.quote {
            None if by_tabs => None,
            None => Some(b'"'),
            Some(quote) => quote.bytes().next(),
        }
    }

    /// The same for readers that must have one.
    pub(crate) fn quote_byte(&self, by_tabs: bool) -> u8 {
        self.quote(by_tabs).unwrap_or(NO_QUOTE)
    }

    /// A regular expression of what is missing: nothing, or one of the words; none where nothing alone is.
    pub(crate) fn null_regex(&self) -> Option<String> {
        // Every character by its number, so that none means anything else.
        let escaped =
            |word: &String| word.chars().map(|c| format!("\\x{{{:X}}}", u32::from(c))).collect::<String>();
        let words: Vec<String> = self.null.iter().map(escaped).collect();
        (!words.is_empty()).then(|| format!("^(|{})$", words.join("|")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tabs_quote_nothing_unless_told_and_commas_do_unless_told() {
        let told = |quote: &str| Dialect { quote: Some(quote.into()), ..Dialect::default() };
        assert_eq!([Dialect::default().quote(true), Dialect::default().quote(false)], [None, Some(b'"')]);
        assert_eq!([told("").quote(false), told("'").quote(true)], [None, Some(b'\'')]);
    }

    #[test]
    fn null_words_are_taken_literally() {
        let dialect = Dialect { null: vec!["\\N".into(), "n.a.".into()], ..Dialect::default() };
        let regex = regex::Regex::new(&dialect.null_regex().unwrap()).unwrap();
        let found = ["", "\\N", "n.a.", "nxa.", "N", "\\N "].map(|text| regex.is_match(text));
        assert_eq!(found, [true, true, true, false, false, false]);
        assert_eq!(Dialect::default().null_regex(), None);
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let of = |dialect: Dialect| dialect.check().map_err(|(key, ..)| key);
        assert_eq!(of(Dialect { quote: Some("\"\"".into()), ..Dialect::default() }), Err("quote"));
        assert_eq!(of(Dialect { delimiter: Some('→'), ..Dialect::default() }), Err("delimiter"));
        assert_eq!(of(Dialect { null: vec!["a\nb".into()], ..Dialect::default() }), Err("null"));
        assert_eq!(of(Dialect { quote: Some(String::new()), ..Dialect::default() }), Ok(()));
    }
}
