//! What tells run files apart, in a few words each.

use std::collections::HashMap;

use toml::{Table, Value};

use crate::config::{CheckpointConfig, DataConfig, LogConfig, RunFile, keys::Place};
use crate::error::Result;

/// A name per run file, none twice: the keys in which they differ, and their values.
///
/// Where a choice differs (`backbone=esmm`, `backbone=ple`) its own settings matter only among those that made the same.
///
/// # Errors
/// A path in a run file is not Unicode.
pub(super) fn names(files: &[&RunFile]) -> Result<Vec<String>> {
    let tables = files.iter().map(|file| table(file)).collect::<Result<Vec<Value>>>()?;
    let mut words: Vec<Words> = vec![Vec::new(); files.len()];
    let all = tables.iter().enumerate().map(|(index, table)| (index, Some(table))).collect::<Vec<_>>();
    differ(&all, "", &Place::root(), &mut words);
    let mut full: HashMap<&str, Vec<&str>> = HashMap::new();
    for (key, _) in words.iter().flatten() {
        let keys = full.entry(last(key)).or_default();
        if !keys.contains(&key.as_str()) {
            keys.push(key);
        }
    }
    let in_short = |(key, value): &(String, Said)| {
        let key = if full[last(key)].len() == 1 { last(key) } else { key };
        match value {
            Said::Value(value) => format!("{key}={value}"),
            Said::There => key.to_owned(),
            Said::Absent => format!("no {key}"),
        }
    };
    Ok(words.iter().map(|words| words.iter().map(in_short).collect::<Vec<_>>().join(", ")).collect())
}

/// Keys and what is said of them.
type Words = Vec<(String, Said)>;

#[derive(Clone, Debug, PartialEq)]
enum Said {
    Value(String),
    There,
    Absent,
}

/// The settings that make a run what it is.
fn table(file: &RunFile) -> Result<Value> {
    let data = DataConfig { dataset: "".into(), root: None, prepared: None, content_hash: None };
    let (log, checkpoint) = (LogConfig::default(), CheckpointConfig::default());
    let file = RunFile { seed: 0, data, log, checkpoint, ..file.without_idle_settings() };
    Ok(Value::Table(file.to_toml()?.parse::<Table>().expect("what was written can be read")))
}

/// Says of each run what stands under `key`, as far as that is not the same everywhere.
fn differ(values: &[(usize, Option<&Value>)], key: &str, place: &Place, words: &mut [Words]) {
    let Some((_, first)) = values.first() else { return };
    if values.iter().all(|(_, value)| value == first) {
        return;
    }
    let present: Vec<(usize, &Value)> =
        values.iter().filter_map(|&(run, value)| Some((run, value?))).collect();
    let mut say = |run: usize, said: Said| words[run].push((key.to_owned(), said));
    if place.is_choice() {
        let chosen: Vec<(usize, String)> = present.iter().map(|(run, value)| (*run, choice(value))).collect();
        let differs = chosen.iter().any(|(_, name)| *name != chosen[0].1) || present.len() < values.len();
        if differs {
            chosen.iter().for_each(|(run, name)| say(*run, Said::Value(name.clone())));
            values.iter().filter(|(_, value)| value.is_none()).for_each(|(run, _)| say(*run, Said::Absent));
        }
        let mut names: Vec<&String> = chosen.iter().map(|(_, name)| name).collect();
        names.sort();
        names.dedup();
        for name in names {
            let same: Vec<(usize, Option<&Value>)> = present
                .iter()
                .filter(|(_, value)| choice(value) == *name)
                .map(|(run, value)| (*run, value.as_table().and_then(|table| table.get(name))))
                .collect();
            if let Some(child) = place.child(name) {
                differ(&same, &below(key, name), &child, words);
            }
        }
        return;
    }
    if present.iter().all(|(_, value)| value.is_table()) {
        if present.len() < values.len() {
            for (run, value) in values {
                say(*run, if value.is_some() { Said::There } else { Said::Absent });
            }
        }
        let tables = present.iter().filter_map(|(_, value)| value.as_table());
        let mut names: Vec<&String> = tables.flat_map(Table::keys).collect();
        names.sort();
        names.dedup();
        for name in names {
            let under: Vec<(usize, Option<&Value>)> =
                present.iter().map(|(run, value)| (*run, value.get(name))).collect();
            if let Some(child) = place.child(name) {
                differ(&under, &below(key, name), &child, words);
            }
        }
        return;
    }
    for (run, value) in values {
        say(*run, value.map_or(Said::Absent, |value| Said::Value(in_words(value))));
    }
}

/// The name of what was chosen, as a table or as a word.
fn choice(value: &Value) -> String {
    let name = value.as_table().and_then(|table| table.keys().next().cloned());
    name.unwrap_or_else(|| in_words(value))
}

fn in_words(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn below(key: &str, name: &str) -> String {
    if key.is_empty() { name.to_owned() } else { format!("{key}.{name}") }
}

fn last(key: &str) -> &str {
    key.rsplit('.').next().unwrap_or(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(files: &[&str]) -> Vec<String> {
        let start = "data.dataset = \"d.toml\"\n";
        let files: Vec<RunFile> =
            files.iter().map(|text| toml::from_str(&format!("{start}{text}")).unwrap()).collect();
        names(&files.iter().collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn runs_are_named_by_the_keys_they_differ_in() {
        let file =
            |lambda: &str| format!("backbone.esmm = {{}}\nweighting.critic = {{ lambda = {lambda} }}\n");
        assert_eq!(named(&[&file("0.3"), &file("0.7")]), ["lambda=0.3", "lambda=0.7"]);
        let more = file("0.7") + "ema = 0.9\n";
        assert_eq!(named(&[&file("0.3"), &more]), ["no ema, lambda=0.3", "ema=0.9, lambda=0.7"]);
    }

    #[test]
    fn another_choice_says_its_name_and_not_all_its_settings() {
        let file = |backbone: &str| format!("backbone.{backbone}\nweighting.equal = {{}}\n");
        let files = [file("esmm = {}"), file("mmoe = { n_experts = 4 }"), file("mmoe = { n_experts = 8 }")];
        assert_eq!(
            named(&files.each_ref().map(String::as_str)),
            ["backbone=esmm", "backbone=mmoe, n_experts=4", "backbone=mmoe, n_experts=8"]
        );
        let stop = file("esmm = {}") + "early_stop = { task = \"buy\" }\n";
        assert_eq!(named(&[&files[0], &stop]), ["early_stop=mean", "early_stop=task"]);
    }

    #[test]
    fn what_is_there_or_not_and_what_has_one_name_in_two_places() {
        let file = "backbone.esmm = {}\nweighting.equal = {}\n";
        let with_loss = format!("{file}losses.dependence = {{ sigma = 0.5 }}\n");
        assert_eq!(named(&[file, &with_loss]), ["no dependence", "dependence"]);
        let rates = format!("{file}optimizer.learning_rate = 0.1\ncritic.learning_rate = 0.2\n");
        let found = named(&[file, &rates]);
        assert!(
            found[1].contains("optimizer.learning_rate=0.1") && found[1].contains("critic.learning_rate=0.2"),
            "{found:?}"
        );
    }
}
