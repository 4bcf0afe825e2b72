//! What a run file can name: kinds that are built in, listed at compile time, and kinds of other crates, registered when a
//! program starts.
//!
//! Whatever is registered has a name and settings that can be written down, so that a resolved run file says everything
//! of a run, whoever wrote its parts. See [`backbone::register`](crate::backbone::register) and its like.

use std::any::TypeId;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, RwLock, RwLockReadGuard};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{DeserializeOwned, DeserializeSeed, Deserializer, Error, Visitor};
use serde::{Serialize, Serializer};
use serde_json::Value;

/// Settings as a run file has them: they can be read, written and published. Numbers in them are finite: a run file could not
/// say others.
pub trait Written: Serialize + DeserializeOwned + JsonSchema + Send + Sync + 'static {}

impl<S: Serialize + DeserializeOwned + JsonSchema + Send + Sync + 'static> Written for S {}

/// How many kinds are registered, of all sorts together: what run files may hold changes with it.
pub fn n_registered() -> usize {
    N_REGISTERED.load(Ordering::SeqCst)
}

static N_REGISTERED: AtomicUsize = AtomicUsize::new(0);

/// The kinds of one sort (backbones, weightings, …) that other crates have registered. `T` is what the settings of all of
/// them can do.
pub struct Registry<T: ?Sized + 'static> {
    built_in: &'static [&'static str],
    kinds: RwLock<Vec<Kind<T>>>,
}

/// A registered kind.
struct Kind<T: ?Sized> {
    name: &'static str,
    summary: &'static str,
    settings: TypeId,
    read: Arc<dyn Fn(Value) -> serde_json::Result<External<T>> + Send + Sync>,
    schema: fn(&mut SchemaGenerator) -> Schema,
}

impl<T: ?Sized + Send + Sync> Registry<T> {
    /// Nothing but what is built in.
    pub const fn new(built_in: &'static [&'static str]) -> Self {
        Self { built_in, kinds: RwLock::new(Vec::new()) }
    }

    /// Makes settings `S` known under `name`. Doing so again changes nothing.
    ///
    /// # Panics
    /// If the name stands for something else already, or is none: small letters, digits and `_`, a letter first.
    pub fn register<S: Written>(&self, name: &'static str, summary: &'static str, of: fn(S) -> Arc<T>) {
        assert!(!self.built_in.contains(&name), "`{name}` is built in; choose another name");
        assert!(is_name(name), "`{name}` is no name; use small letters, digits and `_`, a letter first");
        let settings = TypeId::of::<S>();
        let read = move |written: Value| {
            let settings: S = serde_json::from_value(written)?;
            // Written anew, so that every default is in it.
            let written = without_nulls(serde_json::to_value(&settings)?);
            Ok(External { name, settings: of(settings), written })
        };
        let schema = |generator: &mut SchemaGenerator| generator.subschema_for::<S>();
        let kind = Kind { name, summary, settings, read: Arc::new(read), schema };
        let known = self.add_or_find(kind);
        assert!(known == settings, "`{name}` is registered already, for other settings");
    }

    /// The settings that the kind's name stands for from now on. Nothing panics while the lock is held.
    fn add_or_find(&self, kind: Kind<T>) -> TypeId {
        let mut kinds = self.kinds.write().expect(UNPOISONED);
        if let Some(known) = kinds.iter().find(|known| known.name == kind.name) {
            return known.settings;
        }
        let settings = kind.settings;
        kinds.push(kind);
        N_REGISTERED.fetch_add(1, Ordering::SeqCst);
        settings
    }

    /// Name and one-line summary of every registered kind.
    pub fn summaries(&self) -> Vec<(&'static str, &'static str)> {
        self.kinds().iter().map(|kind| (kind.name, kind.summary)).collect()
    }

    /// Every name that can be named, built in or registered.
    pub fn names(&self) -> Vec<&'static str> {
        self.built_in.iter().copied().chain(self.kinds().iter().map(|kind| kind.name)).collect()
    }

    /// Names and schemas of the settings of every registered kind.
    pub fn schemas(&self, generator: &mut SchemaGenerator) -> Vec<(&'static str, Schema)> {
        // Not held while a schema is made: that of one kind may name another.
        let kinds: Vec<_> = self.kinds().iter().map(|kind| (kind.name, kind.schema)).collect();
        kinds.into_iter().map(|(name, schema)| (name, schema(generator))).collect()
    }

    /// The settings that `written` are of the kind `name`.
    ///
    /// # Errors
    /// No such kind, or other settings than it has.
    pub fn read<E: Error>(&self, name: &str, written: Value) -> Result<External<T>, E> {
        // Not held while settings are read: they may hold a choice of the same sort.
        let read = self.kinds().iter().find(|kind| kind.name == name).map(|kind| kind.read.clone());
        match read {
            Some(read) => read(written).map_err(E::custom),
            None => Err(E::custom(unknown("variant", name, &self.names()))),
        }
    }

    fn kinds(&self) -> RwLockReadGuard<'_, Vec<Kind<T>>> {
        self.kinds.read().expect(UNPOISONED)
    }
}

const UNPOISONED: &str = "nothing panics while it holds the lock";

/// Whether `name` can be a key of a run file and of `--set`, and part of the names of parameters.
fn is_name(name: &str) -> bool {
    let is_part = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    name.starts_with(|c: char| c.is_ascii_lowercase()) && name.chars().all(is_part)
}

/// The same without keys that have no value, which TOML cannot write.
fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(table) => {
            let kept = table.into_iter().filter(|(_, value)| !value.is_null());
            Value::Object(kept.map(|(key, value)| (key, without_nulls(value))).collect())
        }
        Value::Array(values) => values.into_iter().map(without_nulls).collect(),
        value => value,
    }
}

/// What is said of a name that is not among `names`, as serde says it of names known when a program is built.
fn unknown(what: &str, name: &str, names: &[&str]) -> String {
    if names.is_empty() {
        return format!(
            "`{name}` is not known: nothing of its sort is built in, and no crate has registered any"
        );
    }
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    format!("unknown {what} `{name}`, expected one of {}", quoted.join(", "))
}

/// Settings of a kind from another crate.
pub struct External<T: ?Sized> {
    /// The name it was registered under.
    pub name: &'static str,
    /// What it can do.
    pub settings: Arc<T>,
    written: Value,
}

impl<T: ?Sized> Clone for External<T> {
    fn clone(&self) -> Self {
        Self { settings: self.settings.clone(), written: self.written.clone(), ..*self }
    }
}

impl<T: ?Sized> PartialEq for External<T> {
    fn eq(&self, other: &Self) -> bool {
        (self.name, &self.written) == (other.name, &other.written)
    }
}

impl<T: ?Sized> fmt::Debug for External<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.name, self.written)
    }
}

impl<T: ?Sized> Serialize for External<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.written.serialize(serializer)
    }
}

/// Reads a name that must be one of those known.
pub struct NameOf {
    /// What serde calls it.
    what: &'static str,
    known: Vec<&'static str>,
}

impl NameOf {
    /// One of a choice.
    pub fn variant(known: Vec<&'static str>) -> Self {
        Self { what: "variant", known }
    }

    /// A key.
    pub fn field(known: Vec<&'static str>) -> Self {
        Self { what: "field", known }
    }
}

impl<'de> DeserializeSeed<'de> for NameOf {
    type Value = &'static str;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<&'static str, D::Error> {
        deserializer.deserialize_identifier(self)
    }
}

impl Visitor<'_> for NameOf {
    type Value = &'static str;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a name")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<&'static str, E> {
        let found = self.known.iter().find(|known| **known == name);
        found.copied().ok_or_else(|| E::custom(unknown(self.what, name, &self.known)))
    }
}

/// The schema of a choice: exactly one of the tables `name = settings`, or the name alone of a kind without settings.
pub(crate) fn choice_schema(kinds: impl IntoIterator<Item = (&'static str, Option<Schema>)>) -> Schema {
    let alternative = |(name, settings): (&'static str, Option<Schema>)| match settings {
        None => json_schema!({ "type": "string", "const": name }).to_value(),
        Some(settings) => json_schema!({
            "type": "object",
            "properties": { name: settings },
            "additionalProperties": false,
            "required": [name],
        })
        .to_value(),
    };
    let alternatives: Vec<Value> = kinds.into_iter().map(alternative).collect();
    json_schema!({ "oneOf": alternatives })
}

/// How a built-in kind of a [`choice!`] is read, written and published: as a table of its settings, or by its name alone
/// where it is listed `as bare`.
macro_rules! kind {
    (read $variant:ident) => {
        $variant.newtype_variant()
    };
    (read bare $variant:ident) => {
        $variant.unit_variant().map(|()| Default::default())
    };
    (write $config:ident as $name:ident of $choice:ident to $serializer:ident) => {
        $serializer.serialize_newtype_variant(stringify!($choice), 0, $name, $config)
    };
    (write bare $config:ident as $name:ident of $choice:ident to $serializer:ident) => {{
        let _ = $config;
        $serializer.serialize_unit_variant(stringify!($choice), 0, $name)
    }};
    (schema $config:ty, $generator:ident) => {
        Some($generator.subschema_for::<$config>())
    };
    (schema bare $config:ty, $generator:ident) => {
        None
    };
}

pub(crate) use kind;

/// A choice of a run file, `[<sort>.<name>]`: an enum over the built-in files, each of which exports `Config`, and over what
/// is in a [`Registry`]; with its names, and read, written and published as one table `name = settings`. A kind without
/// settings that is listed `as bare` is its name alone.
macro_rules! choice {
    ($(#[$doc:meta])* $choice:ident in $registry:ident of $trait:ty {
        $($file:ident => $name:ident $(as $form:ident)?: $summary:literal),+ $(,)?
    }) => {
        $(pub mod $file;)+

        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq)]
        pub enum $choice {
            $(#[doc = concat!("See [`", stringify!($file), "`].")] $name($file::Config),)+
            /// From another crate.
            External($crate::registry::External<$trait>),
        }

        static $registry: $crate::registry::Registry<$trait> =
            $crate::registry::Registry::new(&[$(stringify!($file)),+]);

        impl $choice {
            /// The name in run files.
            pub fn name(&self) -> &'static str {
                match self {
                    $(Self::$name(_) => stringify!($file),)+
                    Self::External(external) => external.name,
                }
            }

            /// Everything that is built in, with settings that between them turn every switch.
            pub fn variants() -> Vec<Self> {
                let mut variants = Vec::new();
                $(variants.extend(<$file::Config as Settings>::variants().into_iter().map(Self::$name));)+
                variants
            }

            /// Everything that is built in, with its default settings.
            pub fn all() -> Vec<Self> {
                vec![$(Self::$name($file::Config::default())),+]
            }

            /// Name and one-line summary of all there are.
            pub fn summaries() -> Vec<(&'static str, &'static str)> {
                let built_in = [$((stringify!($file), $summary)),+];
                built_in.into_iter().chain($registry.summaries()).collect()
            }

            /// What these settings can do.
            fn settings(&self) -> &$trait {
                match self {
                    $(Self::$name(config) => config,)+
                    Self::External(external) => external.settings.as_ref(),
                }
            }
        }

        impl serde::Serialize for $choice {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let name = self.name();
                match self {
                    $(Self::$name(config) => $crate::registry::kind!(write $($form)? config as name of $choice to serializer),)+
                    Self::External(external) => serializer.serialize_newtype_variant(stringify!($choice), 0, name, external),
                }
            }
        }

        impl<'de> serde::Deserialize<'de> for $choice {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Choice;
                impl<'de> serde::de::Visitor<'de> for Choice {
                    type Value = $choice;

                    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        formatter.write_str(concat!("enum ", stringify!($choice)))
                    }

                    fn visit_enum<A: serde::de::EnumAccess<'de>>(self, data: A) -> Result<$choice, A::Error> {
                        use serde::de::VariantAccess;
                        let (name, variant) = data.variant_seed($crate::registry::NameOf::variant($registry.names()))?;
                        match name {
                            $(stringify!($file) => $crate::registry::kind!(read $($form)? variant).map($choice::$name),)+
                            name => $registry.read(name, variant.newtype_variant()?).map($choice::External),
                        }
                    }
                }
                deserializer.deserialize_enum(stringify!($choice), &[$(stringify!($file)),+], Choice)
            }
        }

        impl schemars::JsonSchema for $choice {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($choice).into()
            }

            fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
                let mut kinds = vec![$((stringify!($file), $crate::registry::kind!(schema $($form)? $file::Config, generator))),+];
                let external = $registry.schemas(generator).into_iter();
                kinds.extend(external.map(|(name, schema)| (name, Some(schema))));
                $crate::registry::choice_schema(kinds)
            }
        }
    };
}

pub(crate) use choice;
