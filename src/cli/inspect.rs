//! `rmtl inspect`.

use std::path::{Path, PathBuf};

use rmtl_envs::{Dataset, MANIFEST_FILE};
use rmtl_ingest::DatasetFile;

use super::output::{complain, print};
use crate::error::Error;
use crate::inspect::Inspection;
use crate::interrupt::Interrupt;
use crate::launch::Result;
use crate::launch::preparation::default_folder;

const EXAMPLES: &str = "\
Examples:
  rmtl inspect prepared/shop
  rmtl inspect shop.toml --json";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// The folder of a prepared dataset, or the dataset file of one that is prepared.
    dataset: PathBuf,
    /// Where it was prepared, if not in `prepared/<name of the dataset>`.
    #[arg(long, value_name = "DIR")]
    prepared: Option<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn command(arguments: &Arguments, interrupt: &Interrupt) -> Result<()> {
    interrupt.end_at_once();
    let dataset = opened(&arguments.dataset, arguments.prepared.as_deref())?;
    let inspection = Inspection::of(&dataset);
    if arguments.json {
        print(
            serde_json::to_string_pretty(&inspection).expect("an inspection holds nothing JSON cannot say"),
        );
    } else {
        print(inspection.to_string().trim_end());
    }
    Ok(())
}

fn opened(named: &Path, prepared: Option<&Path>) -> Result<Dataset> {
    if named.is_dir() {
        return Ok(Dataset::open(named)?);
    }
    let file = DatasetFile::read(named)?;
    let folder = prepared.map_or_else(|| default_folder(&file), Path::to_owned);
    if !folder.join(MANIFEST_FILE).is_file() {
        let reason = format!(
            "it is not prepared there: rmtl prepare {} --out {}; or name its folder with --prepared",
            named.display(),
            folder.display()
        );
        return Err(Error::file("inspect", &folder, reason).into());
    }
    let dataset = Dataset::open(&folder)?;
    if dataset.manifest.dataset_file_hash != rmtl_ingest::dataset_file_hash(&file) {
        complain(format_args!(
            "warning: {} was prepared from another state of {}",
            folder.display(),
            named.display()
        ));
    }
    Ok(dataset)
}
