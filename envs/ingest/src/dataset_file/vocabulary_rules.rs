//! How values become ids.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// How ids are given to the values of categorical and multi-valued fields, and exceptions field by field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct VocabularyRules {
    /// A value seen less often in the training rows is out of vocabulary.
    pub min_count: u64,
    /// At most this many values are kept, the most frequent ones.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_size: Option<u32>,
    /// Ids by hash instead: value → one of this many buckets, nothing fitted, nothing out of vocabulary.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hash_buckets: Option<u32>,
    /// Exceptions, by field.
    pub fields: BTreeMap<String, FieldVocabulary>,
}

/// What differs for one field.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FieldVocabulary {
    /// As [`VocabularyRules::min_count`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_count: Option<u64>,
    /// As [`VocabularyRules::max_size`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_size: Option<u32>,
    /// As [`VocabularyRules::hash_buckets`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hash_buckets: Option<u32>,
}

/// What holds for one field, exceptions applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FieldRule {
    Fitted { min_count: u64, max_size: Option<u32> },
    Hashed { buckets: u32 },
}

impl VocabularyRules {
    /// The rule of `field`. A field's own `min_count` or `max_size` takes it out of the common hashing.
    pub(crate) fn of(&self, field: &str) -> FieldRule {
        let own = self.fields.get(field).cloned().unwrap_or_default();
        let fitted = own.min_count.is_some() || own.max_size.is_some();
        match own.hash_buckets.or(self.hash_buckets.filter(|_| !fitted)) {
            Some(buckets) => FieldRule::Hashed { buckets },
            None => FieldRule::Fitted {
                min_count: own.min_count.unwrap_or(self.min_count),
                max_size: own.max_size.or(self.max_size),
            },
        }
    }
}

impl Default for VocabularyRules {
    fn default() -> Self {
        Self { min_count: 1, max_size: None, hash_buckets: None, fields: BTreeMap::new() }
    }
}
