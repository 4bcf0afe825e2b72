//! Layers shared by backbones and critics. A layer that several experts, gates or towers read is one product.

mod grouped;
mod init;
mod mlp;

pub use grouped::{GroupedLinear, WideLinear};
pub use init::{linear, uniform};
pub use mlp::{ExpertMlp, GroupedMlp, Mlp};
