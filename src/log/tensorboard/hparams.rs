//! The settings of a run for the hparams dashboard, which sets runs side by side by them.

use std::collections::HashMap;

use protobuf::Message;
use protobuf::well_known_types::Value;
use tensorboard_proto::plugin_hparams::{HParamsPluginData, SessionStartInfo};

/// Name of the plugin.
pub(super) const PLUGIN: &str = "hparams";
/// Where the plugin looks for a run's settings.
pub(super) const TAG: &str = "_hparams_/session_start_info";

/// The settings as the plugin reads them, keys of nested tables joined by dots. Which settings there are in all, and which
/// metrics, the plugin finds in the runs that it is shown.
pub(super) fn bytes(settings: &toml::Table, start: f64) -> protobuf::ProtobufResult<Vec<u8>> {
    let mut hparams = HashMap::new();
    flatten(settings, "", &mut hparams);
    let mut session = SessionStartInfo::new();
    session.set_hparams(hparams);
    session.set_start_time_secs(start);
    let mut data = HParamsPluginData::new();
    data.set_session_start_info(session);
    data.write_to_bytes()
}

fn flatten(table: &toml::Table, prefix: &str, found: &mut HashMap<String, Value>) {
    for (key, value) in table {
        let key = format!("{prefix}{key}");
        let mut hparam = Value::new();
        match value {
            toml::Value::Table(inner) => {
                flatten(inner, &format!("{key}."), found);
                continue;
            }
            toml::Value::Integer(number) => hparam.set_number_value(*number as f64),
            toml::Value::Float(number) => hparam.set_number_value(*number),
            toml::Value::Boolean(is) => hparam.set_bool_value(*is),
            toml::Value::String(text) => hparam.set_string_value(text.clone()),
            // The plugin knows no lists.
            other => hparam.set_string_value(other.to_string()),
        }
        found.insert(key, hparam);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_come_back_under_dotted_keys() {
        let text = "seed = 5\nname = 'a'\n[a]\nrate = 0.5\non = true\nsizes = [1, 2]\n[a.b]\n";
        let settings: toml::Table = text.parse().expect("TOML");
        let bytes = bytes(&settings, 7.0).expect("written");
        let data = HParamsPluginData::parse_from_bytes(&bytes).expect("settings");
        let session = data.get_session_start_info();
        let of = |key: &str| &session.get_hparams()[key];
        assert_eq!((session.get_hparams().len(), session.get_start_time_secs()), (5, 7.0));
        assert_eq!((of("seed").get_number_value(), of("a.rate").get_number_value()), (5.0, 0.5));
        assert_eq!((of("name").get_string_value(), of("a.on").get_bool_value()), ("a", true));
        assert_eq!(of("a.sizes").get_string_value(), "[1, 2]");
    }
}
