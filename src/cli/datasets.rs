//! The dataset files that come with the program, inside it: they are there wherever it runs.

use std::path::Path;

use rmtl_files::{nearest, suggestion};
use rmtl_ingest::DatasetFile;

use super::output::print;
use crate::error::Error;
use crate::launch::Result;

/// A dataset file.
pub(super) struct Shipped {
    /// Its file name without `.toml`.
    stem: &'static str,
    /// What stands in it, comments and all.
    text: &'static str,
}

macro_rules! shipped {
    ($($stem:literal),+ $(,)?) => {
        [$(Shipped {
            stem: $stem,
            text: include_str!(concat!("../../configs/datasets/", $stem, ".toml")),
        }),+]
    };
}

const SHIPPED: [Shipped; 11] = shipped![
    "census_income",
    "kuairand_1k",
    "kuairand_27k",
    "kuairand_pure_four",
    "kuairand_pure_seven",
    "kuairand_pure_two",
    "planted",
    "quickstart",
    "retailrocket",
    "retailrocket_buyers",
    "synthetic",
];

impl Shipped {
    fn path(&self) -> String {
        format!("configs/datasets/{}.toml", self.stem)
    }

    fn parsed(&self) -> Result<DatasetFile> {
        Ok(DatasetFile::parse(self.text, Path::new(&self.path()))?)
    }
}

/// Name and summary of each, by name.
pub(super) fn summaries() -> Result<Vec<(String, String)>> {
    let mut found = Vec::new();
    for shipped in &SHIPPED {
        let file = shipped.parsed()?;
        let tasks: Vec<&str> = file.tasks.iter().map(|task| task.name.as_str()).collect();
        found.push((file.name.clone(), format!("{}; tasks {}", shipped.path(), tasks.join(" → "))));
    }
    found.sort();
    Ok(found)
}

/// Prints the dataset file that is called `name`, or whose file is.
///
/// # Errors
/// None is.
pub(super) fn show(name: &str) -> Result<()> {
    let stem = name.rsplit('/').next().unwrap_or(name).trim_end_matches(".toml");
    let mut names = Vec::new();
    for shipped in &SHIPPED {
        let file = shipped.parsed()?;
        if shipped.stem == stem || file.name == name {
            print(shipped.text.trim_end());
            return Ok(());
        }
        names.push(file.name);
    }
    let likely = suggestion(nearest(name, names.iter().map(String::as_str)));
    let message = format!("no dataset file `{name}`{likely}; there are {}", names.join(", "));
    Err(Error::Usage(message).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_the_folder_is_inside_and_has_a_name_of_its_own() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("configs/datasets");
        let mut stems: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
            .map(|path| path.file_stem().unwrap().to_string_lossy().into_owned())
            .collect();
        stems.sort();
        assert_eq!(SHIPPED.map(|shipped| shipped.stem.to_owned()).to_vec(), stems);
        let summaries = summaries().unwrap();
        assert!(summaries.windows(2).all(|pair| pair[0].0 != pair[1].0), "{summaries:?}");
        let message = show("kuairand-pur").unwrap_err().to_string();
        assert!(message.contains("did you mean `kuairand-pure"), "{message}");
    }
}
