//! From canonical rows to the files of a dataset.

use rmtl_envs::{Cancel, FORMAT_VERSION, LogTable, Manifest, SessionRule, Split};
use rmtl_files::Checksums;

use crate::dataset_file::{DatasetFile, SplitRule};
use crate::findings::Findings;
use crate::findings::warnings;
use crate::fit::{moments, vocabulary};
use crate::purpose::Purpose;
use crate::rows::Rows;
use crate::rows::rejects::{self, Reject};
use crate::source::content_hash;
use crate::split::boundary::{self, Boundaries};
use crate::split::{end, late_labels};
use crate::write::SessionEnds;
use crate::write::encode::{Encoder, Fitted};
use crate::write::staging::{Staging, VOCABULARY_DIR};
use crate::{IngestError, Progress, write};

/// A dataset to be made.
#[derive(Clone, Copy)]
pub(crate) struct Job<'a> {
    pub(crate) file: &'a DatasetFile,
    pub(crate) purpose: Purpose,
    pub(crate) content_hash: &'a str,
    /// Where its files go.
    pub(crate) staging: &'a Staging,
    pub(crate) progress: &'a dyn Fn(Progress),
    pub(crate) cancel: &'a Cancel,
}

/// A log whose values have been looked at.
pub(crate) struct Checked {
    /// What stands between the values of lists, by field; see [`Columns`](crate::query::columns::Columns).
    pub(crate) separators: Vec<Option<String>>,
    /// See [`Layout`](crate::query::layout::Layout).
    pub(crate) stated: Option<Boundaries>,
    pub(crate) gap: Option<i64>,
    pub(crate) findings: Findings,
    pub(crate) rejects: Vec<Reject>,
}

impl Job<'_> {
    /// Splits the rows, fits what is learnt from the training rows, and writes everything.
    pub(crate) fn build(self, rows: &mut dyn Rows, log: Checked) -> Result<(), IngestError> {
        let Self { file, progress, .. } = self;
        let Checked { separators, stated, gap, mut findings, rejects } = log;
        let folder = self.staging.dataset();
        rejects::write(&folder, &rejects)?;
        findings.rejected = rejects.len() as u64;

        progress(Progress::Splitting);
        let boundaries = match (stated, &file.split) {
            (None, SplitRule::TimeRatio { ratios }) => boundary::by_ratio(rows, ratios, findings.rows)?,
            (stated, _) => stated.unwrap_or(Boundaries::Marked),
        };
        let ends = end::ends(rows, boundaries)?;
        let eventual = rows.counts(boundaries, file.tasks.len())?;
        let late_tasks: Vec<usize> = late_labels::late_tasks(file).collect();
        rows.count_labels(&late_tasks, boundaries, &ends)?;
        let counted = rows.counts(boundaries, file.tasks.len())?;
        findings.late_labels = late_labels::warnings(file, &eventual, &counted);
        findings.eventual_positives = eventual.of_all_splits();
        if self.purpose == Purpose::Dataset {
            boundary::check(file, boundaries, &counted)?;
        }

        let values = folder.join(VOCABULARY_DIR);
        let vocabularies = vocabulary::fit(rows, file, &separators, boundaries, &values, progress)?;
        progress(Progress::FittingNumeric);
        let (numeric, constant) = moments::fit(rows, &file.numeric, boundaries)?;
        findings.constant_numeric = constant;
        let scales = moments::scales(rows, file, boundaries, &findings.capped)?;
        if file.weight.is_some() && !moments::has_weight(rows, boundaries)? {
            return Err(file.setting("weight", "a number above 0 in some training row", "none"));
        }
        let fitted = Fitted { vocabularies, numeric, scales };
        let mut encoder = Encoder::new(file, fitted, separators, boundaries);
        let sessions = SessionEnds { gap, ends };
        let (splits, order) =
            write::tables(rows, file, &mut encoder, sessions, &folder, findings.rows, progress)?;

        let train = LogTable::open(&folder.join(Split::Train.file_name()), encoder.schema())?;
        let manifest = Manifest {
            format_version: FORMAT_VERSION,
            name: file.name.clone(),
            content_hash: self.content_hash.to_owned(),
            dataset_file_hash: content_hash::dataset_file_hash(file),
            session: SessionRule { key: file.session.key.clone(), gap },
            schema: encoder.schema().clone(),
            oracle: encoder.extras().oracle,
            weight: encoder.extras().weight,
            warnings: warnings::all(file, &findings, &order, &encoder, &splits, &train),
            splits,
        };
        manifest.write(&folder)?;
        let list = Checksums::of(&folder).and_then(|checksums| checksums.write(&folder));
        list.map_err(|source| IngestError::output("write the checksums into", &folder, source))
    }
}
