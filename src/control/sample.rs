//! A part of a log to learn a controller on.

use std::collections::HashSet;

use rand::RngExt;
use rmtl_agents::stream::Streams;
use rmtl_envs::{Dataset, Row, Sessions, Split};

use crate::phase::control::{part, summary_of};

/// The log with a share of its users' training rows; of its sessions where the session's key is no feature. Validation and
/// test rows stay, and nothing here looks at them.
pub fn sample(dataset: &Dataset, share: f64, seed: u64) -> Dataset {
    let schema = &dataset.manifest.schema;
    let field = schema.categorical.iter().position(|field| field.name == dataset.manifest.session.key);
    let slot = field.map(|field| schema.slots(field).start);
    let table = &dataset.train;
    let mut stream = Streams::new(seed).named("control/sample");
    let (mut known, mut kept) = (HashSet::new(), HashSet::new());
    let mut rows = Vec::new();
    for (index, session) in Sessions::of(table).iter().enumerate() {
        let whose = slot.map_or(index as u32, |slot| table.categorical(Row(session.start))[slot]);
        if known.insert(whose) && stream.random::<f64>() < share {
            kept.insert(whose);
        }
        if kept.contains(&whose) {
            rows.extend(session.map(Row));
        }
    }
    let train = part(table, schema, &rows);
    let mut manifest = dataset.manifest.clone();
    for summary in &mut manifest.splits {
        if summary.split == Split::Train {
            *summary = summary_of(summary, &train);
        }
    }
    Dataset {
        manifest,
        train,
        validation: dataset.validation.clone(),
        test: dataset.test.clone(),
        is_verified: dataset.is_verified,
    }
}
