//! Which rows form a session.

use std::fmt;

use arrow_schema::DataType;
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, Deserializer, MapAccess, Visitor};
use serde::ser::Serializer;
use serde::{Deserialize, Serialize};

use super::DatasetFile;
use crate::IngestError;

/// Which rows form a session: `"user"`, or `{ key = "user", gap = "6h" }`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Column with the session's key: only rows that share it are of one session.
    pub key: String,
    /// A longer pause between two rows of a key begins a new session. Without it a key has one session, whose end
    /// nobody ever knows.
    pub gap: Option<Gap>,
}

/// A span of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gap {
    /// In the unit of the time column (milliseconds where that holds timestamps); positive.
    Units(i64),
    /// `"90s"`, `"30min"`, `"6h"`, `"1d"`, in milliseconds; positive. Only where the time column holds timestamps.
    Milliseconds(i64),
}

/// Units of a duration, in milliseconds.
const UNITS: [(&str, i64); 5] =
    [("ms", 1), ("s", 1_000), ("min", 60_000), ("h", 3_600_000), ("d", 86_400_000)];

const EXPECTED: &str =
    "a positive whole number in the unit of `time`, or a duration such as \"30min\" (ms, s, min, h, d)";

/// The long form; the short one is the key alone.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct LongForm {
    key: String,
    gap: Option<Gap>,
}

impl DatasetFile {
    /// The gap in the unit in which times are stored; `time` is the type of the time column.
    pub(crate) fn gap(&self, time: &DataType) -> Result<Option<i64>, IngestError> {
        match self.session.gap {
            Some(gap @ Gap::Milliseconds(_)) if !time.is_temporal() => {
                let column = &self.time;
                let expected = format!(
                    "a whole number in the unit of column `{column}`, which holds numbers of type {time} (durations are for \
                     timestamps)"
                );
                Err(self.setting("session.gap", expected, format!("\"{gap}\"")))
            }
            Some(Gap::Units(units) | Gap::Milliseconds(units)) => Ok(Some(units)),
            None => Ok(None),
        }
    }
}

impl Gap {
    fn parse(text: &str) -> Option<Self> {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = text.split_at(digits);
        let (_, milliseconds) = UNITS.into_iter().find(|(name, _)| *name == unit.trim())?;
        let span = number.parse::<i64>().ok()?.checked_mul(milliseconds)?;
        (span > 0).then_some(Self::Milliseconds(span))
    }
}

/// As it may stand in a dataset file, durations in their largest whole unit.
impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Units(units) => write!(f, "{units}"),
            Self::Milliseconds(span) => {
                let whole = UNITS.iter().rev().find(|(_, unit)| span % unit == 0);
                let (name, unit) = whole.expect("a span is whole in milliseconds");
                write!(f, "{}{name}", span / unit)
            }
        }
    }
}

impl Serialize for Session {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.gap {
            None => serializer.serialize_str(&self.key),
            gap => LongForm { key: self.key.clone(), gap }.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Session {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct SessionVisitor;
        impl<'de> Visitor<'de> for SessionVisitor {
            type Value = Session;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a column or { key = \"column\", gap = .. }")
            }
            fn visit_str<E: de::Error>(self, key: &str) -> Result<Session, E> {
                Ok(Session { key: key.into(), gap: None })
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Session, A::Error> {
                let LongForm { key, gap } = LongForm::deserialize(MapAccessDeserializer::new(map))?;
                Ok(Session { key, gap })
            }
        }
        deserializer.deserialize_any(SessionVisitor)
    }
}

impl Serialize for Gap {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Units(units) => serializer.serialize_i64(*units),
            Self::Milliseconds(_) => serializer.collect_str(self),
        }
    }
}

impl<'de> Deserialize<'de> for Gap {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct GapVisitor;
        impl Visitor<'_> for GapVisitor {
            type Value = Gap;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(EXPECTED)
            }
            fn visit_i64<E: de::Error>(self, units: i64) -> Result<Gap, E> {
                let wrong = || E::invalid_value(de::Unexpected::Signed(units), &self);
                if units > 0 { Ok(Gap::Units(units)) } else { Err(wrong()) }
            }
            fn visit_u64<E: de::Error>(self, units: u64) -> Result<Gap, E> {
                let wrong = |_| E::invalid_value(de::Unexpected::Unsigned(units), &self);
                i64::try_from(units).map_err(wrong).and_then(|units| self.visit_i64(units))
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Gap, E> {
                Gap::parse(text).ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
            }
        }
        deserializer.deserialize_any(GapVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_and_written_in_their_largest_unit() {
        for (text, span, written) in [
            ("90s", 90_000, "90s"),
            ("30min", 1_800_000, "30min"),
            ("360 min", 21_600_000, "6h"),
            ("1d", 86_400_000, "1d"),
            ("1500ms", 1_500, "1500ms"),
        ] {
            assert_eq!(Gap::parse(text), Some(Gap::Milliseconds(span)), "{text}");
            assert_eq!(Gap::Milliseconds(span).to_string(), written);
        }
        for text in ["", "6", "h", "0h", "-6h", "1.5h", "6 hours", "99999999999999d", "6h 30min"] {
            assert_eq!(Gap::parse(text), None, "{text}");
        }
    }

    #[test]
    fn the_short_form_stays_short_and_the_long_form_long() {
        for text in [r#""user""#, r#"{"key":"user","gap":30}"#, r#"{"key":"user","gap":"6h"}"#] {
            let session: Session = serde_json::from_str(text).unwrap();
            assert_eq!(serde_json::to_string(&session).unwrap(), text);
        }
        let long: Session = serde_json::from_str(r#"{"key":"user"}"#).unwrap();
        assert_eq!(serde_json::to_string(&long).unwrap(), r#""user""#);
    }
}
