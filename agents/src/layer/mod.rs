//! Layers shared by backbones and critics. A layer that several experts, gates or towers read is one product.

mod attention;
mod grouped;
mod init;
mod mlp;

pub use attention::{PointAttention, attend, project};
pub use grouped::{GroupedLinear, WideLinear};
pub(crate) use init::without_values;
pub use init::{layer_norm, linear, projection, uniform};
pub use mlp::{ExpertMlp, FannedMlp, GroupedMlp, Mlp};
