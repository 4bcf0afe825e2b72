//! Log destinations of other crates: `[log.sinks.<name>]` of a run file.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;

use rmtl_agents::registry::{External, NameOf, Registry, Written};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use serde::{Serialize, Serializer};

use super::Sink;

/// The settings of a log destination.
pub trait SinkSettings: Send + Sync {
    /// The destination of one run, whose folder exists.
    ///
    /// # Errors
    /// It cannot be had: the run does not begin.
    fn open(&self, run_folder: &Path) -> io::Result<Box<dyn Sink>>;
}

static SINKS: Registry<dyn SinkSettings> = Registry::new(&[]);

/// Makes a log destination of another crate known to run files as `[log.sinks.<name>]`. Called before a run file is read.
///
/// # Panics
/// If the name stands for something else already.
pub fn register<S: SinkSettings + Written>(name: &'static str, summary: &'static str) {
    SINKS.register::<S>(name, summary, |settings| Arc::new(settings));
}

/// The registered destinations that a run file names.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sinks(BTreeMap<&'static str, External<dyn SinkSettings>>);

impl Sinks {
    /// Name and one-line summary of all that are registered.
    pub fn summaries() -> Vec<(&'static str, &'static str)> {
        SINKS.summaries()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Opens them for a run.
    ///
    /// # Errors
    /// One cannot be had.
    pub fn open(&self, run_folder: &Path) -> io::Result<Vec<Box<dyn Sink>>> {
        self.0.values().map(|sink| sink.settings.open(run_folder)).collect()
    }
}

impl Serialize for Sinks {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(&self.0)
    }
}

impl<'de> Deserialize<'de> for Sinks {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Named;
        impl<'de> Visitor<'de> for Named {
            type Value = Sinks;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a table of registered log destinations")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Sinks, A::Error> {
                let mut sinks = BTreeMap::new();
                while let Some(name) = map.next_key_seed(NameOf::field(SINKS.names()))? {
                    if sinks.insert(name, SINKS.read(name, map.next_value()?)?).is_some() {
                        return Err(A::Error::duplicate_field(name));
                    }
                }
                Ok(Sinks(sinks))
            }
        }
        deserializer.deserialize_map(Named)
    }
}

impl JsonSchema for Sinks {
    fn schema_name() -> Cow<'static, str> {
        "Sinks".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let sinks = SINKS.schemas(generator).into_iter();
        let sinks: serde_json::Map<_, _> = sinks.map(|(name, of)| (name.to_owned(), of.to_value())).collect();
        json_schema!({ "type": "object", "properties": sinks, "additionalProperties": false })
    }
}
