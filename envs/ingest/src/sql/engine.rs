//! DataFusion within limits: its threads, its memory, its place on disk.

use std::path::Path;
use std::sync::Arc;

use datafusion::error::Result;
use datafusion::execution::SessionStateBuilder;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::FairSpillPool;
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::physical_optimizer::optimizer::PhysicalOptimizer;
use datafusion::prelude::{SessionConfig, SessionContext};

use crate::sql::join_order::LargestSideStreams;

/// What DataFusion may use where nobody tells: assumed memory of a machine that does not say.
const ASSUMED_MEMORY: usize = 4 << 30;

/// Both ways of running a query share memory and disk.
pub(crate) struct Engine {
    runtime: Arc<RuntimeEnv>,
    threads: usize,
}

impl Engine {
    /// `memory`: bytes DataFusion may hold before it spills into `scratch`.
    pub(crate) fn new(scratch: &Path, memory: usize) -> Result<Self> {
        let mode = DiskManagerMode::Directories(vec![scratch.to_owned()]);
        // The disk is the limit, not DataFusion's 100 GB.
        let disk = DiskManagerBuilder::default().with_mode(mode).with_max_temp_directory_size(u64::MAX);
        let builder = RuntimeEnvBuilder::new()
            .with_disk_manager_builder(disk)
            .with_memory_pool(Arc::new(FairSpillPool::new(memory)));
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        Ok(Self { runtime: builder.build_arc()?, threads })
    }

    /// One partition: rows come in the order of the sources, whatever the machine.
    pub(crate) fn in_order(&self) -> SessionContext {
        self.context(1)
    }

    /// All cores: only for results that are sorted or do not depend on any order.
    pub(crate) fn in_parallel(&self) -> SessionContext {
        self.context(self.threads)
    }

    fn context(&self, partitions: usize) -> SessionContext {
        let mut config = SessionConfig::new().with_target_partitions(partitions);
        let options = config.options_mut();
        // Headers of logs are often in mixed case; names mean what they say.
        options.sql_parser.enable_ident_normalization = false;
        options.optimizer.join_reordering = false;
        // Views keep whole buffers of strings alive, which a sort then counts as its own and runs out of memory.
        options.execution.parquet.schema_force_view_types = false;
        let mut rules = PhysicalOptimizer::new().rules;
        rules.insert(0, Arc::new(LargestSideStreams));
        let state = SessionStateBuilder::new()
            .with_config(config)
            .with_runtime_env(self.runtime.clone())
            .with_default_features()
            .with_physical_optimizer_rules(rules)
            .build();
        SessionContext::new_with_state(state)
    }
}

/// Half of the memory this process may use.
pub(crate) fn default_memory() -> usize {
    let available = rmtl_envs::available_memory().and_then(|bytes| usize::try_from(bytes).ok());
    available.unwrap_or(ASSUMED_MEMORY) / 2
}
