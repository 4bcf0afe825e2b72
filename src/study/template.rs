//! Placeholders: `{a}` in an override stands for what a search tries.

use rmtl_files::{nearest, suggestion};

/// The names of the placeholders in `text`, in their order: a name in braces without spaces. `{}` and
/// `{ key = 1 }` are TOML's.
pub(super) fn placeholders(text: &str) -> Vec<&str> {
    split(text).into_iter().filter_map(Part::name).collect()
}

/// `text` with the values of its placeholders.
///
/// # Errors
/// One of them has no value, in words for the author of the study file.
pub(super) fn fill(text: &str, values: &[(String, String)]) -> Result<String, String> {
    let mut filled = String::new();
    for part in split(text) {
        match part {
            Part::Text(text) => filled.push_str(text),
            Part::Name(name) => {
                let value = values.iter().find(|(known, _)| known == name).map(|(_, value)| value);
                filled.push_str(value.ok_or_else(|| unknown(text, name, values))?);
            }
        }
    }
    Ok(filled)
}

fn unknown(text: &str, name: &str, values: &[(String, String)]) -> String {
    let likely = suggestion(nearest(name, values.iter().map(|(known, _)| known.as_str())));
    format!("`{text}`: no space of the arm's search is called `{name}`{likely}")
}

enum Part<'a> {
    Text(&'a str),
    Name(&'a str),
}

impl<'a> Part<'a> {
    fn name(self) -> Option<&'a str> {
        match self {
            Self::Name(name) => Some(name),
            Self::Text(_) => None,
        }
    }
}

fn split(text: &str) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some(open) = rest.find('{') {
        let (before, after) = rest.split_at(open);
        let name = &after[1..];
        let n_name = name.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(name.len());
        if n_name > 0 && name[n_name..].starts_with('}') {
            parts.push(Part::Text(before));
            parts.push(Part::Name(&name[..n_name]));
            rest = &name[n_name + 1..];
        } else {
            parts.push(Part::Text(&rest[..=open]));
            rest = name;
        }
    }
    parts.push(Part::Text(rest));
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values() -> Vec<(String, String)> {
        [("a", "0.5"), ("kind", "\"mean\"")].map(|(name, value)| (name.into(), value.into())).into()
    }

    #[test]
    fn placeholders_are_filled_and_the_braces_of_toml_stay() {
        for (text, filled) in [
            ("some.key = [1, {a}, {a}]", "some.key = [1, 0.5, 0.5]"),
            ("some.key = {}", "some.key = {}"),
            ("some.key = { rate = {a}, kind = {kind} }", "some.key = { rate = 0.5, kind = \"mean\" }"),
            ("some.key = {n={a}}", "some.key = {n=0.5}"),
            ("no braces", "no braces"),
            ("open {", "open {"),
        ] {
            assert_eq!(fill(text, &values()).unwrap(), filled, "{text}");
        }
        assert_eq!(placeholders("x = [{a}, {b_2}, {}, { c }]"), ["a", "b_2"]);
    }

    #[test]
    fn a_placeholder_without_a_value_is_named_with_the_nearest() {
        let error = fill("some.key = {knd}", &values()).unwrap_err();
        assert!(error.contains("`knd` (did you mean `kind`?)"), "{error}");
    }
}
