//! The page of a run: what it shows, that a browser shows it, and that it costs nothing where it cannot be written.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use rmtl::output::folder::RunFolder;
use rmtl::trainer::write_report;

use crate::workbench::{Workbench, rmtl};

/// The drawings of a page, by their names.
fn drawings(page: &str) -> Vec<(String, String)> {
    let parts = page.split("<svg class=\"chart\" id=\"").skip(1);
    let drawing = |part: &str| {
        let (id, rest) = part.split_once('"').unwrap();
        (id.to_owned(), rest.split_once("</svg>").unwrap().0.to_owned())
    };
    parts.map(drawing).collect()
}

fn check(page: &str, expected: &[&str]) {
    let found = drawings(page);
    let names: Vec<&str> = found.iter().map(|(id, _)| id.as_str()).collect();
    for id in expected {
        assert!(names.contains(id), "{id} is missing in {names:?}");
    }
    for (id, svg) in &found {
        assert!(svg.contains("class=\"mark"), "{id} shows nothing");
    }
}

/// Which kinds of sessions have known returns depends on the log.
fn is_of_critics(id: &str) -> bool {
    id == "td-error" || id.starts_with("q-return")
}

const OF_EVERY_RUN: [&str; 8] = [
    "ranking",
    "validation",
    "loss",
    "weights",
    "calibration-0",
    "calibration-1",
    "calibration-2",
    "seconds",
];

#[test]
fn every_run_leaves_a_page_that_can_be_made_anew_and_shown_by_a_browser() {
    let bench = Workbench::new();
    bench.train("run", &[]);
    let page = bench.read("run/report.html");
    check(&page, &OF_EVERY_RUN);
    check(&page, &["td-error"]);
    assert!(drawings(&page).iter().any(|(id, _)| id.starts_with("q-return")), "Q against return");
    assert!(page.contains("kept at step"), "where the actors were kept");

    fs::remove_file(bench.path("run/report.html")).unwrap();
    let made = rmtl().arg("report").arg(bench.path("run")).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    assert_eq!(bench.read("run/report.html"), page, "the folder has all that the page shows");

    in_a_browser(&bench.path("run/report.html"));
}

#[test]
fn a_run_without_critics_has_a_page_without_theirs() {
    let bench = Workbench::new();
    let report = bench.train("run", &["weighting.equal={}"]);
    let page = bench.read("run/report.html");
    check(&page, &OF_EVERY_RUN);
    assert!(!drawings(&page).iter().any(|(id, _)| is_of_critics(id)));

    // Where the page cannot be, everything else is written.
    fs::remove_file(bench.path("run/report.html")).unwrap();
    fs::create_dir_all(bench.path("run/report.html/in/the/way")).unwrap();
    fs::remove_file(bench.path("run/report.json")).unwrap();
    let unfinished = rmtl().arg("report").arg(bench.path("run")).output().unwrap();
    assert!(!unfinished.status.success());
    assert!(String::from_utf8_lossy(&unfinished.stderr).contains("did not finish"), "{unfinished:?}");
    write_report(&RunFolder::open(&bench.path("run")).unwrap(), &report).unwrap();
    assert_eq!(bench.json("run/report.json")["seed"], 5);
}

/// Opens a page where there is a browser: its drawings are there, and it neither complains nor asks for anything. The page's own
/// policy forbids every request, and a browser complains of what a policy stops.
fn in_a_browser(page: &Path) {
    let Some(browser) = ["chromium", "chromium-browser", "google-chrome"].into_iter().find(|name| runs(name))
    else {
        println!("skipped: no chromium here to open the page in");
        return;
    };
    let shown = open(browser, page);
    assert!(shown.status.success(), "{shown:?}");
    check(&String::from_utf8_lossy(&shown.stdout), &OF_EVERY_RUN);
    assert_eq!(complaints(&shown), Vec::<String>::new());

    // Negative control: the same page with a request in it is complained of.
    let asking = page.with_file_name("asking.html");
    let text = fs::read_to_string(page).unwrap();
    fs::write(&asking, text.replace("</main>", "<img src=\"http://127.0.0.1:9/x.png\" alt=\"\"></main>"))
        .unwrap();
    assert!(!complaints(&open(browser, &asking)).is_empty(), "a request goes unnoticed");
}

fn runs(program: &str) -> bool {
    Command::new(program).arg("--version").output().is_ok_and(|output| output.status.success())
}

fn open(browser: &str, page: &Path) -> Output {
    let profile = tempfile::tempdir().unwrap();
    Command::new(browser)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"])
        .args(["--disable-background-networking", "--disable-component-update", "--disable-sync"])
        .args(["--disable-dev-shm-usage", "--enable-logging=stderr", "--timeout=20000", "--dump-dom"])
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .arg(format!("file://{}", page.display()))
        .output()
        .unwrap()
}

/// What a page wrote to the browser's console.
fn complaints(shown: &Output) -> Vec<String> {
    let text = String::from_utf8_lossy(&shown.stderr).into_owned();
    text.lines().filter(|line| line.contains("CONSOLE")).map(String::from).collect()
}
