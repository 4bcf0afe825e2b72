//! Which side of a join is held in memory.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::config::ConfigOptions;
use datafusion::datasource::physical_plan::FileScanConfig;
use datafusion::datasource::source::DataSourceExec;
use datafusion::error::Result;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::joins::HashJoinExec;

/// Makes every hash join hold the side with fewer bytes of source files and stream the other.
///
/// DataFusion's own rule needs row counts, which CSV files do not have, and without them holds the LEFT side: of
/// `log JOIN users` that is the log, all of it. Streaming the log also keeps its order.
#[derive(Debug)]
pub(crate) struct LargestSideStreams;

impl PhysicalOptimizerRule for LargestSideStreams {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        plan.transform_up(|plan| match plan.downcast_ref::<HashJoinExec>() {
            Some(join) if holds_the_larger_side(join) => {
                join.swap_inputs(*join.partition_mode()).map(Transformed::yes)
            }
            _ => Ok(Transformed::no(plan)),
        })
        .data()
    }

    fn name(&self) -> &str {
        "largest_side_streams"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

fn holds_the_larger_side(join: &HashJoinExec) -> bool {
    join.join_type().supports_swap()
        && !join.null_aware
        && source_bytes(join.left()) > source_bytes(join.right())
}

fn source_bytes(plan: &Arc<dyn ExecutionPlan>) -> u64 {
    let own = plan
        .downcast_ref::<DataSourceExec>()
        .and_then(|scan| scan.data_source().downcast_ref::<FileScanConfig>())
        .map_or(0, |scan| {
            scan.file_groups.iter().flat_map(|group| group.iter()).map(|f| f.object_meta.size).sum()
        });
    plan.children().into_iter().map(source_bytes).sum::<u64>() + own
}

#[cfg(test)]
mod tests {
    use datafusion::physical_plan::displayable;

    use super::*;
    use crate::sql::engine::Engine;

    /// The file scanned on the side that is held, per join, outermost first.
    async fn held_files(query: &str) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        let engine = Engine::new(folder.path(), 1 << 28).unwrap();
        let context = engine.in_order();
        for (name, rows) in [("log", 1000), ("users", 10), ("items", 100)] {
            let path = folder.path().join(format!("{name}.csv"));
            let lines: String = (0..rows).map(|row| format!("{row},{row}\n")).collect();
            std::fs::write(&path, format!("user,item\n{lines}")).unwrap();
            context.register_csv(name, path.to_str().unwrap(), Default::default()).await.unwrap();
        }
        let plan = context.sql(query).await.unwrap().create_physical_plan().await.unwrap();
        let mut held = Vec::new();
        plan.apply(|plan| {
            if let Some(join) = plan.downcast_ref::<HashJoinExec>() {
                let side = displayable(join.left().as_ref()).indent(false).to_string();
                held.push(["log", "users", "items"].map(|name| side.contains(&format!("{name}.csv"))));
            }
            Ok(datafusion::common::tree_node::TreeNodeRecursion::Continue)
        })
        .unwrap();
        let names =
            |scans: [bool; 3]| ["log", "users", "items"].into_iter().zip(scans).filter(|(_, scan)| *scan);
        held.into_iter()
            .map(|scans| names(scans).map(|(name, _)| name).collect::<Vec<_>>().join("+"))
            .collect()
    }

    #[test]
    fn the_log_streams_wherever_it_stands() {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        let select = "SELECT log.user, users.item AS a, items.item AS b";
        for from in [
            "FROM log LEFT JOIN users ON log.user = users.user LEFT JOIN items ON log.item = items.item",
            "FROM items RIGHT JOIN (users RIGHT JOIN log ON log.user = users.user) ON log.item = items.item",
            "FROM log JOIN users ON log.user = users.user JOIN items ON log.item = items.item",
        ] {
            let held = runtime.block_on(held_files(&format!("{select} {from}")));
            assert_eq!(held, ["items", "users"], "{from}");
        }
    }
}
