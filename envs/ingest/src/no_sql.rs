//! What stands for [`sql`](crate::sql) in a build without it: everything that needs it says so.

use std::path::Path;

use crate::IngestError;
use crate::build::Job;
use crate::dataset_file::DatasetFile;
use crate::source::Sources;

pub(crate) fn build(job: Job<'_>, _: &Sources, _: Option<usize>) -> Result<(), IngestError> {
    Err(needs_sql(job.file.path()))
}

pub(crate) fn validate(file: &DatasetFile, _: &Sources) -> Result<(), IngestError> {
    Err(needs_sql(file.path()))
}

fn needs_sql(path: &Path) -> IngestError {
    IngestError::NeedsSql { path: path.to_owned() }
}

#[cfg(test)]
mod tests {
    use rmtl_envs::Cancel;

    use super::*;
    use crate::{prepare, validate};

    /// A generated log of a few rows.
    fn file(query: &str) -> DatasetFile {
        let text = include_str!("../../../configs/datasets/synthetic.toml")
            .replace("SELECT * FROM log", query)
            .replace("seed = 0", "n_sessions = 300");
        DatasetFile::parse(&text, Path::new("log.toml")).unwrap()
    }

    #[test]
    fn a_generated_log_is_prepared_and_a_query_says_what_it_needs() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("prepared");
        let prepared = |query| prepare(&file(query), None, &out, &|_| {}, &Cancel::default());
        let error = prepared("SELECT * FROM log WHERE true").unwrap_err().to_string();
        assert!(error.starts_with("log.toml: `query` needs SQL") && error.contains("--prepared"), "{error}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "nothing is left");
        assert!(!prepared("SELECT * FROM log").unwrap().reused);
        assert!(prepared("SELECT * FROM log").unwrap().reused);
        validate(&file("SELECT * FROM log"), None).unwrap();
        assert!(validate(&file("SELECT user FROM log"), None).is_err());
    }
}
