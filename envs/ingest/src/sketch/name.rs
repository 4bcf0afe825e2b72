//! What names of columns say.

/// Words of labels.
const LABELS: &str = "click clicks clicked clk like likes liked buy buys bought purchase purchased order ordered pay paid \
                      cart carted label target conversion convert converted follow followed share shared forward forwarded \
                      comment commented favorite favourite fav collect collected subscribe subscribed install installed \
                      download downloaded watch watched longview view viewed hate dislike finish finished reply retweet \
                      engaged engagement response";

/// Words of what becomes known with an outcome, or after it.
const OUTCOMES: &str = "dwell stay playtime watchtime revenue gmv";

/// Words of a session, and of who has one.
const SESSIONS: &str = "session sessionid sess visit visitid";
const VISITORS: &str =
    "user userid uid visitor visitorid customer customerid member account client device deviceid";

/// Words of times.
const TIMES: &str = "time timestamp ts datetime date day when timems created at clock";

/// Words of numbers that name something.
const IDS: &str = "id ids code type kind category cat class group hour weekday day month position pos rank slot channel tab \
                   level tier zip region country city brand item user visitor product sku ad campaign video author page";

/// The words of a name, in lower case: those between signs, and those that begin with a capital letter.
pub(super) fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut was_lower = false;
    for c in name.chars() {
        if !c.is_alphanumeric() || (c.is_uppercase() && was_lower) {
            words.push(String::new());
        }
        was_lower = c.is_lowercase() || c.is_numeric();
        if c.is_alphanumeric() {
            words.last_mut().expect("there is one").extend(c.to_lowercase());
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

fn has(name: &str, list: &str) -> bool {
    let words = words(name);
    list.split_whitespace().any(|listed| words.iter().any(|word| word == listed))
}

pub(super) fn is_label(name: &str) -> bool {
    has(name, LABELS)
}

/// Also where two words make one: `play_time`.
pub(super) fn is_outcome(name: &str) -> bool {
    let words = words(name);
    let pairs = words.windows(2).map(|pair| pair.concat());
    OUTCOMES
        .split_whitespace()
        .any(|outcome| words.iter().cloned().chain(pairs.clone()).any(|word| word == outcome))
}

/// How likely it is the key of a session: the greater the more; 0 = not by its name.
pub(super) fn session_rank(name: &str) -> u8 {
    let n_words = words(name).len();
    // `user_id` rather than `user_active_degree`.
    let is_key = n_words == 1 || (n_words == 2 && words(name)[1] == "id");
    match (has(name, SESSIONS), has(name, VISITORS)) {
        (true, _) if is_key => 4,
        (_, true) if is_key => 3,
        _ => 0,
    }
}

pub(super) fn is_session(name: &str) -> bool {
    has(name, SESSIONS)
}

pub(super) fn is_time(name: &str) -> bool {
    has(name, TIMES)
}

pub(super) fn is_id(name: &str) -> bool {
    let words = words(name);
    has(name, IDS) || words.iter().any(|word| word.len() > 5 && word.ends_with("id"))
}

/// The name with `_` for what dataset files and SQL do not take in names.
pub(super) fn plain(name: &str) -> String {
    let plain: String = name.chars().map(|c| if c.is_alphanumeric() || c == '_' { c } else { '_' }).collect();
    let plain = plain.trim_matches('_');
    if plain.starts_with(|c: char| c.is_numeric()) { format!("c{plain}") } else { plain.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_all_spellings() {
        assert_eq!(words("isLongView"), ["is", "long", "view"]);
        assert_eq!(words("play_time-ms"), ["play", "time", "ms"]);
        assert_eq!(words("AD_ID"), ["ad", "id"]);
        assert_eq!([plain("item-id"), plain("price ($)"), plain("2nd")], ["item_id", "price", "c2nd"]);
    }

    #[test]
    fn kinds_by_name() {
        assert!(is_label("is_click") && is_label("clicked") && !is_label("count_range"));
        assert!(is_outcome("play_time_ms") && is_outcome("dwell") && !is_outcome("duration_ms"));
        assert_eq!(
            ["session_id", "user_id", "visitorid", "user_active_degree"].map(session_rank),
            [4, 3, 3, 0]
        );
        assert!(is_id("itemid") && is_id("hour") && !is_id("price") && !is_id("paid"));
        assert!(is_time("event_time") && !is_time("lifetimes"));
    }
}
