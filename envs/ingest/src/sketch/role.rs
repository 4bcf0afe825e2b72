//! What a single column is taken for, and why.

use super::Role;
use super::evidence;
use super::gap;
use super::name;
use super::profile::Profile;

/// Whole numbers with at most this many values are ids.
const FEW_VALUES: usize = 32;

/// Values per row from which a column numbers the rows.
const ROW_ID_SHARE: f64 = 0.9;

/// Texts longer than this are for people.
const LONG_TEXT: f64 = 40.0;

/// Slots of a list, at most.
const MOST_SLOTS: u32 = 20;

/// Rows of a label that must have another's before one is said to come after the other.
const MIN_POSITIVES: usize = 10;

pub(super) fn session_role(key: &Profile, time: &Profile) -> (Role, String) {
    let returns = (key.distinct as f64) < 0.5 * key.rows() as f64;
    let is_feature = returns && !name::is_session(&key.name);
    let values = format!("{} values in {} rows", key.distinct, key.rows());
    match gap::of(key, time) {
        Some((gap, why)) => (Role::Session { gap: Some(gap), is_feature }, format!("{values}; {why}")),
        None => {
            let why = "without a gap no session is known to end: add one in the unit of the time";
            (Role::Session { gap: None, is_feature }, format!("{values}; {why}"))
        }
    }
}

pub(super) fn task_role(labels: &[(String, Vec<u8>)], place: usize) -> (Role, String) {
    let own = &labels[place].1;
    let positives = own.iter().filter(|label| **label == 1).count();
    let rate = 100.0 * positives as f64 / own.len().max(1) as f64;
    let count = |labels: &[u8]| labels.iter().filter(|label| **label == 1).count();
    // Of the labels that every row with this one has, the rarest.
    let comes_before = |earlier: &&(String, Vec<u8>)| {
        let all = own.iter().zip(&earlier.1).all(|(own, earlier)| own <= earlier);
        all && count(&earlier.1) > positives && count(&earlier.1) < own.len()
    };
    let parent = labels[..place].iter().filter(comes_before).min_by_key(|earlier| count(&earlier.1));
    let parent = parent.filter(|_| positives >= MIN_POSITIVES);
    let found = format!("0 and 1, {rate:.2} % of them 1");
    match parent {
        Some((parent, _)) => {
            let why = format!("{found}; every row with it has `{parent}` as well");
            (Role::Task { after: Some(name::plain(parent)) }, why)
        }
        None => (Role::Task { after: None }, found),
    }
}

/// A column that is neither key nor time nor task.
pub(super) fn other(profile: &Profile, labels: &[(String, Vec<u8>)]) -> (Role, String) {
    let rows = profile.rows();
    if profile.texts.is_none() && profile.longest == 0 {
        return (Role::Ignored, format!("values of type {}", profile.data_type));
    }
    if profile.texts.is_some() && profile.distinct <= 1 && (profile.distinct == 0 || profile.n_missing() == 0)
    {
        return (Role::Ignored, "one value in all rows".into());
    }
    if profile.is_zero_one() && name::is_label(&profile.name) {
        let why = "an outcome as the tasks are; --task makes it one (it needs 0 or 1 in every row)";
        return (Role::Ignored, why.into());
    }
    if let Some(why) = evidence::against(profile, labels) {
        return (Role::Suspicious, why);
    }
    if profile.texts.is_none() {
        let why = format!("lists of up to {}", profile.longest);
        return (Role::List { separator: None, max_values: profile.longest.min(MOST_SLOTS) }, why);
    }
    let values = format!("{} values", profile.distinct);
    let numbers_rows = profile.distinct as f64 >= ROW_ID_SHARE * rows as f64;
    match profile.data_type.clone() {
        data_type if data_type.is_string() => match profile.separator() {
            Some((separator, longest)) => {
                let why = format!("lists of up to {longest}");
                (Role::List { separator: Some(separator), max_values: longest.min(MOST_SLOTS) }, why)
            }
            None if numbers_rows => (Role::Ignored, format!("{values} in {rows} rows: nothing comes back")),
            None if profile.mean_length() > LONG_TEXT => (Role::Ignored, "long texts".into()),
            None => (Role::Id, values),
        },
        data_type if data_type.is_temporal() => {
            (Role::Ignored, "another time: the query can make a weekday or an age of it".into())
        }
        data_type if data_type.is_numeric() => {
            let is_id = profile.is_whole() && (name::is_id(&profile.name) || profile.distinct <= FEW_VALUES);
            match is_id {
                true if numbers_rows => {
                    (Role::Ignored, format!("{values} in {rows} rows: nothing comes back"))
                }
                true => (Role::Id, values),
                false => (Role::Number, format!("numbers, {values}")),
            }
        }
        _ => (Role::Id, values),
    }
}
