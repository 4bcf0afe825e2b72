//! `rmtl report`.

use std::path::Path;

use super::output::print;
use crate::launch::Result;
use crate::output::folder::RunFolder;
use crate::page;

pub(super) fn command(run_dir: &Path) -> Result<()> {
    let page = page::remake(&RunFolder::open(run_dir)?)?;
    print(format_args!("page        {}", page.display()));
    Ok(())
}
