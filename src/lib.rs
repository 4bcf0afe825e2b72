//! Reinforcement-learned loss weights for multi-task recommendation.
//!
//! A log becomes session environments ([`rmtl_envs`]), prepared from raw files by [`rmtl_ingest`]; [`rmtl_agents`]
//! holds everything with parameters. This crate runs them. [`config`] says what a run is; [`trainer`] runs it on a prepared
//! dataset, [`launch`] from wherever its data are; [`schedule`] has the phases in their order, [`phase`] each of them,
//! [`log`] where numbers become files, [`output`] what is left behind, [`statistics`] whether one run is better, and [`tables`] shows it.
//!
//! ```no_run
//! use std::path::Path;
//!
//! let set = ["backbone.mmoe.n_experts=4".parse()?, "seed=2".parse()?];
//! let config = rmtl::config::RunFile::read(Path::new("configs/quickstart.toml"), &set)?;
//! let report = rmtl::launch::train_into(Path::new("runs/mmoe"), &config)?;
//! println!("{}", report.actors.to_table(&report.weighting));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#[cfg(feature = "cli")]
pub mod cli;
pub mod compare;
pub mod config;
pub mod control;
pub mod device;
pub mod error;
pub mod footprint;
pub mod inspect;
pub mod interrupt;
pub mod launch;
pub mod log;
pub mod memory;
pub mod metric;
pub mod monitor;
pub mod observer;
pub mod output;
pub mod page;
pub mod phase;
pub mod run;
pub mod schedule;
pub mod statistics;
pub mod streams;
pub mod study;
pub mod tables;
pub mod trainer;
