//! Small logs in the layouts of the dataset files that come with the project, long enough to have rows in all splits.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use rmtl_ingest::{DatasetFile, SplitRule, Table};
use tempfile::TempDir;

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;
/// 2015-06-01.
const START: i64 = 1_433_116_800_000;

/// The shipped dataset files that split by time, synthetic logs made smaller.
pub(crate) fn shipped_files() -> Vec<DatasetFile> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../configs/datasets");
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut paths: Vec<PathBuf> =
        paths.filter(|path| path.extension().is_some_and(|e| e == "toml")).collect();
    paths.sort();
    let read = |path: &PathBuf| {
        let mut file = DatasetFile::read(path).unwrap_or_else(|error| panic!("{error}"));
        for table in file.tables.values_mut() {
            if let Table::Synthetic(config) = table {
                // Planted tasks may be so rare that a few hundred sessions have none.
                config.n_sessions = if config.planted.is_some() { 3000 } else { 300 };
            }
        }
        file
    };
    let by_time = |file: &DatasetFile| {
        matches!(file.split, SplitRule::TimeRatio { .. } | SplitRule::TimeBoundary { .. })
    };
    paths.iter().map(read).filter(by_time).collect()
}

/// A folder with a log for each of them.
pub(crate) fn logs() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, content: &str| fs::write(folder.path().join(name), content).unwrap();
    for size in ["pure", "1k", "27k"] {
        write(&format!("log_standard_0_{size}.csv"), &impressions());
        write(&format!("user_features_{size}.csv"), &users());
        write(&format!("video_features_basic_{size}.csv"), &videos());
    }
    write("events.csv", &events());
    let [first, second] = properties();
    write("item_properties_part1.csv", &first);
    write("item_properties_part2.csv", &second);
    write("category_tree.csv", "categoryid,parentid\n500,9\n501,9\n502,\n");
    folder
}

/// A linear congruential generator.
struct Random(u64);

impl Random {
    fn below(&mut self, n: i64) -> i64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as i64 % n
    }
}

fn sorted(header: &str, mut lines: Vec<(i64, String)>) -> String {
    lines.sort();
    let lines: Vec<String> = lines.into_iter().map(|(_, line)| line).collect();
    format!("{header}\n{}\n", lines.join("\n"))
}

/// Several rows share a user and a time.
fn impressions() -> String {
    let mut random = Random(1);
    let lines = (0..700).map(|_| {
        let time = START + random.below(14 * 24) * HOUR;
        let click = random.below(2);
        let rare = [(); 5].map(|()| i64::from(random.below(8) == 0).to_string()).join(",");
        let line = format!(
            "{},{},{},{time},{click},{},{},{},{rare}",
            random.below(40),
            random.below(60),
            time / HOUR % 24 * 100,
            click * random.below(2),
            1000 * random.below(100),
            random.below(4)
        );
        (time, line)
    });
    let rare = "is_profile_enter,is_like,is_comment,is_follow,is_forward";
    let header = format!("user_id,video_id,hourmin,time_ms,is_click,long_view,duration_ms,tab,{rare}");
    sorted(&header, lines.collect())
}

fn users() -> String {
    let names = "user_id,user_active_degree,follow_user_num_range,fans_user_num_range,friend_user_num_range,\
                 register_days_range,is_video_author,onehot_feat1,onehot_feat2";
    let users = (0..40).map(|user| format!("{user},full,0,{},0,31-60,{},1,2\n", user % 3, user % 2));
    format!("{names}\n{}", users.collect::<String>())
}

fn videos() -> String {
    let videos =
        (0..60).map(|video| format!("{video},{},Kmovie,\"{},{}\"\n", video % 7, video % 5, video % 3));
    format!("video_id,author_id,upload_type,tag\n{}", videos.collect::<String>())
}

/// At most one event of a kind per pair. Carts come from two hours before their view to ten days after it, buys up to
/// ten days later still.
fn events() -> String {
    let mut random = Random(2);
    let mut pairs = BTreeSet::new();
    let mut lines = Vec::new();
    let mut event = |time: i64, (visitor, item): (i64, i64), kind: &str| {
        lines.push((time, format!("{time},{visitor},{kind},{item},")));
    };
    for _ in 0..900 {
        let pair = (random.below(40), random.below(60));
        if !pairs.insert(pair) {
            continue;
        }
        let view = START + random.below(30 * DAY);
        event(view, pair, "view");
        if random.below(3) == 0 {
            let cart = view - 2 * HOUR + random.below(10 * DAY);
            event(cart, pair, "addtocart");
            if random.below(2) == 0 {
                event(cart + random.below(10 * DAY), pair, "transaction");
            }
        }
    }
    sorted("timestamp,visitorid,event,itemid,transactionid", lines)
}

/// Categories that change every week.
fn properties() -> [String; 2] {
    let mut random = Random(3);
    let part = |items: std::ops::Range<i64>, random: &mut Random| {
        let mut lines = Vec::new();
        for item in items {
            for week in 0..5 {
                let (time, category) = (START + week * 7 * DAY, 500 + random.below(3));
                lines.push((time, format!("{time},{item},categoryid,{category}")));
            }
        }
        sorted("timestamp,itemid,property,value", lines)
    };
    [part(0..30, &mut random), part(30..60, &mut random)]
}
