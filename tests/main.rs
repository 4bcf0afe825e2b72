//! The product, end to end. One binary: each test binary links everything again.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod agent;
mod annealing;
mod bad_input;
mod cli;
mod compare;
mod control;
mod critic_weights;
mod divergence;
mod dynamic_weights;
mod folders;
mod foreign;
mod full_disk;
mod further;
mod inputs;
mod learning;
mod page;
mod pipeline;
mod planted;
mod predictions;
mod real_logs;
mod resume;
mod study;
mod takeaway;
mod task_conflict;
mod tensorboard;
mod warnings;
mod workbench;
