//! `[losses.<name>]` of a run file: any number of terms, each with its settings.

/// The settings of the built-in terms, and of those of other crates that are named.
macro_rules! losses {
    ($($file:ident => $name:ident: $summary:literal),+ $(,)?) => {
        $(pub mod $file;)+

        /// The optional terms of a run file: `[losses.<name>]`, absent = off.
        #[derive(Clone, Debug, Default, PartialEq)]
        pub struct LossesConfig {
            $(#[doc = concat!("See [`", stringify!($file), "`].")]
            pub $file: Option<$file::Config>,)+
            /// Those of other crates, by name.
            pub external: std::collections::BTreeMap<&'static str, $crate::registry::External<dyn LossTerm>>,
        }

        impl LossesConfig {
            /// The names of those that are built in.
            pub const BUILT_IN: &[&str] = &[$(stringify!($file)),+];

            /// Name and one-line summary of all there are.
            pub fn summaries() -> Vec<(&'static str, &'static str)> {
                let built_in = [$((stringify!($file), $summary)),+];
                built_in.into_iter().chain(LOSSES.summaries()).collect()
            }

            /// The terms `names` with their default settings.
            ///
            /// # Panics
            /// If there is no such term, or it has none.
            pub fn of(names: impl IntoIterator<Item = &'static str>) -> Self {
                let settings = |name: &str| (name.to_owned(), serde_json::json!({}));
                let table = names.into_iter().map(settings).collect::<serde_json::Map<_, _>>();
                serde_json::from_value(table.into()).expect("terms with default settings")
            }

            /// The terms that are on, for these tasks.
            pub fn bind(&self, tasks: TaskFacts) -> Losses {
                let (names, terms) = self.terms().into_iter().unzip();
                Losses { names, terms, tasks }
            }

            /// The terms that are on, with their names.
            pub fn terms(&self) -> Vec<(&'static str, Arc<dyn LossTerm>)> {
                let mut terms: Vec<(&'static str, Arc<dyn LossTerm>)> = Vec::new();
                $(if let Some(config) = &self.$file {
                    terms.push((stringify!($file), Arc::new(config.clone())));
                })+
                terms.extend(self.external.iter().map(|(name, term)| (*name, term.settings.clone())));
                terms
            }
        }

        impl serde::Serialize for LossesConfig {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                use serde::ser::SerializeMap;
                let mut map = serializer.serialize_map(None)?;
                $(if let Some(config) = &self.$file {
                    map.serialize_entry(stringify!($file), config)?;
                })+
                for (name, term) in &self.external {
                    map.serialize_entry(name, term)?;
                }
                map.end()
            }
        }

        impl<'de> serde::Deserialize<'de> for LossesConfig {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Terms;
                impl<'de> serde::de::Visitor<'de> for Terms {
                    type Value = LossesConfig;

                    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        formatter.write_str("struct LossesConfig")
                    }

                    fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<LossesConfig, A::Error> {
                        let mut terms = LossesConfig::default();
                        while let Some(name) = map.next_key_seed($crate::registry::NameOf::field(LOSSES.names()))? {
                            match name {
                                $(stringify!($file) if terms.$file.is_none() => terms.$file = Some(map.next_value()?),)+
                                $(stringify!($file) => return Err(serde::de::Error::duplicate_field(stringify!($file))),)+
                                name => {
                                    let term = LOSSES.read(name, map.next_value()?)?;
                                    if terms.external.insert(name, term).is_some() {
                                        return Err(serde::de::Error::duplicate_field(name));
                                    }
                                }
                            }
                        }
                        Ok(terms)
                    }
                }
                deserializer.deserialize_map(Terms)
            }
        }

        impl schemars::JsonSchema for LossesConfig {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                "LossesConfig".into()
            }

            fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
                let mut terms = vec![$((stringify!($file), generator.subschema_for::<$file::Config>())),+];
                terms.extend(LOSSES.schemas(generator));
                let terms: serde_json::Map<_, _> =
                    terms.into_iter().map(|(name, schema)| (name.to_owned(), schema.to_value())).collect();
                schemars::json_schema!({ "type": "object", "properties": terms, "additionalProperties": false })
            }
        }
    };
}

pub(crate) use losses;
