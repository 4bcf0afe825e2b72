//! A sketch as a dataset file.

use std::fmt::Write;

use super::{Guess, Role, Sketch};
use crate::dataset_file::FileFormat;

pub(super) fn dataset_file(sketch: &Sketch, name: &str, paths: &[String]) -> String {
    let mut text = String::new();
    write(&mut text, sketch, name, paths).expect("a string takes what is written");
    text
}

fn write(out: &mut String, sketch: &Sketch, name: &str, paths: &[String]) -> std::fmt::Result {
    let rows = sketch.rows;
    writeln!(
        out,
        "# Guessed from the first {rows} rows of the log. Read it and correct it: every column of the query has one use,"
    )?;
    writeln!(out, "# and whatever becomes known only after a row was shown belongs under `ignore`.\n")?;
    writeln!(out, "name = {}", quoted(name))?;
    writeln!(out, "query = {}\n", query(sketch))?;
    for guess in &sketch.columns {
        match &guess.role {
            Role::Session { gap, .. } => {
                let key = quoted(&guess.name);
                writeln!(out, "# {}", line(&guess.why))?;
                match gap {
                    Some(gap) => writeln!(out, "session = {{ key = {key}, gap = {gap} }}")?,
                    None => writeln!(out, "session = {key}")?,
                }
            }
            Role::Time => writeln!(out, "# {}\ntime = {}", line(&guess.why), quoted(&guess.name))?,
            _ => {}
        }
    }
    list(out, sketch, "categorical", "become ids", |role| {
        matches!(role, Role::Id | Role::Session { is_feature: true, .. })
    })?;
    list(out, sketch, "numeric", "are standardised", |role| *role == Role::Number)?;
    lists(out, sketch)?;
    list(out, sketch, "ignore", "are not used", |role| matches!(role, Role::Ignored | Role::Suspicious))?;
    for guess in sketch.tasks() {
        let Role::Task { after } = &guess.role else { continue };
        writeln!(out, "\n# {}\n[[tasks]]", line(&guess.why))?;
        writeln!(out, "name = {name}\nlabel = {name}", name = quoted(&guess.name))?;
        if let Some(after) = after {
            writeln!(out, "after = {}", quoted(after))?;
        }
    }
    writeln!(out, "\n[tables]\nlog = {}", table(sketch, paths))?;
    writeln!(
        out,
        "\n# The first rows for training, the last for test.\n[split]\nkind = \"time_ratio\"\nratios = [6, 2, 2]"
    )?;
    writeln!(out, "\n# Values seen once share an id with those never seen.\n[vocabulary]\nmin_count = 2")
}

fn list(
    out: &mut String,
    sketch: &Sketch,
    key: &str,
    what: &str,
    has: impl Fn(&Role) -> bool,
) -> std::fmt::Result {
    let chosen: Vec<&Guess> = sketch.columns.iter().filter(|guess| has(&guess.role)).collect();
    if chosen.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n# Columns that {what}.\n{key} = [")?;
    for guess in chosen {
        let mark = if guess.role == Role::Suspicious { "SUSPICIOUS: " } else { "" };
        writeln!(out, "    {}, # {mark}{}", quoted(&guess.name), line(&guess.why))?;
    }
    writeln!(out, "]")
}

fn lists(out: &mut String, sketch: &Sketch) -> std::fmt::Result {
    let mut is_first = true;
    for guess in &sketch.columns {
        let Role::List { separator, max_values } = &guess.role else { continue };
        if std::mem::take(&mut is_first) {
            writeln!(out, "\n# Columns whose values are lists.\nmulti_valued = [")?;
        }
        let separator = separator.map(|c| format!("separator = {}, ", quoted(&c.to_string())));
        let (name, separator) = (quoted(&guess.name), separator.unwrap_or_default());
        writeln!(
            out,
            "    {{ name = {name}, {separator}max_values = {max_values} }}, # {}",
            line(&guess.why)
        )?;
    }
    if is_first { Ok(()) } else { writeln!(out, "]") }
}

/// All columns, by other names where theirs will not do.
fn query(sketch: &Sketch) -> String {
    if sketch.columns.iter().all(|guess| guess.column == guess.name) {
        return "\"SELECT * FROM log\"".into();
    }
    let columns = sketch.columns.iter().map(|guess| {
        let column = format!("\"{}\"", guess.column.replace('"', "\"\""));
        format!("{column} AS \"{}\"", guess.name)
    });
    quoted(&format!("SELECT {} FROM log", columns.collect::<Vec<_>>().join(", ")))
}

fn table(sketch: &Sketch, paths: &[String]) -> String {
    let path = match paths {
        [path] => quoted(path),
        paths => format!("[{}]", paths.iter().map(|path| quoted(path)).collect::<Vec<_>>().join(", ")),
    };
    let dialect = &sketch.files.dialect;
    let format = sketch.files.format.map(|format| match format {
        FileFormat::Csv => "format = \"csv\"".to_owned(),
        FileFormat::Tsv => "format = \"tsv\"".to_owned(),
        FileFormat::Parquet => "format = \"parquet\"".to_owned(),
    });
    let delimiter = dialect.delimiter.map(|c| format!("delimiter = {}", quoted(&c.to_string())));
    let null = (!dialect.null.is_empty()).then(|| {
        let words: Vec<String> = dialect.null.iter().map(|word| quoted(word)).collect();
        format!("null = [{}]", words.join(", "))
    });
    let keys: Vec<String> = format.into_iter().chain(delimiter).chain(null).collect();
    if keys.is_empty() { path } else { format!("{{ path = {path}, {} }}", keys.join(", ")) }
}

/// A text as TOML has it.
fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}

/// One line of a comment.
fn line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
