//! The name somebody probably meant.

/// Names less alike than this are not suggested: a wrong suggestion misleads more than none.
const LEAST_SIMILARITY: f64 = 0.5;

/// The candidate most like `name`, if one is alike at all; case does not count.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let name = name.to_lowercase();
    // Of candidates as many slips away, the one that starts alike: `tiem` is `time` rather than `item`.
    let likeness = |candidate: &str| {
        let candidate = candidate.to_lowercase();
        let slips = strsim::normalized_damerau_levenshtein(&name, &candidate);
        (slips, strsim::jaro_winkler(&name, &candidate))
    };
    let ranked = candidates.into_iter().map(|candidate| (likeness(candidate), candidate));
    ranked
        .filter(|((slips, _), _)| *slips >= LEAST_SIMILARITY)
        .max_by(|(one, _), (other, _)| one.0.total_cmp(&other.0).then(one.1.total_cmp(&other.1)))
        .map(|(_, candidate)| candidate)
}

/// ` (did you mean `x`?)` for the end of a message, or nothing.
pub fn suggestion(nearest: Option<&str>) -> String {
    nearest.map(|name| format!(" (did you mean `{name}`?)")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typo_finds_its_name_and_nonsense_finds_none() {
        let keys = ["query", "session", "time"];
        assert_eq!(nearest("qeury", keys), Some("query"));
        assert_eq!(nearest("Sesion", keys), Some("session"));
        assert_eq!(nearest("tiem", ["item", "time", "item"]), Some("time"));
        assert_eq!(nearest("xyzzy", keys), None);
        assert_eq!(suggestion(nearest("tiem", keys)), " (did you mean `time`?)");
        assert_eq!(suggestion(None), "");
    }
}
