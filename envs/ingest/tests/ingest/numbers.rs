//! Labels that are numbers, and rows that count differently.

use rmtl_envs::{LogTable, NumberScale};

use crate::case::{Case, FILE, LOG, assert_says, message, times, warned};

/// `price` as a label beside the chain: 1 to 10, a row per time; six training rows.
fn file(task: &str) -> String {
    let watch =
        format!("\n[[tasks]]\nname = \"spend\"\nlabel = \"price\"\nkind = \"number\"\n{task}\n\n[tables]");
    FILE.replace("numeric = [\"price\"]", "").replace("\n[tables]", &watch)
}

fn targets(table: &LogTable, task: usize) -> Vec<f32> {
    table.rows().map(|row| table.target(row, task)).collect()
}

#[test]
fn numbers_are_shares_of_the_largest_training_label() {
    let dataset = Case::with_log(LOG).dataset(&file(""));
    let scale = dataset.manifest.schema.tasks[2].number.unwrap();
    let deviation = (35.0_f64 / 12.0).sqrt();
    assert_eq!((scale.cap, scale.mean), (6.0, 3.5));
    assert!((scale.standard_deviation - deviation).abs() < 1e-12);
    let expected =
        |table: &LogTable| times(table).iter().map(|&time| (time as f64 / 6.0) as f32).collect::<Vec<_>>();
    assert_eq!(targets(&dataset.train, 2), expected(&dataset.train));
    // Later rows may be larger.
    assert_eq!(targets(&dataset.test, 2), expected(&dataset.test));
    assert!(targets(&dataset.test, 2).iter().all(|&target| target > 1.0));
    // Labels of 0 and 1 are there as such, and of a number whether it is above 0.
    let labels: Vec<u8> = dataset.train.rows().map(|row| dataset.train.labels(row)[0]).collect();
    assert_eq!(targets(&dataset.train, 0), labels.iter().map(|&label| f32::from(label)).collect::<Vec<_>>());
    assert_eq!(dataset.manifest.splits.iter().map(|split| split.positives[2]).collect::<Vec<_>>(), [6, 2, 2]);
}

#[test]
fn a_cap_is_what_larger_numbers_count_as() {
    let dataset = Case::with_log(LOG).dataset(&file("cap = 4.0"));
    let scale = dataset.manifest.schema.tasks[2].number.unwrap();
    // 1, 2, 3, 4, 4, 4
    assert_eq!(scale, NumberScale { cap: 4.0, mean: 3.0, standard_deviation: (8.0_f64 / 6.0).sqrt() });
    assert_eq!(targets(&dataset.test, 2), [1.0, 1.0]);
    assert_eq!(warned(&dataset.manifest.warnings, "capped_labels"), [6]);
}

#[test]
fn what_a_number_cannot_be_is_refused() {
    for (task, parts) in [
        ("after = \"buy\"", &["tasks.spend.after", "no `after` between a number and another task"][..]),
        ("known_at = \"time\"", &["tasks.spend.known_at", "known with its row"]),
        ("cap = 0.0", &["tasks.spend.cap", "a number above 0"]),
        ("kind = \"nubmer\"", &["number"]),
    ] {
        let text = match task.starts_with("kind") {
            true => file("").replace("kind = \"number\"", task),
            false => file(task),
        };
        assert_says(&Case::with_log(LOG).error(&text), parts);
    }
    assert_says(
        &Case::with_log(LOG).error(&FILE.replace("label = \"buy\"", "label = \"buy\"\ncap = 2.0")),
        &["tasks.buy.cap"],
    );
    for (value, found) in [("-1", "-1"), ("", "price"), ("inf", "inf")] {
        let log = LOG.replace("a,5,x,5,1,1", &format!("a,5,x,{value},1,1"));
        let parts = ["tasks.label", "a number from 0 to 3.4e38", found, "log.csv, line 6"];
        assert_says(&Case::with_log(&log).error(&file("")), &parts);
    }
    let same = LOG.lines().map(|line| {
        let cells: Vec<&str> = line.split(',').collect();
        let price = if cells[3] == "price" { "price" } else { "7" };
        format!("{},{},{},{price},{},{}\n", cells[0], cells[1], cells[2], cells[4], cells[5])
    });
    assert_says(
        &Case::with_log(&same.collect::<String>()).error(&file("")),
        &["numbers that differ in the training rows"],
    );
}

#[test]
fn a_weight_travels_beside_its_row_and_is_no_feature() {
    let text = FILE.replace("numeric = [\"price\"]", "weight = \"price\"");
    let dataset = Case::with_log(LOG).dataset(&text);
    assert!(dataset.manifest.weight && dataset.train.has_weight());
    let weights: Vec<f32> = dataset.train.rows().map(|row| dataset.train.weight(row)).collect();
    assert_eq!(weights, times(&dataset.train).iter().map(|&time| time as f32).collect::<Vec<_>>());
    assert_eq!(dataset.manifest.schema.n_numeric(), 0);
    let without = Case::with_log(LOG).dataset(FILE);
    assert!(!without.manifest.weight && without.train.rows().all(|row| without.train.weight(row) == 1.0));
    assert_says(
        &Case::with_log(&LOG.replace("a,5,x,5,1,1", "a,5,x,-5,1,1")).error(&text),
        &["`weight`", "-5"],
    );
    let zero: String = LOG
        .replace("a,1,x,1,", "a,1,x,0,")
        .lines()
        .map(|line| {
            let cells: Vec<&str> = line.split(',').collect();
            let price = if cells[3] == "price" { "price" } else { "0" };
            format!("{},{},{},{price},{},{}\n", cells[0], cells[1], cells[2], cells[4], cells[5])
        })
        .collect();
    assert_says(&Case::with_log(&zero).error(&text), &["`weight`", "above 0 in some training row"]);
    let twice = FILE.replace("name = \"tiny\"", "name = \"tiny\"\nweight = \"price\"");
    assert_says(&Case::with_log(LOG).error(&twice), &["no other use", "price"]);
}

#[test]
fn logs_without_numbers_and_weights_are_the_bytes_they_were() {
    let case = Case::with_log(LOG);
    let prepared = case.prepare(FILE).unwrap_or_else(|error| panic!("{}", message(&error)));
    let text = std::fs::read_to_string(prepared.directory.join("manifest.json")).unwrap();
    assert!(!text.contains("\"number\"") && !text.contains("\"weight\""), "{text}");
}

#[test]
fn a_feature_that_tells_a_number_is_reported_and_a_cap_out_of_reach_too() {
    let rows = |row: u64| {
        format!("{},{row},i{},{},{},{}\n", row / 20, row % 9, row * 7 % 50, row * 13 % 41, row * 7 % 50)
    };
    let log = "user,time,item,dwell,other,watch\n".to_owned() + &(0..600).map(rows).collect::<String>();
    let file = |features: &str, cap: &str| {
        format!(
            "name = \"leak\"\nquery = \"SELECT * FROM log\"\nsession = \"user\"\ntime = \"time\"\ncategorical = [\"item\"]\n\
             numeric = [{features}]\ntables = {{ log = \"log.csv\" }}\n\
             tasks = [{{ name = \"watch\", label = \"watch\", kind = \"number\"{cap} }}]\n"
        )
    };
    let telling = Case::with_log(&log).dataset(&file("\"dwell\", \"other\"", "")).manifest.warnings;
    assert_eq!(warned(&telling, "telling_feature").len(), 1, "{telling:?}");
    assert!(telling.iter().any(|warning| warning.message.contains("`dwell`")), "{telling:?}");
    assert_eq!(warned(&telling, "distant_cap"), [0; 0]);
    let honest = Case::with_log(&log)
        .dataset(&file("\"other\"", ", cap = 1000.0").replace("SELECT *", "SELECT * EXCEPT (dwell)"))
        .manifest
        .warnings;
    assert_eq!(warned(&honest, "telling_feature"), [0; 0]);
    assert_eq!(warned(&honest, "distant_cap"), [600]);
}

#[test]
fn weights_no_table_can_tell_from_0_are_refused() {
    let text = FILE
        .replace("numeric = [\"price\"]", "weight = \"w\"")
        .replace("SELECT *", "SELECT * EXCEPT (price), 1e-50 AS w");
    assert_says(&Case::with_log(LOG).error(&text), &["`weight`", "above 0 in some training row"]);
}
