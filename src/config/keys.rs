//! What may stand in a run file, as its types publish it (JSON Schema).

use std::collections::BTreeMap;
use std::sync::Mutex;

use rmtl_agents::registry::n_registered;
use schemars::SchemaGenerator;
use serde_json::{Map, Value};

use super::RunFile;

/// The schema of a run file, with whatever other crates have registered so far.
pub fn schema() -> &'static Value {
    // One for each number of registered kinds; those before are still looked at by whoever asked for them.
    static SCHEMAS: Mutex<BTreeMap<usize, &'static Value>> = Mutex::new(BTreeMap::new());
    let mut schemas = SCHEMAS.lock().expect("no thread panics while it holds the schemas");
    schemas.entry(n_registered()).or_insert_with(|| {
        Box::leak(Box::new(SchemaGenerator::default().into_root_schema_for::<RunFile>().to_value()))
    })
}

/// Stands for the name of a task.
const ANY: &str = "<task>";

/// A place in a run file: the schemas of what may stand there.
#[derive(Clone, Debug)]
pub struct Place(Vec<&'static Map<String, Value>>);

impl Place {
    /// The whole file.
    pub fn root() -> Self {
        Self::of(schema())
    }

    fn of(schema: &'static Value) -> Self {
        let mut found = Vec::new();
        collect(schema, &mut found);
        Self(found)
    }

    /// The place under `key`, if that may stand here.
    pub fn child(&self, key: &str) -> Option<Self> {
        // A map takes any key: tasks have names of their own.
        let of = |schema: &&'static Map<String, Value>| {
            let named = schema.get("properties").and_then(|keys| keys.get(key));
            named.or_else(|| schema.get("additionalProperties").filter(|of| of.is_object()))
        };
        let found = self.0.iter().filter_map(of);
        let found: Vec<_> = found.flat_map(|schema| Self::of(schema).0).collect();
        (!found.is_empty()).then_some(Self(found))
    }

    /// Whether exactly one of the keys that may stand here does.
    pub fn is_choice(&self) -> bool {
        let size = |schema: &Map<String, Value>, key: &str| match schema.get(key) {
            Some(Value::Array(of)) => of.len(),
            Some(Value::Object(of)) => of.len(),
            _ => 0,
        };
        let mut tables = self.0.iter().filter(|schema| schema.contains_key("properties")).peekable();
        // An enum is published as alternatives, those with settings as tables with one required key.
        self.0.len() > 1
            && tables.peek().is_some()
            && tables.all(|schema| size(schema, "properties") == 1 && size(schema, "required") == 1)
    }

    /// Whether what may stand there, in a table, may all stand here.
    fn has(&self, other: &Self) -> bool {
        let mut tables = other.0.iter().filter(|schema| schema.contains_key("properties")).peekable();
        tables.peek().is_some() && tables.all(|of| self.0.iter().any(|schema| std::ptr::eq(*schema, *of)))
    }

    /// The keys that may stand here, and their schemas.
    fn keys(&self) -> impl Iterator<Item = (&'static str, &'static Value)> {
        let named = self.0.iter().filter_map(|schema| schema.get("properties")?.as_object()).flatten();
        let any =
            self.0.iter().filter_map(|schema| schema.get("additionalProperties").filter(|of| of.is_object()));
        named.map(|(key, schema)| (key.as_str(), schema)).chain(any.map(|schema| (ANY, schema)))
    }
}

/// The schemas `schema` stands for: references followed, alternatives side by side.
fn collect(of: &'static Value, found: &mut Vec<&'static Map<String, Value>>) {
    let Some(map) = of.as_object() else { return };
    if let Some(name) = map.get("$ref").and_then(|name| name.as_str()?.strip_prefix("#/$defs/")) {
        collect(&schema()["$defs"][name], found);
        return;
    }
    let alternatives = ["anyOf", "oneOf"].into_iter().filter_map(|key| map.get(key)?.as_array());
    let before = found.len();
    alternatives.flatten().for_each(|alternative| collect(alternative, found));
    if found.len() == before {
        found.push(map);
    }
}

/// Every key of a run file, dotted, tables as well as values, with what it is for.
pub fn all() -> Vec<(String, String)> {
    let mut found = Vec::new();
    below(&Place::root(), "", &mut Vec::new(), &mut found);
    found
}

/// `above` are the places that this one is in: a choice within a choice of its sort is named, and not described again.
fn below(place: &Place, prefix: &str, above: &mut Vec<Place>, found: &mut Vec<(String, String)>) {
    if above.iter().any(|above| above.has(place)) {
        return;
    }
    above.push(place.clone());
    for (key, schema) in place.keys() {
        let dotted = format!("{prefix}{key}");
        if let Some(child) = place.child(key) {
            let described = schema.get("description").or_else(|| child.0.first()?.get("description"));
            let summary = described.and_then(Value::as_str).unwrap_or_default();
            let first_sentence = summary.split_inclusive(". ").next().unwrap_or_default();
            found.push((dotted.clone(), first_sentence.split_whitespace().collect::<Vec<_>>().join(" ")));
            below(&child, &format!("{dotted}."), above, found);
        }
    }
    above.pop();
}

/// Suggestions at most.
const AT_MOST: usize = 3;

/// The full keys somebody probably meant by `key`: those that end with it, or those most like it.
pub(super) fn likely(key: &str) -> Vec<String> {
    let end = format!(".{key}");
    let mut keys: Vec<String> = all().into_iter().map(|(key, _)| key).collect();
    let mut ending: Vec<String> = keys.iter().filter(|known| known.ends_with(&end)).cloned().collect();
    if !ending.is_empty() {
        // What is there whatever was chosen comes before the settings of choices.
        ending.sort_by_key(|key| key.matches('.').count());
        return ending.into_iter().take(AT_MOST).collect();
    }
    let name = |key: &str| key.rsplit('.').next().unwrap_or_default().to_owned();
    let (whole, last) = (key.to_owned(), name(key));
    let likeness = |known: &String| {
        let alike = strsim::normalized_damerau_levenshtein;
        0.6 * alike(&whole, known) + 0.4 * alike(&last, &name(known))
    };
    // A wrong beginning spoils all that follows: `number_loss.watch` for `number_losses.watch`.
    if let Some((first, rest)) = key.split_once('.')
        && Place::root().child(first).is_none()
    {
        let top = Place::root();
        let nearest = top
            .keys()
            .map(|(name, _)| (strsim::normalized_damerau_levenshtein(first, name), name))
            .filter(|(likeness, _)| *likeness >= 0.6)
            .max_by(|a, b| a.0.total_cmp(&b.0));
        if let Some((_, name)) = nearest {
            let corrected = format!("{name}.{rest}");
            let is_key =
                corrected.split('.').try_fold(Place::root(), |place, part| place.child(part)).is_some();
            if is_key {
                return vec![corrected];
            }
        }
    }
    keys.sort_by(|a, b| likeness(b).total_cmp(&likeness(a)));
    keys.retain(|known| likeness(known) >= 0.6);
    keys.truncate(1);
    keys
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(key: &str) -> Place {
        key.split('.').fold(Place::root(), |place, part| place.child(part).unwrap_or_else(|| panic!("{key}")))
    }

    #[test]
    fn choices_are_what_the_types_say() {
        for choice in [
            "backbone",
            "weighting",
            "schedule",
            "early_stop",
            "interaction",
            "encoder.optimizer",
            "critic.embedding_optimizer",
            "schedule.two_stage.collect.policy",
            "schedule.joint.collect.policy",
            "backbone.apem.gamma",
        ] {
            assert!(place(choice).is_choice(), "{choice}");
        }
        for table in
            ["data", "critic", "losses", "schedule.joint", "losses.dependence", "replay.prioritized", "ema"]
        {
            assert!(!place(table).is_choice(), "{table}");
        }
        assert!(Place::root().child("sed").is_none());
    }

    #[test]
    fn every_key_of_a_written_out_file_is_known() {
        let text = "[data]\ndataset = \"d.toml\"\n[backbone.apem]\n[weighting.critic]\n[losses.dependence]\n";
        let file: RunFile = toml::from_str(text).unwrap();
        let known: Vec<String> = all().into_iter().map(|(key, _)| key).collect();
        fn keys(table: &toml::Table, prefix: &str, found: &mut Vec<String>) {
            for (key, value) in table {
                found.push(format!("{prefix}{key}"));
                if let Some(table) = value.as_table() {
                    keys(table, &format!("{prefix}{key}."), found);
                }
            }
        }
        let mut written = Vec::new();
        keys(&file.to_toml().unwrap().parse().unwrap(), "", &mut written);
        assert!(written.len() > 60, "{written:?}");
        for key in written {
            assert!(known.contains(&key), "{key}");
        }
    }

    #[test]
    fn a_weighting_within_a_weighting_is_a_key_and_its_settings_are_found_once() {
        let known: Vec<String> = all().into_iter().map(|(key, _)| key).collect();
        let within: Vec<&String> =
            known.iter().filter(|key| key.starts_with("weighting.critic.tasks")).collect();
        assert_eq!(within, ["weighting.critic.tasks"]);
        assert!(place("weighting.critic.tasks").is_choice());
        assert!(place("weighting.critic.tasks.uw").child("learning_rate").is_some());
    }

    #[test]
    fn a_bare_key_finds_the_full_one() {
        assert_eq!(likely("gamma"), ["critic.gamma", "backbone.apem.gamma", "weighting.moco.gamma"]);
        assert_eq!(likely("learning_rate")[..2], ["optimizer.learning_rate", "critic.learning_rate"]);
        assert_eq!(likely("lambda"), ["weighting.critic.lambda", "weighting.sdmgrad.lambda"]);
        assert_eq!(likely("optimizer.learning_rat"), ["optimizer.learning_rate"]);
        assert_eq!(likely("sed"), ["seed"]);
        assert_eq!(likely("number_loss.watch"), ["number_losses.watch"]);
        assert_eq!(likely("delta"), ["number_losses.<task>.huber.delta"]);
        assert_eq!(likely("xyzzy"), [""; 0]);
    }
}
